"""Method and path → operation and the members that stand in the path.

The path is the one that was sent, percent signs and all: a name in it may be an ARN, its colons encoded or not, its slashes encoded.
A slash at the end means nothing (``/2014-11-13/functions/{F}/invoke-async/`` is how older clients write it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from poller.wire.aws.model import Operation, Service

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class _Route:
    operation: Operation
    pattern: re.Pattern[str]
    query: Mapping[str, str]  # what the query must say besides


class Routes:
    """Those of one rest-json service."""

    def __init__(self, service: Service) -> None:
        self._routes: dict[str, list[_Route]] = {}
        for operation in service.operations.values():
            self._routes.setdefault(operation.method, []).append(_route(operation))
        for routes in self._routes.values():
            routes.sort(key=lambda route: len(route.query), reverse=True)

    def match(self, method: str, path: str, query: Mapping[str, str]) -> tuple[Operation, dict[str, str]] | None:
        """The operation, and its members in the path by wire name, decoded; None: there is no such operation.

        path: raw, without the query. query: decoded. Of two operations with one path the one that asks more of the query is meant.
        """
        for route in self._routes.get(method, ()):
            if all(query.get(name) == value for name, value in route.query.items()):
                found = route.pattern.fullmatch(path)
                if found is not None:
                    return route.operation, {name: unquote(text) for name, text in found.groupdict().items()}
        return None


def _route(operation: Operation) -> _Route:
    path, _, query = operation.uri.partition("?")
    pattern, at = "", 0
    for parameter in _PARAMETER.finditer(path):
        pattern += re.escape(path[at : parameter.start()]) + f"(?P<{parameter[1]}>[^/]+)"
        at = parameter.end()
    pattern += re.escape(path[at:].removesuffix("/")) + "/?"
    return _Route(operation, re.compile(pattern), dict(parse_qsl(query)))
