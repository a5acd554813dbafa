"""Whatever is published and deleted in whatever order, also by processes that are killed: a number stands for one thing for ever."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from poller.control import store
from poller.control.state import Version


class Killed(BaseException):
    """The process ends here: nothing that comes after is done."""


class Model:
    """What must be true, kept beside the store."""

    def __init__(self) -> None:
        self.given: dict[tuple[str, int], str] = {}
        self.alive: dict[tuple[str, int], str] = {}

    def publish(self, state: Path, function: str, code: str) -> None:
        newest = max((number for of, number in self.alive if of == function), default=0)

        def unchanged(version: Version) -> bool:
            return version.code == code

        with store.opened(state) as opened:
            version, new = opened.publish(function, {"code": code}, "", unchanged)
        key = (function, version.number)
        assert new is (self.alive.get((function, newest)) != code)
        if new:
            assert key not in self.given, "a number was given twice"
            assert version.number > max((number for of, number in self.given if of == function), default=0)
            self.given[key] = self.alive[key] = code
        else:
            assert version.number == newest

    def cut(self, state: Path, function: str, code: str) -> None:
        """A publication that dies inside its transaction."""

        def die(_: Version) -> bool:
            raise Killed

        with store.opened(state) as opened:
            try:
                version, _ = opened.publish(function, {"code": code}, "", die)
            except Killed:
                return
            self.given[function, version.number] = self.alive[function, version.number] = (
                code  # its first: nobody was asked
            )

    def delete(self, state: Path, function: str, number: int) -> None:
        with store.opened(state) as opened:
            assert opened.delete(function, number) is ((function, number) in self.alive)
        self.alive.pop((function, number), None)


NAMES, CODES = st.sampled_from(["orders", "mail"]), st.sampled_from("ab")
STEPS = st.one_of(
    st.tuples(st.just("publish"), NAMES, CODES),
    st.tuples(st.just("cut"), NAMES, CODES),
    st.tuples(st.just("delete"), NAMES, st.integers(1, 5)),
)


@settings(deadline=None, max_examples=40)
@given(steps=st.lists(STEPS, max_size=15))
def test_numbers_are_given_once(steps: list[tuple[str, str, str | int]]) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        for verb, function, argument in steps:
            getattr(model, verb)(Path(folder), function, argument)
            found = store.published(Path(folder)).versions
            assert {(version.function, version.number): version.code for version in found} == model.alive
