"""Circuit breakers."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    opened = made.counter("breaker_opened", "Times that the circuit breaker opened.", "mapping")
    text = "The circuit breaker: 0 closed, 1 probing, 2 open; of mappings whose breaker was ever open."
    state = made.gauge("breaker_state", text, "mapping")

    def on_opened(fact: e.BreakerOpened) -> None:
        state.set(fact.mapping, to=2)
        opened.add(fact.mapping)

    return {
        e.BreakerOpened: on_opened,
        e.BreakerProbed: lambda fact: state.set(fact.mapping, to=1),
        e.BreakerClosed: lambda fact: state.set(fact.mapping, to=0),
    }
