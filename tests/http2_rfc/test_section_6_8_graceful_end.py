"""RFC 9113 section 6.8: how a server that was told to end takes leave of its clients. rgunicorn only."""

import signal

import pytest
from http2_rfc import servers
from http2_rfc.servers import BIG, HELLO
from http2_wire import END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, NO_ERROR, RST_STREAM, data, ping


@pytest.fixture(params=["cleartext", "tls"])
def own(request, certificate):
    """A server of this test alone."""
    if servers.NAME != "rgunicorn":
        pytest.skip("about rgunicorn")
    with servers.rgunicorn(certificate if request.param == "tls" else None, ["--graceful-timeout", "10"]) as target:
        yield target


def end(own):
    own.server.kill(signal.SIGTERM)


def next_goaway(client):
    return client.read_until(lambda it: it.type == GOAWAY, "GOAWAY", keep=True)


def test_6_8_an_idle_connection_gets_goaway_and_is_closed(own):
    with own.start() as client:
        client.expect_still_serving()
        end(own)
        first = next_goaway(client)
        assert (first.code, first.stream) == (NO_ERROR, 0)
        client.expect_end()
        assert client.seen[-1].type == GOAWAY and client.seen[-1].last_stream >= 1


def test_6_8_the_first_goaway_names_the_largest_stream(own):
    """A server SHOULD do so, since requests may be on their way; a second GOAWAY says which of them were taken."""
    with own.start() as client:
        stream = client.fresh_stream()
        client.send(client.headers(stream, client.post(), END_HEADERS))
        client.barrier()
        end(own)
        assert next_goaway(client).last_stream == 2**31 - 1
        client.send(data(stream, b"in flight", END_STREAM))
        assert client.read_response(stream).body == b"in flight"
        client.expect_end()
        last = [it for it in client.seen if it.type == GOAWAY][-1]
        assert stream <= last.last_stream < 2**31 - 1 and last.code == NO_ERROR, client.story()


def test_6_8_requests_in_progress_are_completed(own):
    with own.start((INITIAL_WINDOW_SIZE, 0)) as client:
        streams = [client.request(client.get("/big")) for _ in range(5)]
        client.barrier()
        end(own)
        next_goaway(client)
        client.change_settings((INITIAL_WINDOW_SIZE, 2**20))
        client.open_window()
        for stream in streams:
            assert client.read_response(stream).body == BIG
        client.expect_end()


def test_6_8_a_request_that_crosses_goaway_is_answered_or_may_be_retried(own):
    with own.start() as client:
        held = client.fresh_stream()
        client.send(client.headers(held, client.post(), END_HEADERS))
        client.barrier()
        end(own)
        crossing = client.request()
        next_goaway(client)
        client.send(data(held, b"", END_STREAM))
        client.read_response(held)
        client.send(ping(b"are you?"))
        client.expect_end()
        last = [it for it in client.seen if it.type == GOAWAY][-1].last_stream
        answered = [it for it in client.seen if it.stream == crossing and it.type == HEADERS]
        refused = [it for it in client.seen if it.stream == crossing and it.type == RST_STREAM]
        assert answered or last < crossing or [it.code for it in refused] == [7], client.story()


def test_6_8_windows_and_pings_are_served_until_the_end(own):
    with own.start((INITIAL_WINDOW_SIZE, 0)) as client:
        client.grants_window = False
        stream = client.request(client.get("/big"))
        client.barrier()
        end(own)
        next_goaway(client)
        for _ in range(10):
            client.barrier()
        client.open_window()
        client.open_window(stream)
        assert client.read_response(stream).body == BIG


def test_6_8_a_connection_whose_answers_nobody_reads_is_cut_in_the_end(own):
    with own.start((INITIAL_WINDOW_SIZE, 0)) as client:
        client.request(client.get("/big"))
        client.barrier()
        end(own)
        next_goaway(client)
        # No window is ever granted: the server's own deadline ends it.
        client.wire.deadline = 30
        client.expect_end()
    own.server.wait_for_exit()


def test_6_8_max_requests_takes_leave_the_same_way(certificate):
    if servers.NAME != "rgunicorn":
        pytest.skip("about rgunicorn")
    with servers.rgunicorn(None, ["--max-requests", "3"]) as own, own.start() as client:
        for _ in range(3):
            assert client.exchange().body == HELLO
        assert next_goaway(client).code == NO_ERROR
