"""Whether what a function depends on answers: ``tcp://host:port`` takes a connection, ``http(s)://...`` says something below 500."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

PATIENCE = 3.0
"""Seconds for an answer."""
BROKEN = 500
"""Status from which on an HTTP server says that it does not work."""


async def problem(url: str) -> str:
    """Why it does not answer, as a sentence; "" when it does. Never raises."""
    try:
        async with asyncio.timeout(PATIENCE):
            said = await _asked(url)
    except TimeoutError:
        said = f"no answer within {PATIENCE:g} s"
    except (OSError, ValueError) as error:
        said = str(error) or type(error).__name__
    return f"{url} does not answer: {said}" if said else ""


async def _asked(url: str) -> str:
    parts = urlsplit(url)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if tls else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls)
    try:
        if parts.scheme == "tcp":
            return ""
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        words = (await reader.readline()).split()
        status = int(words[1]) if len(words) > 1 else 0
        return "" if 0 < status < BROKEN else f"status {status or 'none'}"
    finally:
        writer.close()
