"""Program: invokes through HTTP on a raw, kept-alive socket, so that the client is never what is measured.

Arguments: port, count, and for an echo: bytes of the event, and invocations before the clock starts. Prints JSON.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time

from bench.warm_sample import WARM_UP, sample

PAYLOAD = b'{"pad":"' + b"x" * 90 + b'"}'
HEAD = (
    b"POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
CHUNKED, LAST_CHUNK = b"Transfer-Encoding: chunked", b"\r\n0\r\n\r\n"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def invoke(connection: socket.socket, payload: bytes) -> int:
    """One request and its whole answer. Returns the bytes behind its head; RIE sends large ones in chunks."""
    connection.sendall(HEAD % len(payload) + payload)
    answer = bytearray()
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += receive(connection)
    head = answer[:end]
    length = LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200") or (length is None and CHUNKED not in head):
        raise SystemExit(f"unexpected answer: {bytes(answer[:1000])!r}")
    while len(answer) < end + 4 + int(length[1]) if length else not answer.endswith(LAST_CHUNK):
        answer += receive(connection)
    return len(answer) - end - 4


def receive(connection: socket.socket) -> bytes:
    if not (data := connection.recv(1 << 20)):
        raise SystemExit("the server hung up")
    return data


def main(port: int, count: int, size: int = 0, warm_up: int = WARM_UP) -> None:
    payload = b'{"echo":true,"pad":"%b"}' % (b"x" * size) if size else PAYLOAD
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(warm_up):
            if invoke(connection, payload) < size:
                raise SystemExit("the answer is not the event")
        seconds: list[float] = []
        began = time.perf_counter()
        for _ in range(count):
            at = time.perf_counter()
            invoke(connection, payload)
            seconds.append(time.perf_counter() - at)
        took = time.perf_counter() - began
    print(json.dumps(sample(seconds, took, float("nan"))))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
