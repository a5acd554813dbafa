"""Provisioned concurrency fits into what there is: a function's reservation, or what all reservations leave of the total. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from poller.settings.model import Settings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding

PAST_RESERVED = (
    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
)
"""The service's own sentence (recorded)."""


def check_provisioned(settings: Settings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Findings about all functions. sound: whether the value at these keys could be read."""
    unreserved, asked, others = settings.concurrency, 0, []
    last: Keys = ()
    for name, function in settings.functions.items():
        keys = ("functions", name, "provisioned_concurrency")
        if not sound(keys) or not sound((*keys[:-1], "reserved_concurrency")):
            return
        wanted, reserved = function.provisioned_concurrency or 0, function.reserved_concurrency
        if reserved is None:
            asked += wanted
            last = keys if wanted else last
            others += [] if wanted else [name]
            continue
        unreserved -= reserved
        if wanted > reserved:
            yield Finding(keys, PAST_RESERVED, f"at most {reserved}, not {wanted}")
    if not sound(("concurrency",)) or unreserved < 0:
        return
    if asked > unreserved:
        sentence = f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{unreserved}]."
        yield Finding(last, sentence, f"provisioned for functions without reserved_concurrency together: {asked}")
    elif asked and asked == unreserved and others:
        sentence = f"all of the unreserved concurrency ({unreserved}) is provisioned, and nothing is left for {', '.join(others)}"
        yield Finding(last, sentence, "leave at least 1")
