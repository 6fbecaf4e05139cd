"""A PROXY protocol header in front of the handshake, as a load balancer sends it that passes TLS on."""

import socket
import ssl
import struct
from ast import literal_eval

import pytest
from client import Client

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.9 4321 443\r\n"
V2 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11"
    + struct.pack(">H", 12)
    + socket.inet_aton("192.0.2.7")
    + socket.inet_aton("198.51.100.9")
    + struct.pack(">HH", 4321, 443)
)


@pytest.fixture(scope="module")
def s(server, authority):
    flags = ("--proxy-protocol", "auto", "--ssl-handshake-timeout", "1")
    with server("scopes:dump", *authority.issue("localhost").flags, *flags) as s:
        yield s


class Behind(Client):
    """A client whose connection begins with a header."""

    def __init__(self, s, authority, header, pieces=1):
        super().__init__((s.host, s.port))
        for start in range(0, len(header), -(-len(header) // pieces) or 1):
            self.send(header[start : start + -(-len(header) // pieces)])
        self.socket = authority.client().context.wrap_socket(self.socket, server_hostname="localhost")


@pytest.mark.parametrize("pieces", [1, 5])
@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_the_header_names_the_client(s, authority, header, pieces):
    with Behind(s, authority, header, pieces) as client:
        for _ in range(2):
            client.get()
            scope = literal_eval(client.read_response().body.decode())
            assert scope["client"] == ("192.0.2.7", 4321) and scope["server"] == ("198.51.100.9", 443)
            assert scope["scheme"] == "https" and "tls" in scope["extensions"]


def test_the_handshake_may_come_in_one_packet_with_the_header(s, authority):
    """Nothing more comes then that would wake the connection."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client().context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with Client((s.host, s.port)) as client:
        client.send(V1 + outgoing.read())
        assert client.socket.recv(1) == b"\x16"


def test_who_sends_no_header_is_served_as_it_is(s, authority):
    scope = literal_eval(authority.client().get(s).body.decode())
    assert scope["client"][0] == "127.0.0.1"


@pytest.mark.parametrize("header", [b"", V1], ids=["without", "with header"])
def test_plain_http_is_answered_with_a_hint(s, header):
    with Client((s.host, s.port)) as client:
        client.send(header + b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        response = client.read_response()
        assert response.status == 400 and b"https://" in response.body


def test_a_header_and_no_handshake_is_waited_for_only_so_long(s):
    with Client((s.host, s.port)) as client:
        client.send(V1)
        client.expect_closed()


def test_a_malformed_header_is_refused_in_the_clear(s):
    with Client((s.host, s.port)) as client:
        client.send(b"PROXY TCP4 192.0.2.7\r\n")
        assert client.read_response().status == 400
