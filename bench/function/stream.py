"""A runtime of its own, without a client of anybody's: answers each event with as many bytes as it asks for, in a stream.

Program; the event is ``{"size": BYTES}``. It writes as fast as it is read, in pieces of PIECE bytes, in the Runtime API's streaming mode
(Lambda DG, Building a custom runtime). Standard library only, and one connection: it is not what is measured.
"""

from __future__ import annotations

import json
import os
import socket

PIECE = 64 * 1024
CHUNK = b"%x\r\n%b\r\n" % (PIECE, b"x" * PIECE)
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n"
STREAM = (
    b"POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\r\nHost: runtime\r\n"
    b"Content-Type: application/octet-stream\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
END = b"0\r\n\r\n"


def answer(connection: socket.socket) -> tuple[dict[bytes, bytes], bytes]:
    """Headers, their names in lower case, and body of the server's answer."""
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += more(connection)
    lines = bytes(received[:end]).split(b"\r\n")[1:]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    length = int(headers[b"content-length"])
    while len(received) < end + 4 + length:
        received += more(connection)
    return headers, bytes(received[end + 4 :])


def more(connection: socket.socket) -> bytes:
    """Whatever has come; the server's end is the program's."""
    if not (data := connection.recv(65536)):
        raise SystemExit("the server hung up")
    return data


def main() -> None:
    """Serve for ever."""
    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            connection.sendall(NEXT)
            headers, event = answer(connection)
            connection.sendall(STREAM % headers[b"lambda-runtime-aws-request-id"])
            whole, rest = divmod(json.loads(event)["size"], PIECE)
            for _ in range(whole):
                connection.sendall(CHUNK)
            connection.sendall((b"%x\r\n%b\r\n" % (rest, b"x" * rest) if rest else b"") + END)
            answer(connection)


if __name__ == "__main__":
    main()
