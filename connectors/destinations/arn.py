"""ARNs of what can be a destination. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from connectors.aws.arn import Arn
from connectors.contract import OptionsError

_FORMS = {
    "sqs": ("queue", "arn:aws:sqs:REGION:ACCOUNT:NAME", r"[A-Za-z0-9_-]{1,80}"),
    "sns": ("topic", "arn:aws:sns:REGION:ACCOUNT:NAME", r"[A-Za-z0-9_-]{1,256}"),
    "s3": ("bucket", "arn:aws:s3:::NAME", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "events": ("event bus", "arn:aws:events:REGION:ACCOUNT:event-bus/NAME", r"event-bus/[A-Za-z0-9._/-]{1,256}"),
}
"""Service -> what it has, its ARN, what a name of it may be (quotas of SQS, SNS, EventBridge; S3 UG, Bucket naming rules)."""

_MANY = {"sqs": "SQS queues", "sns": "SNS topics", "s3": "S3 buckets", "events": "EventBridge buses"}
OF_STREAMS = ("sqs", "sns", "s3")
OF_INVOCATIONS = ("sqs", "sns", "s3", "events")
OF_DEAD_LETTERS = ("sqs", "sns")


def parse(text: str, among: Sequence[str] = OF_STREAMS) -> Arn:
    """Read the ARN of a standard queue or topic, a bucket or a bus. among: services that may be named. Raises ``OptionsError``."""
    arn = Arn(*[*text.split(":", 5)[1:], *[""] * 5][:5])
    _, service, region, account, name = arn
    if service not in among:
        *most, last = (_MANY[each] for each in among)
        raise OptionsError(
            "destination", f"{text!r} is the ARN of no destination: failures go to {', '.join(most)} and {last}"
        )
    what, form, allowed = _FORMS[service]
    if name.endswith(".fifo"):
        raise OptionsError(
            "destination", f"{name} is a FIFO {what}; failure records go to standard ones only, as on AWS"
        )
    article = "an" if what == "event bus" else "a"
    placed = bool(region and account.isdecimal()) if service != "s3" else not region + account
    if not placed or not re.fullmatch(allowed, name):
        raise OptionsError("destination", f"{text!r} is not the ARN of {article} {what}: {form}")
    return arn
