"""The operations of event source mappings. What is changed takes effect at once, and a mapping keeps its place in its stream.

A mapping that a call made is called by its UUID, here and everywhere; one of a configuration file has a UUID that follows from its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import uuid
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.mappings import fields, sources
from poller.control.api.mappings.checks import check
from poller.control.api.mappings.look import OF_AWS, look
from poller.control.api.names import Account
from poller.control.api.refusals import invalid, told
from poller.control.desired import Change, Desired, RefusedError
from poller.control.made import Kind, Made
from poller.control.mappings import timeout
from poller.pipeline.stream import StreamMapping
from poller.pipeline.stream.attempts import BAD
from poller.settings.mappings import source
from poller.settings.model import MappingSettings, Settings
from poller.settings.references import FunctionReference, function_reference, loaded_reference

KIND: Final[Kind] = "event_source_mappings"
PAGE = 100
"""Mappings on a page, at most, whatever is asked for."""
_FILED = uuid.UUID("8c2f8c0e-53a5-4d3b-9d0b-2f1f6c7f9a11")
"""Name space of the UUIDs of mappings that stand in files (RFC 9562, version 5)."""


class Mappings:
    """Create, get, list, update, delete."""

    def __init__(self, desired: Desired) -> None:
        self._desired = desired
        self._named: tuple[Settings | None, dict[str, str]] = (None, {})

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "CreateEventSourceMapping": self.create,
            "GetEventSourceMapping": self.get,
            "ListEventSourceMappings": self.list,
            "UpdateEventSourceMapping": self.update,
            "DeleteEventSourceMapping": self.delete,
        }

    async def create(self, call: Call) -> Mapping[str, Any]:
        """202 with state Creating, or Disabled."""
        params = call.params
        reference = self._function(params["FunctionName"])
        document = fields.document(params, {"source": sources.block(params), "function": reference.target})
        shown = {name: params[name] for name in (*fields.SHOWN, "Tags") if params.get(name)}
        name = str(uuid.uuid4())
        async with self._changing(call) as change:
            self._refuse_twin(params, reference)
            check(params, document, new=True)
            change.put(Made(kind=KIND, name=name, document=document, shown=shown))
            await self._look(change, name)
        return self._shown(name) | {"State": "Creating" if self._settings(name).enabled else "Disabled"}

    async def get(self, call: Call) -> Mapping[str, Any]:
        """200."""
        return self._shown(self._name(call.params["UUID"]))

    async def list(self, call: Call) -> Mapping[str, Any]:
        """200; by source and function, if asked for, a hundred at most."""
        params = call.params
        found = sorted(self._all())
        if params.get("EventSourceArn") or params.get("FunctionName"):
            found = [name for name in found if _asked_for(self._shown(name), params, self._arn_of)]
        start = _start(params.get("Marker"), found)
        size = min(params.get("MaxItems") or PAGE, PAGE)
        page, rest = found[start : start + size], found[start + size :]
        return {"EventSourceMappings": [self._shown(name) for name in page], "NextMarker": rest[0] if rest else None}

    async def update(self, call: Call) -> Mapping[str, Any]:
        """202 with the state that the change leads through."""
        params = call.params
        name = self._name(params["UUID"])
        enabled = self._settings(name).enabled
        async with self._changing(call) as change:
            made = change.made(KIND, name)
            if made is None:
                self._desired.refuse_filed(KIND, self._all()[name])
                raise _gone()
            document = fields.document(params, made.document)
            if given := params.get("FunctionName"):
                document["function"] = self._function(given).target
            shown = {**made.shown, **{member: params[member] for member in fields.SHOWN if member in params}}
            check(params, document, new=False)
            change.put(dataclasses.replace(made, document=document, shown=shown))
        wanted = params.get("Enabled")
        state = "Updating" if wanted is None or wanted == enabled else "Enabling" if wanted else "Disabling"
        return self._shown(name) | {"State": state}

    async def delete(self, call: Call) -> Mapping[str, Any]:
        """202 with state Deleting; what it began is finished."""
        name = self._name(call.params["UUID"])
        last = self._shown(name)
        async with self._changing(call) as change:
            change.remove(KIND, self._all()[name])
        return last | {"State": "Deleting"}

    def _all(self) -> dict[str, str]:
        """Names in the configuration, by UUID; asked for so often that they are kept until there is another configuration."""
        settings = self._desired.fleet.settings
        if self._named[0] is not settings:
            names = [*settings.event_source_mappings, *self._desired.stranded()]
            self._named = settings, {self._uuid(name): name for name in names}
        return self._named[1]

    def _uuid(self, name: str) -> str:
        return uuid_of_filed(name) if self._desired.is_filed(KIND, name) else name

    def _name(self, wanted: str) -> str:
        """The UUID of a mapping, if it is there."""
        if wanted not in self._all():
            raise _gone()
        return wanted

    def _settings(self, name: str) -> MappingSettings:
        own = self._all()[name]
        return self._desired.fleet.settings.event_source_mappings.get(own) or self._desired.stranded()[own].settings

    def _function(self, given: str) -> FunctionReference:
        """Raises ApiError when it is not to be had."""
        reference = function_reference(given)
        settings = self._desired.fleet.settings
        if reference is None or reference.name not in settings.functions:
            raise invalid("Function does not exist")
        return reference

    def _arn_of(self, given: str) -> str:
        """Of a function as it is named in a request, whether there is one or not; "" for what is no name."""
        reference = function_reference(given)
        fleet = self._desired.fleet
        pools = fleet.pools
        if reference is None:
            return ""
        if reference.name not in pools:
            return Account.of(fleet.settings.aws).function(reference.name, reference.qualifier)
        arn = pools[reference.name].spec.arn
        return f"{arn}:{reference.qualifier}" if reference.qualifier else arn

    def _shown(self, name: str) -> dict[str, Any]:
        """As AWS shows it, by UUID."""
        fleet, own = self._desired.fleet, self._all()[name]
        settings, made = self._settings(name), self._desired.made.get((KIND, own))
        arn = self._arn_of(loaded_reference(settings.function).target)
        region, account = arn.split(":")[3:5]
        able = source(settings).capabilities
        told = {
            "UUID": name,
            "EventSourceMappingArn": f"arn:aws:lambda:{region}:{account}:event-source-mapping:{name}",
            "FunctionArn": arn,
            "LastModified": _moment(made),
            "State": self._state(own, settings),
            "StateTransitionReason": self._desired.broken.get((KIND, own)) or _reason(settings),
            **sources.members(settings.source, fleet.settings.aws, region),
            **fields.members(settings, able),
            **({member: value for member, value in made.shown.items() if member in fields.SHOWN} if made else {}),
        }
        if able.stream:
            told["LastProcessingResult"] = self._last_result(own)
        return told

    def _state(self, own: str, settings: MappingSettings) -> str:
        """Creating until its source was open for the first time, or has said why it is not."""
        if own not in self._desired.fleet.settings.event_source_mappings:
            return "Enabled" if settings.enabled else "Disabled"  # it is not its own doing that nothing reads
        running = self._desired.fleet.mappings.get(own)
        if running is None or not settings.enabled:
            return "Disabled"
        mapping = running.mapping
        looked = running.trouble or (
            mapping is not None and (mapping.link.identity is not None or mapping.link.trouble)
        )
        return "Enabled" if looked else "Creating"

    def _last_result(self, own: str) -> str:
        if (KIND, own) in self._desired.broken:
            return BAD
        running = self._desired.fleet.mappings.get(own)
        if running is not None and isinstance(running.mapping, StreamMapping):
            return running.mapping.last_processing_result
        return "No records processed"

    def _refuse_twin(self, params: Mapping[str, Any], reference: FunctionReference) -> None:
        """Two mappings may share a source, but not with one function (section 1.7)."""
        arn, topics = params.get("EventSourceArn"), params.get("Topics")
        function = self._arn_of(reference.target)
        for name in self._all():
            if loaded_reference(self._settings(name).function).name != reference.name:
                continue
            shown = self._shown(name)
            if shown["FunctionArn"] != function or (shown.get("EventSourceArn"), shown.get("Topics")) != (arn, topics):
                continue
            ending = f"already exists. Please update or delete the existing mapping with UUID {name}"
            if arn is None:
                servers = ",".join(params["SelfManagedEventSource"]["Endpoints"]["KAFKA_BOOTSTRAP_SERVERS"])
                if shown.get("SelfManagedEventSource") != params["SelfManagedEventSource"]:
                    continue
                start = f'event source ("{servers}"), function ("{function}"), topics ("{",".join(topics or ())}")'
                raise ApiError("ResourceConflictException", f"An event source mapping with {start} {ending}")
            if ":sqs:" in arn:
                start = f'An event source mapping with SQS arn (" {arn} ") and function (" {reference.name} ")'
                raise ApiError("ResourceConflictException", f"{start} {ending}")
            start = f'The event source arn (" {arn} ") and function (" {reference.name} ") provided mapping'
            raise ApiError("ResourceConflictException", f"{start} {ending}")

    @contextlib.asynccontextmanager
    async def _changing(self, call: Call) -> AsyncIterator[Change]:
        """A change that a call makes, refused as the API refuses."""
        key = call.caller.access_key_id
        with told():
            try:
                async with self._desired.change(f"API key {key}" if key else "API", call.operation) as change:
                    yield change
            except RefusedError as error:
                if "filter_criteria" in error.keys:
                    raise invalid("Invalid filter pattern definition.") from error
                raise

    async def _look(self, change: Change, name: str) -> None:
        settings = await asyncio.to_thread(self._desired.read, change, KIND, name)
        fleet = self._desired.fleet
        await look(settings, timeout(settings, fleet.settings, fleet.pools))


def uuid_of_filed(name: str) -> str:
    """UUID of a mapping that stands in a file."""
    return str(uuid.uuid5(_FILED, name))


def _asked_for(shown: Mapping[str, Any], params: Mapping[str, Any], arn_of: Callable[[str], str]) -> bool:
    """By source and by function; one that does not exist has none."""
    source_arn, function = params.get("EventSourceArn"), params.get("FunctionName")
    if source_arn and shown.get("EventSourceArn") != source_arn:
        return False
    return not function or shown["FunctionArn"] == arn_of(function)


def _reason(settings: MappingSettings) -> str:
    return "User action" if settings.source.type in OF_AWS - {"sqs"} else "USER_INITIATED"


def _start(marker: str | None, names: list[str]) -> int:
    """Where a page begins: at the first name that is not before the marker."""
    return bisect_left(names, marker) if marker else 0


def _moment(made: Made | None) -> float | None:
    return datetime.fromisoformat(made.modified).timestamp() if made else None


def _gone() -> ApiError:
    return ApiError("ResourceNotFoundException", "The resource you requested does not exist.")
