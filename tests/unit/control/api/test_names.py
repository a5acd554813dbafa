"""Names of functions and layers: every form, and the service's words for those that lead nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.control.api.contract import ApiError
from poller.control.api.names import Account, Named, NamedLayer, named, named_layer, unqualified

HERE = Account("123456789012", "eu-central-1")
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True).filter(lambda name: name != "function")
QUALIFIERS = st.sampled_from(["", "$LATEST", "7", "live"])


@given(name=NAMES, qualifier=QUALIFIERS)
def test_every_form_means_the_same(name: str, qualifier: str) -> None:
    tail = f":{qualifier}" if qualifier else ""
    wanted = Named(name, qualifier)
    for text in (f"{name}{tail}", f"123456789012:function:{name}{tail}", f"{HERE.function(name)}{tail}"):
        assert named(text, HERE) == wanted
        assert named(text, HERE, qualifier or None) == wanted
    if qualifier:
        assert named(name, HERE, qualifier) == wanted


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("arn:aws:lambda:eu-central-1:999999999999:function:f", "AccessDeniedException", None),
        (
            "arn:aws:lambda:us-west-2:123456789012:function:f",
            "ResourceNotFoundException",
            "Functions from 'us-west-2' are not reachable in this region ('eu-central-1')",
        ),
        (
            "f" * 65,
            "InvalidParameterValueException",
            (
                f"1 validation error detected: Value '{'f' * 65}' at 'functionName' failed to satisfy constraint: "
                "Member must have length less than or equal to 64"
            ),
        ),
    ],
)
def test_what_is_not_here_is_told(text: str, code: str, sentence: str | None) -> None:
    with pytest.raises(ApiError) as raised:
        named(text, HERE)
    assert (raised.value.code, raised.value.message) == (code, sentence)


def test_a_name_that_is_none_is_told_with_the_pattern() -> None:
    with pytest.raises(ApiError) as raised:
        named("no blanks", HERE)
    assert raised.value.code == "ValidationException"
    assert "Member must satisfy regular expression pattern" in str(raised.value.message)


def test_two_qualifiers_must_be_one() -> None:
    with pytest.raises(ApiError, match="derived qualifier from the function name does not match"):
        named("f:1", HERE, "2")


def test_what_is_about_functions_only_takes_no_version() -> None:
    assert unqualified("f:$LATEST", HERE) == "f"
    with pytest.raises(ApiError, match="This operation is permitted on Lambda functions only"):
        unqualified("f:1", HERE)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("common", NamedLayer("common", None, "eu-central-1", here=True)),
        (HERE.layer("common"), NamedLayer("common", None, "eu-central-1", here=True)),
        (HERE.layer("common", 3), NamedLayer("common", 3, "eu-central-1", here=True)),
        (
            "arn:aws:lambda:us-west-2:123456789012:layer:common:3",
            NamedLayer("common", 3, "us-west-2", here=False),
        ),
        (
            "arn:aws:lambda:eu-central-1:999999999999:layer:common:3",
            NamedLayer("common", 3, "eu-central-1", here=False),
        ),
    ],
)
def test_layers_have_names_and_arns(text: str, layer: NamedLayer) -> None:
    assert named_layer(text, HERE) == layer


def test_a_layers_name_that_is_none_is_told() -> None:
    with pytest.raises(ApiError, match="at 'layerName' failed to satisfy constraint"):
        named_layer("no blanks", HERE)
