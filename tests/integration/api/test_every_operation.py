"""Every operation of the models, as boto3 speaks it: what it was given arrives, what is answered comes back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from poller.control.api.contract import Call
from poller.control.api.front import Front
from tests.integration.api.front_served import client, served
from tests.integration.api.shapes import as_handlers_see, inputs, outputs

pytestmark = pytest.mark.slow


@cache
def model(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


class Stand:
    """Handlers of all operations: they keep the call, and answer what they are told to."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.output: Mapping[str, Any] = {}

    async def handle(self, call: Call) -> Mapping[str, Any]:
        self.calls.append(call)
        return self.output


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", ["lambda", "logs"])
def test_it_goes_both_ways(service: str, tmp_path: Path) -> None:
    stand = Stand()
    handlers = dict.fromkeys(model(service).operation_names, stand.handle)
    front = Front(handlers) if service == "lambda" else Front({}, logs=handlers)
    with served(front, tmp_path) as url, client(service, url) as asking:
        for name in handlers:
            there_and_back(stand, model(service).operation_model(name), getattr(asking, xform_name(name)))


def there_and_back(stand: Stand, operation: Any, ask: Callable[..., dict[str, Any]]) -> None:
    """One operation, a few times: with what the model asks for, and now and then all else that it allows."""

    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(data=st.data())
    def once(data: st.DataObject) -> None:
        given_ = data.draw(inputs(operation.input_shape))
        stream = operation.get_event_stream_output() if operation.has_event_stream_output else None
        answered = {
            member: value
            for member, value in data.draw(outputs(operation.output_shape)).items()
            if operation.output_shape.members[member] is not stream
        }
        events = data.draw(st.lists(an_event(stream), max_size=3)) if stream else []
        stand.calls.clear()
        stand.output = as_handlers_see(answered) | streamed(operation, stream, events)
        response = ask(**given_)
        [call] = stand.calls
        assert call.operation == operation.name
        assert call.params == as_handlers_see(without_empty_body(operation.input_shape, given_))
        assert response.pop("ResponseMetadata")["RequestId"] == call.request_id
        assert came_back(operation, response, answered) == (
            without_empty_body(operation.output_shape, answered),
            [without_empty_bytes(event) for event in events],
        )

    once()


def an_event(stream: Any) -> st.SearchStrategy[dict[str, Any]]:
    """One member of a stream of events; errors are none."""
    kinds = {name: shape for name, shape in stream.members.items() if not shape.metadata.get("exception")}
    return st.one_of([st.fixed_dictionaries({name: outputs(shape)}) for name, shape in kinds.items()])


def without_empty_body(shape: Any, members: dict[str, Any]) -> dict[str, Any]:
    """An empty body is none."""
    whole = shape.serialization.get("payload") if shape else None
    return {
        name: value
        for name, value in members.items()
        if name != whole or value != b"" or name in shape.required_members
    }


def without_empty_bytes(event: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A payload without bytes, and none, are one and the same frame."""
    return {kind: {name: value for name, value in members.items() if value != b""} for kind, members in event.items()}


def streamed(operation: Any, stream: Any, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The member of an output that is a stream of these events."""
    if stream is None:
        return {}

    async def come() -> AsyncGenerator[Mapping[str, Any], None]:
        for event in events:
            yield as_handlers_see(event)

    return {next(name for name, shape in operation.output_shape.members.items() if shape is stream): come()}


def came_back(
    operation: Any, response: dict[str, Any], answered: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What boto3 gave: members and events. Status and content type are there whether or not a handler sets them."""
    found: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    for name, value in response.items():
        shape = operation.output_shape.members[name]
        if shape.type_name == "structure" and getattr(shape, "is_event_stream", shape.serialization.get("eventstream")):
            events = [without_empty_bytes(event) for event in value]
        elif hasattr(value, "read"):
            found |= {name: body} if (body := value.read()) else {}
        elif name in answered or name not in {"ResponseStreamContentType", "StatusCode", "Status"}:
            found[name] = value
    return found, events
