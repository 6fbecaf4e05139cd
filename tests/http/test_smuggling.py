"""No bytes of a client make the application see a request that nobody sent, alone or behind nginx.

`smuggling.py` has the probes. Each goes to rgunicorn itself, whose reading is compared with the one written there, and
through nginx over one kept connection, where both must agree on what the requests were: nginx gives each request that
it forwards an id of its own, and each id must reach the application once, with the same method, target, host and body.
"""

import itertools
import json
import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from client import Client
from command import eventually
from conftest import running
from nginx import NGINX, nginx
from smuggling import probes

PROBES = probes()
MARKER = b"GET /marker HTTP/1.1\r\nHost: marker\r\nConnection: close\r\n\r\n"
MARKED = ("GET", "/marker", "")


class Ledger:
    """What the application was called with (apps/ledger.py)."""

    def __init__(self, server):
        self.server = server

    def take(self):
        """The calls since the last time, once all of them have ended."""
        calls = []

        def none_is_open():
            page = json.loads(self.server.get("/ledger").body)
            calls.extend(call for call in page if not call["open"])
            return all(not call["open"] for call in page)

        eventually(none_is_open, "the end of every call")
        return calls


@contextmanager
def ledger_server():
    # Kept longer than any test waits, so that nginx never sends a request into a connection that ends.
    with running("ledger:app", "--keep-alive", "75") as server:
        yield server, Ledger(server)


def whole(calls):
    """The calls whose request came to its end."""
    return [(call["method"], call["path"], call["body"]) for call in calls if call["body"] is not None]


def send_in_pieces(client, sent, piece):
    """`piece` is a number of bytes; None: all at once."""
    try:
        for start in range(0, len(sent), piece or len(sent)):
            client.send(sent[start : start + (piece or len(sent))])
    except OSError:
        pass  # refused before all of it was sent


def parse(received, head=False):
    """The answers in `received`, the first of which may be one to HEAD."""
    reader, answers = Client.__new__(Client), []
    reader.buffer, reader.ended, reader.takes_trailers = received, True, False
    while reader.buffer:
        answers.append(reader.read_response(head=head and not answers))
        assert answers[-1].complete, received
    return answers


# Without a proxy.


@pytest.fixture(scope="module")
def direct():
    with ledger_server() as found:
        yield found


@pytest.mark.parametrize("piece", [None, 1], ids=["at-once", "byte-by-byte"])
@pytest.mark.parametrize("name", PROBES)
def test_an_ambiguous_request_is_refused_and_a_clear_one_ends_where_it_says(direct, name, piece):
    server, ledger = direct
    probe = PROBES[name]
    with server.connect() as client:
        send_in_pieces(client, probe.sent + MARKER, piece)
        if probe.unfinished:
            client.socket.shutdown(socket.SHUT_WR)  # which counts as leaving
        answers = parse(client.read_until_eof(), head=probe.sent.startswith(b"HEAD"))
    statuses = [answer.status for answer in answers]
    if probe.calls:
        expected = [*probe.calls, MARKED][: len(answers) if answers[-1].closes else None]
        assert whole(ledger.take()) == expected
        assert statuses == [200] * len(expected)
    else:
        assert whole(ledger.take()) == []
        assert statuses == [] if probe.unfinished else len(statuses) == 1 and statuses[0] in (400, 417, 501)


@pytest.mark.parametrize("name", PROBES)
def test_other_clients_are_not_touched_by_an_ambiguous_request(direct, name):
    server, ledger = direct
    with server.connect() as kept, server.connect() as prober:
        kept.get("/kept")
        assert json.loads(kept.read_response().body)["path"] == "/kept"
        prober.send(PROBES[name].sent)
        kept.get("/kept/again")
        assert json.loads(kept.read_response().body)["path"] == "/kept/again"
    assert ("GET", "/ghost", "") not in whole(ledger.take())


# Behind nginx.

VARIANTS = {
    "buffered": "proxy_request_buffering on;",
    "streamed": "proxy_request_buffering off;",
    # Hands on fields that nginx would drop.
    "transparent": "proxy_request_buffering off; ignore_invalid_headers off; underscores_in_headers on;",
}

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr alert;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    log_format ledger escape=json '{{"id": "$request_id", "method": "$request_method", "target": "$request_uri", '
        '"host": "$host", "status": "$status", "upstream": "$upstream_status", "body": "$request_body"}}';
    client_body_buffer_size 64k;
    client_body_in_single_buffer on;
    # Ends what a probe leaves unfinished.
    client_header_timeout 1s;
    client_body_timeout 1s;
    keepalive_timeout 1s;
    upstream application {{
        server 127.0.0.1:{upstream};
        keepalive 1;
    }}
    server {{
        listen 127.0.0.1:{port};
        access_log {folder}/access.log ledger;
        {variant}
        add_header X-Nginx-Id $request_id always;
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Request-Id $request_id;
            proxy_next_upstream off;
        }}
        location = /nginx-status {{
            stub_status;
            access_log off;
        }}
    }}
}}
"""


class Front:
    """nginx before a server with a ledger, and what both of them wrote down."""

    def __init__(self, port, access_log, ledger, variant):
        self.address = "127.0.0.1", port
        self.ledger, self.variant = ledger, variant
        self._access_log = access_log.open()
        self._forwarded = {}  # id → line of the access log, since nginx started
        self._called = set()
        self._markers = itertools.count()

    def connect(self):
        return Client(self.address)

    def probe(self, name):
        """Sends a probe with a marker behind it, then a marker on a connection of its own."""
        with self.connect() as client:
            sent = PROBES[name].sent
            try:
                client.send(sent + MARKER)
            except OSError:
                pass
            received = client.read_until_eof()
        if re.match(rb"HTTP/1\.1 \d", received):  # not an HTTP/0.9 answer, which is a body only
            self.assert_own(parse(received, head=sent.startswith(b"HEAD")))
        self.mark()

    def mark(self):
        path = f"/marker/{next(self._markers)}"
        with self.connect() as client:
            client.get(path, "connection: close")
            (answer,) = parse(client.read_until_eof())
        assert answer.status == 200
        assert json.loads(answer.body)["path"] == path
        self.assert_own([answer])

    @staticmethod
    def assert_own(answers):
        """Each answer of the application is the one to the request that nginx answers with it."""
        for answer in answers:
            if answer.status == 200 and answer.body:
                assert json.loads(answer.body)["ids"] == [answer.get("x-nginx-id").decode()]

    def reconcile(self):
        """Compares what nginx forwarded since the last time with what the application was called with."""
        eventually(self._is_idle, "nginx to end every connection")
        calls = self.ledger.take()
        new = {line["id"]: line for line in map(json.loads, self._access_log) if line["upstream"]}
        assert not new.keys() & self._forwarded.keys()
        self._forwarded |= new
        for call in calls:
            assert len(call["ids"]) == 1 and call["ids"][0] in self._forwarded, f"nginx did not send {call}"
            self._assert_agree(self._forwarded[call["ids"][0]], call)
        called = [call["ids"][0] for call in calls]
        assert len(set(called)) == len(called) and not self._called & set(called), "called twice"
        self._called |= set(called)
        answered = {call["ids"][0] for call in calls if call["body"] is not None}
        for line in new.values():
            assert line["upstream"] != "502", f"nginx could not read an answer: {line}"
            assert line["upstream"] != "200" or line["id"] in answered, f"the application did not see {line}"
        return calls

    def _assert_agree(self, line, call):
        assert (line["method"], line["target"], [line["host"]]) == (call["method"], call["path"], call["hosts"])
        assert line["upstream"] == "200" or call["body"] is None
        if self.variant == "buffered":
            assert line["body"] == call["body"]

    def _is_idle(self):
        with self.connect() as client:
            client.get("/nginx-status", "connection: close")
            return client.read_response().body.startswith(b"Active connections: 1 ")


@pytest.fixture(scope="module")
def fronts(tmp_path_factory):
    """A function from the name of a variant to its nginx, which stays up for the whole module."""
    if not NGINX:
        pytest.skip("nginx is not installed (scripts/test installs it where it may)")
    started = {}
    with ExitStack() as stack:

        def start(variant):
            if variant not in started:
                server, ledger = stack.enter_context(ledger_server())
                folder = tmp_path_factory.mktemp("nginx")
                port = stack.enter_context(
                    nginx(CONFIGURATION, folder, upstream=server.port, variant=VARIANTS[variant])
                )
                started[variant] = Front(port, folder / "access.log", ledger, variant)
            return started[variant]

        yield start


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", PROBES)
def test_nginx_and_the_server_agree_on_where_each_request_ends(fronts, name, variant):
    front = fronts(variant)
    front.mark()  # so that a kept connection is there
    front.probe(name)
    front.reconcile()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_kept_connection_carries_the_next_request_of_another_client(fronts, variant):
    """Without it the tests above would compare requests on connections of their own."""
    front = fronts(variant)
    for _ in range(3):
        front.mark()
    ports = {call["client_port"] for call in front.reconcile()}
    assert len(ports) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_reach_their_clients_while_others_probe(fronts, variant):
    front = fronts(variant)
    orders = [random.Random(seed).sample(list(PROBES), len(PROBES)) for seed in range(6)]
    with ThreadPoolExecutor(len(orders)) as threads:
        for done in [threads.submit(lambda names: [front.probe(name) for name in names], names) for names in orders]:
            done.result()
    assert len(front.reconcile()) > len(PROBES) * len(orders)
