"""Amazon Resource Names. Pure."""

from __future__ import annotations

from typing import NamedTuple

from connectors.contract import OptionsError


class Arn(NamedTuple):
    """arn:partition:service:region:account:resource, where the resource may have colons of its own."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def parse_arn(text: str, service: str, *, option: str, what: str, form: str) -> Arn:
    """Read the ARN of something of one service. what: as in "an SQS queue". form: how such an ARN looks.

    Raises ``OptionsError`` that blames ``option``.
    """
    parts = text.split(":", 5)
    if len(parts) > 2 and parts[2] != service:  # noqa: PLR2004 - as in Arn
        raise OptionsError(option, f"{text!r} is the ARN of something else ({parts[2] or 'no service'}), not of {what}")
    if len(parts) != 6 or not all(parts):  # noqa: PLR2004 - as in Arn
        raise OptionsError(option, f"{text!r} is not the ARN of {what}: {form}")
    return Arn(*parts[1:])
