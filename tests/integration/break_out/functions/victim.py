"""A function with something to hide: a variable, a file, an abstract socket, a shared memory segment, a parked invocation."""

import ctypes
import os
import socket
import tempfile
import threading
import time

NOTE = "the victim's note"


def handler(event, context):
    return globals()[event["do"]](event)


def settle(event):
    with open(os.path.join(tempfile.gettempdir(), event["file"]), "w") as file:
        file.write(NOTE)
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0" + event["socket"])
    server.listen()

    def serve():
        while True:
            server.accept()[0].sendall(NOTE.encode())

    threading.Thread(target=serve, daemon=True).start()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    segment = libc.shmget(event["key"], 4096, 0o1666)
    assert segment >= 0
    ctypes.memmove(libc.shmat(segment, None, 0), NOTE.encode(), len(NOTE))
    return segment


def wait(event):
    time.sleep(event["seconds"])
    return "the victim's own answer"


def forget(event):
    ctypes.CDLL(None).shmctl(event["segment"], 0, None)
