"""Recursive loop detection: how often each function stands in the chain of invocations that a trace header tells of. Pure.

The header's field ``Lineage`` counts them, ``<hash>:<count>``, several joined by ``|`` (Lambda DG, Use Lambda recursive loop detection). It
travels wherever the header does: SDKs pass it on, queues and asynchronous events keep it. Retries of an event are one step of the chain.
"""

from __future__ import annotations

import os
import re
import zlib

LIMIT = 16
"""Invocations of one function in a chain; the next is none any more (Lambda DG: approximately 16)."""
MOST_FUNCTIONS = 32
"""In one header, so that it does not grow for ever; the oldest are forgotten."""

_STEP = re.compile(r"([0-9a-f]{8}):([0-9]{1,5})")


def new_trace(moment: float) -> str:
    """The header of an invocation that came without one; not sampled (Lambda DG, tracing mode PassThrough). moment: epoch seconds."""
    return f"Root=1-{int(moment):08x}-{os.urandom(12).hex()};Parent={os.urandom(8).hex()};Sampled=0"


def entered(trace_id: str, arn: str) -> tuple[str, int]:
    """The header as the function is to see it, and how often the function stands in its chain, this time included.

    arn: of the function, without a qualifier. Fields that are not understood stay as they are. Never raises.
    """
    own = f"{zlib.crc32(arn.encode()):08x}"
    fields = [field for field in trace_id.split(";") if field]
    steps: dict[str, int] = {}
    for field in fields:
        if field.startswith("Lineage="):
            steps.update({match[1]: int(match[2]) for match in _STEP.finditer(field)})
    count = steps.pop(own, 0) + 1
    newest = [*steps.items(), (own, count)][-MOST_FUNCTIONS:]
    lineage = "Lineage=" + "|".join(f"{name}:{number}" for name, number in newest)
    return ";".join([*(field for field in fields if not field.startswith("Lineage=")), lineage]), count
