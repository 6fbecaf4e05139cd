"""Clients that people use, against the real server."""

import shutil
import subprocess

import httpx
import pytest


@pytest.fixture(scope="module")
def streams(server):
    with server("streams:app", "--http2") as running:
        yield running


def output(*command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=50).stdout


def test_httpx(streams):
    with httpx.Client(http1=False, http2=True) as client:
        answer = client.post(f"{streams.url}/echo", content=b"x" * 200_000)
        assert answer.http_version == "HTTP/2" and answer.content == b"x" * 200_000


def test_curl_uploads_and_downloads(streams, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"y" * 1_000_000)
    command = ("curl", "-sS", "--http2-prior-knowledge", "--data-binary", f"@{body}", f"{streams.url}/echo")
    assert output(*command) == "y" * 1_000_000


def test_curl_upgrades(server):
    with server("streams:app", "--http-protocols", "h2,h1", "--http2-cleartext", "upgrade") as s:
        asked = ("curl", "-sS", "--http2", "-w", " %{http_version}", f"{s.url}/hello", f"{s.url}/hello")
        assert output(*asked) == "hello 2hello 2"


def test_nghttp_and_its_upgrade(server):
    with server("streams:app", "--http-protocols", "h2,h1", "--http2-cleartext", "both") as s:
        assert output("nghttp", f"{s.url}/hello") == "hello"
        assert output("nghttp", "-u", f"{s.url}/hello") == "hello"


def test_h2load_finds_no_error(streams):
    said = output("h2load", "-n", "2000", "-c", "4", "-m", "50", f"{streams.url}/large/2000")
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in said


NODE = """
const client = require("http2").connect(process.argv[1]);
let left = 20;
for (let i = 0; i < left; i++) {
  const request = client.request({":path": "/echo", ":method": "POST"});
  let size = 0;
  request.on("data", (data) => (size += data.length));
  request.on("end", () => {
    console.log(size);
    if (--left === 0) client.close();
  });
  request.end(Buffer.alloc(100000));
}
"""


def test_node(streams):
    assert output("node", "-e", NODE, streams.url).split() == ["100000"] * 20
