"""Provisioned concurrency fits into what there is: a function's reservation, or what all reservations leave of the total. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from poller.settings.model import FunctionSettings, Settings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding
from poller.settings.references import LATEST

PAST_RESERVED = (
    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
)
"""The service's own sentence (recorded)."""


OF_LATEST = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
BY_BOTH = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
"""The service's own sentences (recorded)."""


def provisioned(function: FunctionSettings) -> dict[str, int]:
    """Version -> invocations for which its environments are kept ready; versions that have none are left out.

    An alias with two versions gives the second its share of them, rounded, and the first what is left (Lambda DG, Configuring
    provisioned concurrency).
    """
    found: Counter[str] = Counter({LATEST: function.provisioned_concurrency or 0, **function.provisioned_versions})
    for alias in function.aliases.values():
        wanted = alias.provisioned_concurrency or 0
        for second, share in alias.weights.items():
            found[second] += round(wanted * share)
        found[alias.version] += wanted - sum(round(wanted * share) for share in alias.weights.values())
    return {version: wanted for version, wanted in found.items() if wanted}


def check_aliases(keys: Keys, function: FunctionSettings) -> Iterator[Finding]:
    """Findings about provisioned concurrency of the aliases of one function."""
    for name, alias in function.aliases.items():
        if alias.provisioned_concurrency is None:
            continue
        at = (*keys, "aliases", name, "provisioned_concurrency")
        if alias.version == LATEST:
            yield Finding(at, OF_LATEST, "provisioned_concurrency of the function is that of $LATEST")
        elif {alias.version, *alias.weights} & function.provisioned_versions.keys():
            yield Finding(at, BY_BOTH, "leave out one of them")


def check_provisioned(settings: Settings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Findings about all functions. sound: whether the value at these keys could be read."""
    unreserved, asked, others = settings.concurrency, 0, []
    last: Keys = ()
    for name, function in settings.functions.items():
        keys = ("functions", name, "provisioned_concurrency")
        if not sound(keys) or not sound((*keys[:-1], "reserved_concurrency")):
            return
        if not sound((*keys[:-1], "aliases")) or not sound((*keys[:-1], "provisioned_versions")):
            return
        yield from check_aliases(keys[:-1], function)
        wanted, reserved = sum(provisioned(function).values()), function.reserved_concurrency
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
