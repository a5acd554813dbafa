"""What does not hold is told in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from poller.wire.aws.constraints import LONGEST_MATCHED, check, matcher
from poller.wire.aws.errors import ApiError
from poller.wire.aws.model import Shape, service

LAMBDA = service("lambda")


def complaint(operation: str, params: dict[str, Any]) -> str:
    with pytest.raises(ApiError) as raised:
        check(LAMBDA.operations[operation].inputs, params)
    assert raised.value.code == "ValidationException"
    return str(raised.value.message)


def test_what_holds_is_taken() -> None:
    check(
        LAMBDA.operations["Invoke"].inputs, {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:a:$LATEST"}
    )
    check(None, {})


def test_the_sentence_is_awss() -> None:
    assert complaint("GetPolicy", {}) == (
        "1 validation error detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    ("operation", "params", "text"),
    [
        (
            "CreateFunctionUrlConfig",
            {"FunctionName": "f", "AuthType": "NONE", "InvokeMode": "UNKNOWN"},
            (
                "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' …: "
                "Member must satisfy enum value set: [BUFFERED, RESPONSE_STREAM]"
            ),
        ),
        (
            "PutProvisionedConcurrencyConfig",
            {"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 0},
            (
                "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' …: "
                "Member must have value greater than or equal to 1"
            ),
        ),
        (
            "CreateAlias",
            {"FunctionName": "f", "Name": "12"},
            (
                "2 validation errors detected: Value '12' at 'name' …: Member must satisfy regular expression "
                "pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+); Value null at 'functionVersion' …: Member must not be null"
            ),
        ),
        (
            "UpdateAlias",
            {"FunctionName": "f", "Name": "a", "RoutingConfig": {"AdditionalVersionWeights": {"1": 1.5}}},
            (
                "1 validation error detected: Value '{1=1.5}' at 'routingConfig.additionalVersionWeights' …: "
                "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
                "Member must have value greater than or equal to 0.0, Member must not be null]"
            ),
        ),
        (
            "UpdateAlias",
            {"FunctionName": "f", "Name": "a", "RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}}},
            (
                "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' …: "
                "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "
                "Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, "
                "Member must not be null]"
            ),
        ),
        (
            "PublishLayerVersion",
            {"LayerName": "l", "Content": {"ZipFile": b""}, "CompatibleArchitectures": ["x86_64", "mips"]},
            (
                "1 validation error detected: Value '[x86_64, mips]' at 'compatibleArchitectures' …: "
                "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
            ),
        ),
        (
            "CreateEventSourceMapping",
            {"FunctionName": "f", "FilterCriteria": {"Filters": [{}, {"Pattern": "x" * 4097}]}},
            (
                f"1 validation error detected: Value '{'x' * 4097}' at 'filterCriteria.filters.2.member.pattern' …: "
                "Member must have length less than or equal to 4096"
            ),
        ),
        (
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "Environment": {"Variables": {"1st": "a secret"}}},
            (
                "1 validation error detected: Value at 'environment.variables' …: Map keys must satisfy constraint: "
                "[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]"
            ),
        ),
    ],
)
def test_each_demand_has_its_words(operation: str, params: dict[str, Any], text: str) -> None:
    assert complaint(operation, params).replace("failed to satisfy constraint", "…") == text


def test_runtimes_are_the_services_own_business() -> None:
    check(LAMBDA.operations["UpdateFunctionConfiguration"].inputs, {"FunctionName": "f", "Runtime": "cobol"})
    layer = {"LayerName": "l", "Content": {}, "CompatibleRuntimes": ["cobol"]}
    assert "at 'compatibleRuntimes'" in complaint("PublishLayerVersion", layer)


@pytest.mark.parametrize("name", ["lambda", "logs"])
def test_every_pattern_is_one_of_pythons_too_and_takes_bounded_time(name: str) -> None:
    for shape in service(name).shapes.values():
        if shape.pattern:
            longest = int(shape.most or 2000)
            for text in ("a" * longest, "a-" * (longest // 2), "arn:aws:" * (longest // 8), "0" * longest + "!"):
                matcher(shape.pattern).fullmatch(text[:LONGEST_MATCHED])  # one that backtracks would not come back


def test_letters_of_all_alphabets_are_letters_in_a_tag() -> None:
    tag = {"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"}
    check(LAMBDA.operations["TagResource"].inputs, tag | {"Tags": {"größe ٣": "大\u2003."}})
    assert "Map keys" in complaint("TagResource", tag | {"Tags": {"a\tb": ""}})


def test_a_text_too_long_to_be_matched_does_not_match() -> None:
    shape = Shape("Endless", {"type": "string", "pattern": "a*"}, {})
    holder = Shape("Holder", {"type": "structure", "members": {"A": {"shape": "Endless"}}}, {"Endless": shape})
    check(holder, {"A": "a" * LONGEST_MATCHED})
    with pytest.raises(ApiError, match="regular expression"):
        check(holder, {"A": "a" * (LONGEST_MATCHED + 1)})
