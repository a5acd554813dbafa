"""A service's operations and shapes, as botocore's model files describe them; texts of documentation are dropped.

Shapes that refer to themselves are resolved when asked for, so a model is as small as its file.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import orjson


class Shape:
    """A type. kind: structure, list, map, string, integer, long, float, double, boolean, timestamp or blob."""

    def __init__(self, name: str, facts: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
        self.name = name
        self.kind: str = facts["type"]
        self._facts = facts
        self._shapes = shapes

    @cached_property
    def members(self) -> Mapping[str, Member]:
        """Of a structure."""
        return {name: Member(name, facts, self._shapes) for name, facts in self._facts.get("members", {}).items()}

    @cached_property
    def item(self) -> Shape:
        """Of a list: what its items are."""
        return self._shapes[self._facts["member"]["shape"]]

    @cached_property
    def key(self) -> Shape:
        """Of a map: what its keys are."""
        return self._shapes[self._facts["key"]["shape"]]

    @cached_property
    def value(self) -> Shape:
        """Of a map: what its values are."""
        return self._shapes[self._facts["value"]["shape"]]

    @property
    def required(self) -> Sequence[str]:
        """Members of a structure that must be given."""
        names: Sequence[str] = self._facts.get("required", ())
        return names

    @property
    def payload(self) -> Member | None:
        """The member of a structure that is the whole body, if one is."""
        name = self._facts.get("payload")
        return None if name is None else self.members[name]

    @property
    def is_event_stream(self) -> bool:
        """Whether this stands for a stream of events, one for each member."""
        return bool(self._facts.get("eventstream"))

    @property
    def least(self) -> float | None:
        """Least value of a number, least length of anything else."""
        value: float | None = self._facts.get("min")
        return value

    @property
    def most(self) -> float | None:
        """Greatest value of a number, greatest length of anything else."""
        value: float | None = self._facts.get("max")
        return value

    @property
    def pattern(self) -> str | None:
        """Regular expression for the whole of a string."""
        value: str | None = self._facts.get("pattern")
        return value

    @property
    def enum(self) -> Sequence[str]:
        """The values that a string may have; empty: any."""
        values: Sequence[str] = self._facts.get("enum", ())
        return values

    @property
    def is_sensitive(self) -> bool:
        """Whether a value is not to be shown."""
        return bool(self._facts.get("sensitive"))

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Of an error: its ``httpStatusCode``, and ``code`` where that is not the shape's name."""
        if not self._facts.get("exception"):
            return None
        facts: Mapping[str, Any] = self._facts.get("error", {})
        return facts

    @property
    def is_fault(self) -> bool:
        """Of an error: whether the service is to blame."""
        return bool(self._facts.get("fault"))


class Member:
    """One member of a structure. location: uri, querystring, header, statusCode, or "" for the body."""

    def __init__(self, name: str, facts: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
        self.name = name
        self.shape = shapes[facts["shape"]]
        self.location: str = facts.get("location", "")
        self.wire_name: str = facts.get("locationName", name)
        self.is_event_payload = bool(facts.get("eventpayload"))


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation. uri: the path with ``{Member}`` in it, and what the query must say. inputs, outputs: structures, or None."""

    name: str
    method: str
    uri: str
    status: int
    inputs: Shape | None
    outputs: Shape | None
    errors: Sequence[str]


class Service:
    """A service. protocol: ``rest-json`` or ``json``; target: prefix of X-Amz-Target in the latter. signing_name: in signatures."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        metadata = facts["metadata"]
        self.protocol: str = metadata["protocol"]
        self.target: str = metadata.get("targetPrefix", "")
        self.json_version: str = metadata.get("jsonVersion", "1.1")
        self.signing_name: str = metadata.get("signingName", metadata["endpointPrefix"])
        self.shapes: dict[str, Shape] = {}
        for name, shape in facts["shapes"].items():
            self.shapes[name] = Shape(name, _without_documentation(shape), self.shapes)
        self.operations = {name: self._operation(name, operation) for name, operation in facts["operations"].items()}

    def _operation(self, name: str, facts: Mapping[str, Any]) -> Operation:
        http = facts["http"]
        return Operation(
            name=name,
            method=http["method"],
            uri=http["requestUri"],
            status=http.get("responseCode", 200),
            inputs=self._shape(facts.get("input")),
            outputs=self._shape(facts.get("output")),
            errors=tuple(error["shape"] for error in facts.get("errors", ())),
        )

    def _shape(self, reference: Mapping[str, Any] | None) -> Shape | None:
        return None if reference is None else self.shapes[reference["shape"]]


@cache
def service(name: str) -> Service:
    """The newest model of a service by its name in botocore (``lambda``, ``logs``). Read once; 50 ms."""
    spec = importlib.util.find_spec("botocore")  # finds the folder, imports nothing
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("botocore, whose service models describe the API")
    folder = max(path for path in (Path(spec.origin).parent / "data" / name).iterdir() if path.is_dir())
    packed = folder / "service-2.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "service-2.json").read_bytes()
    return Service(orjson.loads(text))


def _without_documentation(shape: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {key: value for key, value in shape.items() if key != "documentation"}
    if members := shape.get("members"):
        kept["members"] = {
            name: {key: value for key, value in member.items() if key != "documentation"}
            for name, member in members.items()
        }
    return kept
