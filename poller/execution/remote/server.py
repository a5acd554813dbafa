"""The server of a function that runs elsewhere: its address, one request to it, and how it has done so far."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

from poller.execution.contract import CredentialsError, Elsewhere, Health, Invocation
from poller.execution.remote.answer import THROTTLED, TIMED_OUT, UNREACHABLE, HttpAnswer, Ruling, offers_no_streams
from poller.execution.runtime_api import MAX_ANSWER
from poller.observe.events import Emit, RemoteFailedError

if TYPE_CHECKING:
    from poller.execution.remote.signature import Signer

CONNECT_SECONDS = 10.0
"""For a connection; the function's timeout is for the whole."""
CHUNK = 64 * 1024
EVENT_STREAM = "application/vnd.amazon.eventstream"
_KINDS = {UNREACHABLE: "unreachable", THROTTLED: "throttled", TIMED_OUT: "timeout"}

_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
}
"""Of regions outside the largest partitions (botocore's endpoint data)."""


def client() -> aiohttp.ClientSession:
    """An HTTP client for all servers. Slots and a function's own concurrency limit its connections; it keeps no cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": "pollerd", "Accept-Encoding": "identity"},
    )


class Server:
    """One function's. turns: to be entered for a request; as many at once as the server bears."""

    def __init__(self, function: str, where: Elsewhere, http: aiohttp.ClientSession, emit: Emit) -> None:
        self.turns: contextlib.AbstractAsyncContextManager[object] = (
            asyncio.Semaphore(where.concurrency) if where.concurrency else contextlib.nullcontext()
        )
        origin = where.url or aws(where.region)
        self.health = Health(origin)
        self._function = function
        self._http = http
        self._emit = emit
        self._where = where
        query = f"?{urlencode({'Qualifier': where.qualifier})}" if where.qualifier else ""
        name = quote(where.function, safe="")
        self._url = f"{origin}/2015-03-31/functions/{name}/invocations{query}"
        self._streaming_url = f"{origin}/2021-11-15/functions/{name}/response-streaming-invocations{query}"
        self._streams = True  # until it is known that it does not
        self._signer: Signer | None = None

    async def ask(self, invocation: Invocation) -> tuple[Ruling | None, HttpAnswer]:
        """One request, or two where the server turns out not to stream; what it answered, with a ruling where that needs no judging.

        Only cancellation escapes.
        """
        try:
            if invocation.on_opening is not None and self._streams:
                ruling, answer = await self._request(self._streaming_url, invocation)
                self._streams = ruling is not None or not offers_no_streams(answer)
                if self._streams:
                    return ruling, answer
            return await self._request(self._url, invocation)
        except (aiohttp.ClientError, OSError, CredentialsError) as error:
            said = f"{self.health.server}: {str(error) or type(error).__name__}"
            return Ruling.not_taken(UNREACHABLE, said), HttpAnswer(0, {}, b"")

    def note(self, ruling: Ruling) -> None:
        """Keep in mind how the server did, and tell when it did not take an invocation."""
        now = time.time()
        if ruling.taken:
            self.health.last_success, self.health.failing_since, self.health.trouble = now, None, ""
            return
        message = str(orjson.loads(ruling.payload)["errorMessage"])
        self.health.failing_since = self.health.failing_since or now
        self.health.trouble = message
        kind = _KINDS.get(ruling.error_type, "refused")
        self._emit(RemoteFailedError(function=self._function, kind=kind, message=message))

    async def _request(self, url: str, invocation: Invocation) -> tuple[Ruling | None, HttpAnswer]:
        headers = await self._headers(url, invocation)
        async with self._http.post(
            URL(url, encoded=True), data=invocation.payload, headers=headers, allow_redirects=False
        ) as response:
            if response.status != HTTPStatus.OK or response.content_type != EVENT_STREAM:
                return None, await _whole(response)
            from poller.execution.remote.stream import pass_on  # noqa: PLC0415  # megabytes, for those who stream

            return await pass_on(response, invocation)

    async def _headers(self, url: str, invocation: Invocation) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if invocation.tail:
            headers["X-Amz-Log-Type"] = "Tail"
        if invocation.trace_id:
            headers["X-Amzn-Trace-Id"] = invocation.trace_id
        if invocation.client_context:
            headers["X-Amz-Client-Context"] = base64.b64encode(invocation.client_context.encode()).decode()
        if self._where.url and not self._where.access_key_id and not self._where.profile:
            return headers
        if self._signer is None:
            from poller.execution.remote.signature import Signer  # noqa: PLC0415  # megabytes, for those who sign

            self._signer = Signer(self._where)
        return await self._signer.sign(url, headers, invocation.payload)


def aws(region: str) -> str:
    """AWS's own endpoint in a region."""
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)), "amazonaws.com")
    return f"https://lambda.{region}.{suffix}"


async def _whole(response: aiohttp.ClientResponse) -> HttpAnswer:
    """Read an answer, but not past what a function may say."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER:
            response.close()
            return HttpAnswer(response.status, response.headers, b"", oversized=True)
    return HttpAnswer(response.status, response.headers, bytes(body))
