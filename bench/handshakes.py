"""Opens TLS connections one after the other on a few threads, each resuming the session of the one before.

    python3 -m bench.handshakes PORT PATH CLIENTS SECONDS

Prints the same line of JSON as wrk.lua. A handshake that was not resumed counts as an error, `full`, except for the
first of each client. Python spends more on a connection than the server does, so `core used` stays low: compare the
processor time per request.
"""

import json
import socket
import ssl
import sys
import threading
import time

from bench.servers import trusting_context

PATIENCE = 10


class Client(threading.Thread):
    """One connection at a time."""

    def __init__(self, port: int, path: str, seconds: int) -> None:
        super().__init__()
        self.port, self.seconds = port, seconds
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        self.context = trusting_context()
        self.session: ssl.SSLSession | None = None
        self.latencies: list[int] = []
        self.bytes = 0
        self.errors = {"connect": 0, "full": 0, "status": 0}

    def run(self) -> None:
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline:
            try:
                self.ask()
            except OSError:
                self.errors["connect"] += 1

    def ask(self) -> None:
        start = time.monotonic_ns()
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.context.wrap_socket(plain, server_hostname="localhost", session=self.session) as client:
            client.sendall(self.request)
            answer = b""
            while part := client.recv(65536):
                answer += part
            self.errors["full"] += not client.session_reused and self.session is not None
            # A ticket comes after the handshake (TLS 1.3), so it is known only now.
            self.session = client.session
        self.bytes += len(answer)
        self.errors["status"] += not answer.startswith(b"HTTP/1.1 200")
        self.latencies.append((time.monotonic_ns() - start) // 1000)


def main() -> None:
    port, path, count, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    clients = [Client(port, path, seconds) for _ in range(count)]
    start = time.monotonic()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    latencies = sorted(latency for client in clients for latency in client.latencies) or [0]
    result = {
        "requests": sum(len(client.latencies) for client in clients),
        "duration_us": int((time.monotonic() - start) * 1e6),
        "bytes": sum(client.bytes for client in clients),
        "mean_us": sum(latencies) // len(latencies),
        "p50_us": latencies[len(latencies) // 2],
        "p99_us": latencies[len(latencies) * 99 // 100],
        "max_us": latencies[-1],
        "errors": {kind: sum(client.errors[kind] for client in clients) for kind in clients[0].errors},
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
