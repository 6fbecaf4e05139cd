"""`gunicorn.socket`: an application takes the connection over."""

import pytest
from frames import UPGRADE

APP = "wsgi_socket:app"


@pytest.mark.parametrize("end", ["return", "stop"])
def test_w9_an_app_that_takes_the_socket_speaks_for_itself(wsgi, end):
    with wsgi(APP) as s:
        for _ in range(2):
            with s.connect() as client:
                client.get(f"/shout?{end}")
                assert client.socket.recv(100) == b"who is there?\n"
                client.send(b"me\n")
                assert client.read_until_eof() == b"ME\n"
        assert s.get("/").status == 200


def test_w9_an_app_that_does_not_look_at_the_socket_leaves_it_to_the_server(wsgi):
    with wsgi(APP) as s, s.connect() as client:
        for _ in range(2):
            client.get("/")
            assert client.read_response().body == b"'ClientSocket'"


def test_w9_the_socket_cannot_be_had_once_the_answer_has_begun(wsgi):
    with wsgi(APP) as s:
        assert s.get("/late").body == b"begun, the answer has begun"


def test_w9_the_socket_cannot_be_had_when_more_was_read_than_the_request(wsgi):
    with wsgi(APP) as s, s.connect() as client:
        client.send(b"GET /shout HTTP/1.1\r\nhost: x\r\n\r\n" * 2)
        assert client.read_response().status == 500
        s.wait_for_line("ERROR.*/shout")
        s.expect_errors()


def test_a_websocket_that_nothing_takes_is_answered_as_an_ordinary_request_and_the_log_says_so(wsgi):
    with wsgi(APP) as s:
        for _ in range(2):
            response = s.get("/chat", *UPGRADE)
            assert response.status == 200 and response.get("upgrade") is None
        s.wait_for_line("WARNING.* /chat was asked for as a WebSocket, and answered as an ordinary request")
        s.stop()
        assert len([line for line in s.lines if "asked for as a WebSocket" in line]) == 1
