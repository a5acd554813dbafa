"""Program: invokes through HTTP on a raw, kept-alive socket, so that the client is never what is measured.

Arguments: port, count. Prints JSON.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time

from bench.warm_sample import WARM_UP, sample

PAYLOAD = b'{"pad":"' + b"x" * 90 + b'"}'
REQUEST = (
    b"POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(PAYLOAD), PAYLOAD)
)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def invoke(connection: socket.socket) -> None:
    """One request and its whole answer."""
    connection.sendall(REQUEST)
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += receive(connection)
    head = answer[:end]
    length = LENGTH.search(head)
    if length is None or not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"unexpected answer: {answer!r}")
    while len(answer) < end + 4 + int(length[1]):
        answer += receive(connection)


def receive(connection: socket.socket) -> bytes:
    if not (data := connection.recv(65536)):
        raise SystemExit("the server hung up")
    return data


def main(port: int, count: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(WARM_UP):
            invoke(connection)
        seconds: list[float] = []
        began = time.perf_counter()
        for _ in range(count):
            at = time.perf_counter()
            invoke(connection)
            seconds.append(time.perf_counter() - at)
        took = time.perf_counter() - began
    print(json.dumps(sample(seconds, took, float("nan"))))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
