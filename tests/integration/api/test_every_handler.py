"""Whatever the model allows has an answer from a daemon with its handlers: no defect, no 5xx."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.api.inputs_tried import PROPERTY, TIMES, Tried
from tests.integration.api.served import ARN, CODE, LAYER_ARN, ROLE, basic, served
from tests.integration.api.shapes import inputs

pytestmark = pytest.mark.slow

KNOWN: dict[str, list[Any]] = {
    "FunctionName": [
        "orders",
        "orders:live",
        "orders:1",
        "orders:$LATEST",
        f"{ARN}orders",
        f"{ARN}orders:live",
        "bills",
        "none",
    ],
    "Qualifier": ["live", "1", "2", "$LATEST"],
    "Name": ["live", "other"],
    "FunctionVersion": ["1", "$LATEST", "9"],
    "LayerName": ["common", f"{LAYER_ARN}common"],
    "VersionNumber": [1, 2],
    "Arn": [f"{LAYER_ARN}common:1", f"{LAYER_ARN}common:7"],
    "Resource": [f"{ARN}orders", f"{ARN}none"],
    "StatementId": ["one"],
    "Runtime": ["python3.11", "nodejs99.x"],
    "Marker": ["1", "orders"],
    "Payload": [b"{}", b"[1]", b"{"],
    "Action": ["lambda:InvokeFunction", "lambda:GetLayerVersion"],
    "Principal": ["s3.amazonaws.com", "*", "123456789012"],
    "Code": [{"ZipFile": CODE}],
    "Content": [{"ZipFile": CODE}],
    "ZipFile": [CODE],
    "Role": [ROLE],
    "Handler": ["app.handler"],
    "EventSourceArn": [
        "arn:pollerd:memory-queue:eu-central-1:123456789012:queue=q",
        "arn:aws:sqs:eu-central-1:123456789012:q",
    ],
}
"""What makes a call get further than names that lead nowhere."""


@pytest.mark.timeout(600 * TIMES)
@pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")  # the daemon does, beside them
async def test_no_handler_fails_at_what_the_model_allows(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    tried = Tried()
    async with served(tmp_path) as daemon:
        await daemon.ask("create_function", **basic())
        await daemon.ask("create_function", **basic("bills"))
        await daemon.ask("publish_version", FunctionName="orders")
        await daemon.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
        await daemon.ask("publish_layer_version", LayerName="common", Content={"ZipFile": CODE})
        done = await daemon.script(lambda client: _all_asked(client, sorted(daemon.daemon.offered, key=_order), tried))
    record_property(PROPERTY, tried.count)
    assert tried.count >= 8 * TIMES * len(daemon.daemon.offered), "of an operation without parameters there is one"
    assert len(done) > len(daemon.daemon.offered) / 3, "many get further than being refused"


def _order(name: str) -> tuple[bool, str]:
    """What takes away comes last, or there would be little to ask for."""
    return name.startswith(("Delete", "Remove")), name


def _all_asked(client: Any, names: list[str], tried: Tried) -> list[str]:
    """Those of the operations that were done at least once."""
    model = botocore.session.Session().get_service_model("lambda")
    return [
        name
        for name in names
        if _asked(getattr(client, xform_name(name)), model.operation_model(name).input_shape, tried)
    ]


def _asked(ask: Any, shape: Any, tried: Tried) -> bool:
    statuses: set[int] = set()

    @settings(max_examples=12 * TIMES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(data=st.data())
    def once(data: st.DataObject) -> None:
        given_ = data.draw(inputs(shape))
        if data.draw(st.booleans()):  # little is asked for, so that little can be refused
            kept = {*shape.required_members, data.draw(st.sampled_from(["", *sorted(shape.members)]))}
            given_ = {name: value for name, value in given_.items() if name in kept}
        for name, values in KNOWN.items():
            if name in given_ and data.draw(st.integers(0, 4)):
                given_[name] = data.draw(st.sampled_from(values))
        tried.one()
        status, message = _answered(ask, given_)
        statuses.add(status)
        assert status < 500, (given_, message)
        assert message or status in {200, 201, 202, 204, 403}, (
            "whoever is refused is told why; AWS says nothing with 403"
        )

    once()
    return bool(statuses & {200, 201, 202, 204})


def _answered(ask: Any, parameters: dict[str, Any]) -> tuple[int, str]:
    """Status, and the sentence of an error; streams are read to their end."""
    try:
        answer = ask(**parameters)
    except ClientError as error:
        found = error.response
        return found["ResponseMetadata"]["HTTPStatusCode"], found["Error"].get("Message") or ""
    for value in answer.values():
        if hasattr(value, "read"):
            value.read()
        elif hasattr(value, "close"):
            list(value)
    return answer["ResponseMetadata"]["HTTPStatusCode"], ""
