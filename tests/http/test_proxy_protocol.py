"""The PROXY protocol's header before the first request of a connection, versions 1 and 2."""

import ast
import socket
import struct

import pytest
from client import Client
from command import serving
from conftest import APPS

V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 5678 443\r\n"
V1_CLIENT, V1_SERVER = ("192.0.2.1", 5678), ("198.51.100.2", 443)
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
PEER = "127.0.0.1"


def v2(command, family, rest=b""):
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def v2_addresses(family, client, server, extensions=b""):
    packed = [socket.inet_pton(family, address) for address, _ in (client, server)]
    kind = 0x11 if family == socket.AF_INET else 0x21
    return v2(0x21, kind, b"".join(packed) + struct.pack("!HH", client[1], server[1]) + extensions)


V2 = v2_addresses(socket.AF_INET, V1_CLIENT, V1_SERVER)
V2_INET6 = v2_addresses(socket.AF_INET6, ("2001:db8::1", 1), ("::2", 65535), b"\x04\0\x03\0\0\0")


@pytest.fixture(scope="module")
def auto(server):
    with server("scopes:dump", "--proxy-protocol", "auto") as s:
        yield s


def scope_of(response):
    assert response.status == 200, response.body
    return ast.literal_eval(response.body.decode())


@pytest.mark.parametrize(
    ("header", "client", "address"),
    [
        (V1, V1_CLIENT, V1_SERVER),
        (b"PROXY TCP6 2001:db8::1 ::2 1 65535\r\n", ("2001:db8::1", 1), ("::2", 65535)),
        (V2, V1_CLIENT, V1_SERVER),
        (V2_INET6, ("2001:db8::1", 1), ("::2", 65535)),
        (b"PROXY TCP6 ::ffff:1.2.3.4 ::ffff:5.6.7.8 1 2\r\n", ("1.2.3.4", 1), ("5.6.7.8", 2)),
    ],
    ids=["v1-tcp4", "v1-tcp6", "v2-inet", "v2-inet6-with-extensions", "v1-mapped"],
)
def test_the_header_names_client_and_server_for_the_whole_connection(auto, header, client, address):
    with auto.connect() as connection:
        connection.send(header + GET)
        for _ in range(2):
            found = scope_of(connection.read_response())
            assert (found["client"], found["server"]) == (client, address)
            connection.send(GET)
        connection.read_response()


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_the_header_may_come_byte_by_byte(auto, header):
    with auto.connect() as connection:
        for byte in header + GET:
            connection.send(bytes([byte]))
        assert scope_of(connection.read_response())["client"] == V1_CLIENT


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_requests_may_be_pipelined_behind_the_header(auto, header):
    with auto.connect() as connection:
        connection.send(header + GET * 3)
        assert [scope_of(connection.read_response())["client"] for _ in range(3)] == [V1_CLIENT] * 3


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
        v2(0x20, 0x00),
        v2(0x20, 0x11, b"\x01" * 12),
        v2(0x21, 0x00),
        v2(0x21, 0x31, b"\0" * 216),
        b"",
    ],
    ids=["v1-unknown", "v1-unknown-with-more", "v2-local", "v2-local-inet", "v2-unspecified", "v2-unix", "none"],
)
def test_without_an_address_the_client_is_the_peer(auto, header):
    found = scope_of(auto.exchange(header + GET))
    assert (found["client"][0], found["server"]) == (PEER, (PEER, auto.port))


MALFORMED = {
    "v1-family": b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
    "v1-address": b"PROXY TCP4 1.2.3.999 1.2.3.4 1 2\r\n",
    "v1-port": b"PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n",
    "v1-two-spaces": b"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
    "v1-too-long": b"PROXY UNKNOWN " + b"x" * 100,
    "v2-version": v2(0x31, 0x11, b"\0" * 12),
    "v2-command": v2(0x22, 0x11, b"\0" * 12),
    "v2-datagram": v2(0x21, 0x12, b"\0" * 12),
    "v2-too-short": v2(0x21, 0x11, b"\0" * 11),
    "v2-too-long": v2(0x21, 0x11, b"\0" * 60_000)[:16],
    "twice": V1 + V1,
}


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_header_is_a_400_and_ends_the_connection(auto, header):
    with auto.connect() as connection:
        connection.send(header)
        if header == V1 + V1:
            connection.send(GET)
        response = connection.read_response()
        connection.expect_closed()
    assert response.status == 400


@pytest.mark.parametrize(
    ("mode", "header"), [("v1", V2), ("v2", V1), ("off", V1), ("off", V2)], ids=["v1-v2", "v2-v1", "off-v1", "off-v2"]
)
def test_a_version_that_is_not_switched_on_is_no_http(server, mode, header):
    with server("scopes:dump", "--proxy-protocol", mode) as s:
        assert s.exchange(header + GET).status == 400
        assert scope_of(s.exchange(GET))["client"][0] == PEER


@pytest.mark.parametrize(("mode", "header"), [("v1", V1), ("v2", V2)])
def test_a_version_that_is_switched_on_is_read(server, mode, header):
    with server("scopes:dump", "--proxy-protocol", mode) as s:
        assert scope_of(s.exchange(header + GET))["client"] == V1_CLIENT


@pytest.mark.parametrize("header", [V1, V2, b"PROXY nonsense\r\n"], ids=["v1", "v2", "nonsense"])
def test_a_header_from_a_peer_that_may_not_send_it_is_a_403(server, header):
    with server("scopes:dump", "--proxy-protocol", "--proxy-allow-from", "10.0.0.0/8", "--access-logfile", "-") as s:
        assert s.exchange(header + GET).status == 403
        s.wait_for_line(rf"Invalid request from ip={PEER}: .*proxy_allow_ips")
        s.stdout.wait_for(" 403 ")
        assert scope_of(s.exchange(GET))["client"][0] == PEER


def test_a_unix_socket_may_send_it_whatever_the_setting_says(tmp_path):
    path = tmp_path / "http.sock"
    flags = ("--proxy-protocol", "v2", "--proxy-allow-from", "10.0.0.1", "scopes:dump")
    with serving("-k", "asgi", "-b", f"unix:{path}", *flags, cwd=APPS), Client(path) as connection:
        connection.send(V2 + GET)
        found = scope_of(connection.read_response())
    assert (found["client"], found["server"]) == (V1_CLIENT, V1_SERVER)


FORWARDED_GET = b"GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 6.6.6.6\r\n\r\n"


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (V1, V1_CLIENT[0]),
        (b"PROXY UNKNOWN\r\n", PEER),
        (v2(0x21, 0x31, b"\0" * 216), PEER),
        (v2(0x20, 0x00), "6.6.6.6"),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", "6.6.6.6"),
        (b"", "6.6.6.6"),
    ],
    ids=["client", "v1-unknown", "v2-unix", "v2-local", "trusted-client", "none"],
)
def test_who_is_trusted_is_decided_by_the_client_that_the_header_names(auto, header, client):
    """The proxy passes on what its client wrote, so its own address proves nothing about the fields."""
    assert scope_of(auto.exchange(header + FORWARDED_GET))["client"][0] == client


def test_the_access_log_names_the_client_of_the_header(server):
    with server("echo:path", "--proxy-protocol", "--access-logfile", "-") as s:
        s.exchange(V1 + GET)
        assert s.stdout.wait_for("GET /").string.startswith("192.0.2.1 - - [")


def test_a_header_without_a_request_ends_silently_with_its_client(auto):
    with auto.connect() as connection:
        connection.send(V1)
        connection.socket.shutdown(socket.SHUT_WR)
        connection.expect_closed()
