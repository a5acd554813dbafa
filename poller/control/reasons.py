"""Why a mapping does not invoke now: what is seen of it, as sentences in the order of what keeps it from it first. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from poller.control.look import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """code: one of a closed set of words. since, until: epoch seconds; None: not known."""

    code: str
    sentence: str
    since: float | None = None
    until: float | None = None


def reasons(sight: Look) -> list[Reason]:
    """All that hold, the one that comes first on a record's way first; one of code ``invoking`` or ``idle`` when nothing keeps it."""
    found = [*_of_operators(sight)]
    if found:
        return found
    found = [*_of_source(sight), *_of_function(sight)]
    if sight.invoking:
        found.insert(0, _invoking(sight))
    if found:
        return found
    if sight.in_hand:
        return [
            Reason(code="gathering", sentence=f"{sight.in_hand} records are in hand, and their batch is not due yet")
        ]
    if sight.lag:
        return [Reason(code="reading", sentence=f"about {sight.lag} records wait in the source, and are being read")]
    waits = "no record waits in the source" if sight.lag == 0 else "the source has handed out nothing more"
    return [Reason(code="idle", sentence=waits, since=sight.course.done_at)]


def why_still(sight: Look) -> str:
    """In one sentence, for who is told that a mapping stands still."""
    return "; ".join(reason.sentence for reason in reasons(sight))


def _of_operators(sight: Look) -> list[Reason]:
    """Nobody wants it to run here."""
    words = {
        "disabled": "the mapping is disabled in the configuration",
        "stopping": "the daemon stops",
        "paused": "the mapping is paused; `pollerd mappings resume` goes on",
        "pausing": "the mapping is being paused; what was begun is being finished",
    }
    if sight.state in words:
        return [Reason(code=sight.state, sentence=words[sight.state])]
    return [Reason(code="elsewhere", sentence=sight.not_ours)] if sight.not_ours else []


def _of_source(sight: Look) -> list[Reason]:
    found = []
    if sight.source_trouble:
        found.append(
            Reason(
                code="source",
                sentence=f"the source does not work: {sight.source_trouble}",
                since=sight.source_failing_since,
                until=sight.retry_at,
            )
        )
    if sight.overdue_since is not None:
        found.append(Reason(code="overdue", sentence="the source owes an answer", since=sight.overdue_since))
    if not (found or sight.connected):
        found.append(Reason(code="connecting", sentence="the source is being connected"))
    return found


def _of_function(sight: Look) -> list[Reason]:
    found = []
    if sight.slot_since is not None:
        sentence = f"no slot is free for {sight.function}: its concurrency, or what all functions share, is used up"
        found.append(Reason(code="slot", sentence=sentence, since=sight.slot_since))
    if sight.breaker != "closed":
        words = "waits until it may probe" if sight.breaker == "open" else "probes with one batch"
        sentence = f"the circuit breaker is open, and {words}: {sight.breaker_cause}"
        found.append(Reason(code="breaker", sentence=sentence, since=sight.breaker_since, until=sight.breaker_until))
    if sight.held_up:
        found.append(Reason(code="destination", sentence=sight.held_up, since=sight.held_up_since))
    course = sight.course
    if course.failures:
        said = course.error.get("error", "")
        said += f": {message}" if (message := course.error.get("message")) else ""
        sentence = f"the last {course.failures} batches failed; {course.error.get('function', sight.function)}: {said}"
        found.append(Reason(code="function", sentence=sentence, since=course.failing_since))
    return found


def _invoking(sight: Look) -> Reason:
    if sight.busy:
        return Reason(code="invoking", sentence=f"{sight.invoking} invocations are under way", until=sight.busy_until)
    sentence = f"{sight.invoking} invocations are under way, beyond their timeout"
    return Reason(code="invoking", sentence=sentence, since=sight.busy_until)
