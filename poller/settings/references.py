"""How a function is named: by name, partial ARN or ARN, each with or without a qualifier (Lambda API reference, FunctionName)."""

from __future__ import annotations

import re
from dataclasses import dataclass

LATEST = "$LATEST"
"""Qualifier of the one version that changes."""

_FORM = re.compile(
    r"(arn:(?P<partition>aws[a-zA-Z-]*)?:lambda:)?"
    r"((?P<region>(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-[0-9]):)?"
    r"((?P<account>[0-9]{12}):)?"
    r"(function:)?"
    r"(?P<name>[a-zA-Z0-9_-]{1,64})"
    r"(:(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]{1,128}))?"
)


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """The parts of a function's name; "" for what it leaves out."""

    name: str
    qualifier: str = ""
    account: str = ""
    region: str = ""

    @property
    def target(self) -> str:
        """What an invocation goes to: ``name``, or ``name:qualifier`` as it was written. Account and region are the daemon's own."""
        return f"{self.name}:{self.qualifier}" if self.qualifier else self.name


def function_reference(text: str) -> FunctionReference | None:
    """Take a function's name apart; None when it has no form that AWS knows."""
    match = _FORM.fullmatch(text)
    if not match:
        return None
    return FunctionReference(
        name=match["name"],
        qualifier=match["qualifier"] or "",
        account=match["account"] or "",
        region=match["region"] or "",
    )


def loaded_reference(text: str) -> FunctionReference:
    """Take apart a reference that a loaded configuration holds. Raises ``ValueError`` for what is none."""
    reference = function_reference(text)
    if reference is None:
        raise ValueError(f"{text!r} is no function's name or ARN")
    return reference


def is_number(qualifier: str) -> bool:
    """Whether a qualifier is a version's number; aliases never are of digits alone."""
    return qualifier.isascii() and qualifier.isdigit()
