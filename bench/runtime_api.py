"""Program: server CPU of one warm invocation (a next and a response) in our Runtime API alone. Argument: how many, default 20,000.

The client is a bare socket in a process of its own that sends what the Python client sends; nothing else runs in this process.
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
import time

import uvloop

from poller.execution.contract import Invocation
from poller.execution.runtime_api import RuntimeApi

ARN = "arn:aws:lambda:us-east-1:000000000000:function:echo"
REQUEST_ID = "3da1f2dc-3222-475e-9205-e2e6c6318895"
PAYLOAD = b'{"order": 1, "note": "%s"}' % (b"x" * 75)
ROUNDS = 5
COMMON = b"Host: 127.0.0.1:9001\r\nUser-Agent: AWS_Lambda_Cpp/0.2.6\r\nAccept: */*\r\n"
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n" + COMMON + b"\r\n"
RESPONSE = (
    b"POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\r\n" % REQUEST_ID.encode()
    + COMMON
    + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(PAYLOAD), PAYLOAD)
)


def client(port: int) -> None:
    """Ask, answer, for ever."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            for request in (NEXT, RESPONSE):
                connection.sendall(request)
                if not connection.recv(65536):
                    return


async def main(count: int) -> None:
    """Print the least of some rounds: what a busy machine adds is not ours."""
    api = RuntimeApi(lambda _port: True)
    await api.open()
    process = multiprocessing.get_context("spawn").Process(target=client, args=(api.port,))
    process.start()
    await api.ready
    invocation = Invocation(request_id=REQUEST_ID, payload=PAYLOAD, function_arn=ARN, trace_id="Root=1-0-0;Sampled=0")
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(count):
            await api.deliver(invocation, 1_764_088_062_107)
        rounds.append((time.process_time() - began) / count * 1e6)
    print(f"{min(rounds):.1f} us of CPU an invocation (rounds: {', '.join(f'{one:.1f}' for one in rounds)})")
    process.terminate()
    process.join()
    await api.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
