"""The head of a streamed answer (Lambda DG, Response streaming; the Node client's HttpResponseStream).

With the integration's content type the stream begins with a JSON object of statusCode, headers and cookies, and eight zero bytes; the
rest is the body. With any other the whole stream is.
"""

from __future__ import annotations

import json

from poller.envelope.url.answer import Head, Unusable, head

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
OCTETS = "application/octet-stream"
SEPARATOR = bytes(8)
MOST = 1024 * 1024
"""Bytes that a head may have; ours."""


class Prelude:
    """The head of one stream, as its bytes come. content_type: of the runtime's answer, "" without."""

    def __init__(self, content_type: str) -> None:
        self._held = bytearray()
        self._awaited = content_type.partition(";")[0].strip().lower() == CONTENT_TYPE
        self.head: Head | None = None if self._awaited else Head(200, [("content-type", content_type or OCTETS)])

    def feed(self, piece: bytes) -> bytes:
        """What of a piece belongs to the body. Raises Unusable."""
        if self.head is not None:
            return piece
        begin = max(0, len(self._held) - len(SEPARATOR) + 1)
        self._held += piece
        at = self._held.find(SEPARATOR, begin)
        if at > MOST or (at < 0 and len(self._held) > MOST):
            raise Unusable(f"there is no end of the head within {MOST} bytes")
        if at < 0:
            return b""
        self.head = _head(bytes(self._held[:at]))
        return bytes(self._held[at + len(SEPARATOR) :])

    def end(self) -> Head:
        """The stream is over. Raises Unusable when the head never was."""
        if self.head is None:
            raise Unusable("the answer ended before its head did")
        return self.head


def _head(text: bytes) -> Head:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise Unusable(f"the head is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise Unusable("the head is no object")
    return head(said, OCTETS)
