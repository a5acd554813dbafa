"""Program: asks for streamed answers through HTTP on a raw, kept-alive socket, and notes when each begins and ends.

Arguments: port, count, bytes of an answer, and invocations before the clock starts. Prints JSON; times are milliseconds.
"""

from __future__ import annotations

import json
import socket
import sys
import time

from bench.consumers.invoke import CHUNKED, HEAD, LAST_CHUNK, receive
from bench.figures import percentile


def invoke(connection: socket.socket, size: int) -> tuple[float, float]:
    """One request and its whole answer: seconds to the first byte of its body, and to the last."""
    event = b'{"size":%d}' % size
    began = time.perf_counter()
    connection.sendall(HEAD % len(event) + event)
    head = bytearray()
    while not 0 <= (end := head.find(b"\r\n\r\n")) < len(head) - 4:
        head += receive(connection)
    first = time.perf_counter() - began
    if not head.startswith(b"HTTP/1.1 200") or CHUNKED not in head[:end]:
        raise SystemExit(f"unexpected answer: {bytes(head[:1000])!r}")
    came, tail = len(head) - end - 4, bytes(head[-len(LAST_CHUNK) :])
    while not tail.endswith(LAST_CHUNK):
        data = receive(connection)
        came += len(data)
        tail = (tail + data)[-len(LAST_CHUNK) :]
    if came < size:
        raise SystemExit(f"the answer has {came} bytes instead of {size}")
    return first, time.perf_counter() - began


def main(port: int, count: int, size: int, warm_up: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(warm_up):
            invoke(connection, size)
        began = time.perf_counter()
        times = [invoke(connection, size) for _ in range(count)]
        took = time.perf_counter() - began
    firsts, lasts = zip(*times, strict=True)
    found = {
        "first p50": percentile(firsts, 0.5) * 1e3,
        "first p99": percentile(firsts, 0.99) * 1e3,
        "last p50": percentile(lasts, 0.5) * 1e3,
        "last p99": percentile(lasts, 0.99) * 1e3,
        "rate": count * size / took / 1e6,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
