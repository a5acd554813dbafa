"""A schema registry that speaks Confluent's REST API, as Redpanda and others do too: schema by id, references included.

Protobuf schemas are asked for in serialized form (a FileDescriptorProto), which needs no compiler here.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from connectors.contract import Refused, SourceError
from connectors.kafka.options import SchemaRegistryOptions

ANSWER_SECONDS = 10.0
PROTOBUF = "PROTOBUF"


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema. kind: AVRO, PROTOBUF or JSON. text: as registered; Protobuf's in base64. name: what others refer to it by."""

    kind: str
    text: str
    references: Sequence[Schema] = ()
    name: str = ""


class Registry:
    """One registry. Connects when first asked; an error is an outage of the source, and is told as one."""

    def __init__(self, options: SchemaRegistryOptions) -> None:
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    async def schema(self, number: int) -> Schema | None:
        """The schema of an id; None: the registry has none. Raises ``SourceError``."""
        answer = await self._get(f"schemas/ids/{number}")
        if answer is not None and answer.get("schemaType") == PROTOBUF:
            answer = await self._get(f"schemas/ids/{number}", serialized=True)
        return None if answer is None else await self._complete(answer)

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _complete(self, answer: Mapping[str, Any], name: str = "") -> Schema:
        kind = answer.get("schemaType") or "AVRO"  # left out for Avro
        references = [await self._reference(each, kind) for each in answer.get("references") or ()]
        return Schema(kind, str(answer["schema"]), references, name)

    async def _reference(self, reference: Mapping[str, Any], kind: str) -> Schema:
        path = f"subjects/{quote(str(reference['subject']), safe='')}/versions/{int(reference['version'])}"
        answer = await self._get(path, serialized=kind == PROTOBUF)
        if answer is None:
            raise SourceError(f"the schema registry {self._options.url} lacks {path}, to which a schema refers")
        return await self._complete({"schemaType": kind} | dict(answer), str(reference["name"]))

    async def _get(self, path: str, *, serialized: bool = False) -> Mapping[str, Any] | None:
        url = f"{self._options.url.rstrip('/')}/{path}"
        if self._session is None:
            self._session = self._connected()
        try:
            async with self._session.get(url, params={"format": "serialized"} if serialized else {}) as response:
                if response.status == 404:  # noqa: PLR2004 - HTTP
                    return None
                if response.status in {401, 403}:
                    raise Refused(f"the schema registry {self._options.url} denies access (HTTP {response.status})")
                if response.status != 200:  # noqa: PLR2004 - HTTP
                    raise SourceError(
                        f"the schema registry {self._options.url} answered {path} with HTTP {response.status}"
                    )
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SourceError(
                f"cannot reach the schema registry {self._options.url}: {error or type(error).__name__}"
            ) from error
        except ValueError as error:
            raise SourceError(f"what answers at {self._options.url} is no schema registry") from error
        if not isinstance(answer, dict) or "schema" not in answer:
            raise SourceError(f"what answers at {self._options.url} is no schema registry")
        return answer

    def _connected(self) -> aiohttp.ClientSession:
        options = self._options
        pair = base64.b64encode(f"{options.username}:{options.password}".encode()).decode()
        login = {"Authorization": f"Basic {pair}"} if options.username else {}
        trust = ssl.create_default_context(cafile=options.ca_file or None)
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            connector=aiohttp.TCPConnector(ssl=trust, limit=2),
            headers={"Accept": "application/vnd.schemaregistry.v1+json, application/json", **login},
        )
