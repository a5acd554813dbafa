"""Any history of splits, merges and roll-overs, read in any order that is allowed: nothing is skipped, no child overtakes a parent."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from connectors.shards import lineage
from connectors.shards.lineage import Shard
from connectors.shards.positions import END, since


class History:
    """Shards as a server makes them. Their number is the order in which they were made."""

    def __init__(self, first: int) -> None:
        self.shards = [Shard(f"s{n}") for n in range(first)]

    @property
    def open(self) -> list[Shard]:
        return [shard for shard in self.shards if not shard.closed]

    def change(self, kind: int, which: int) -> None:
        """kind: how many children one shard gets, or 0 for a merge of two."""
        chosen = [self.open[which % len(self.open)]]
        if kind == 0 and len(self.open) > 1:
            chosen.append(self.open[(which + 1) % len(self.open)])
        parents = tuple(shard.id for shard in chosen)
        self.shards = [replace(shard, closed=True) if shard in chosen else shard for shard in self.shards]
        self.shards += [Shard(f"s{len(self.shards) + n}", parents) for n in range(kind or 1)]

    def ancestors(self, shard: str) -> set[str]:
        by_id = {each.id: each for each in self.shards}
        found = set(by_id[shard].parents)
        for parent in by_id[shard].parents:
            found |= self.ancestors(parent)
        return found


def histories() -> st.SearchStrategy[History]:
    def build(first: int, changes: list[tuple[int, int]]) -> History:
        history = History(first)
        for kind, which in changes:
            history.change(kind, which)
        return history

    changes = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=8)
    return st.builds(build, st.integers(1, 4), changes)


def read_on(history: History, positions: dict[str, str], picks: list[int]) -> list[str]:
    """Read one shard after the other to its end, of those that may be read the picked one; return the order."""
    order: list[str] = []
    while closed := [shard for shard in lineage.readable(history.shards, positions) if is_closed(history, shard)]:
        pick = closed[picks[len(order) % len(picks)] % len(closed)]
        positions[pick] = END
        order.append(pick)
    return order


def is_closed(history: History, shard: str) -> bool:
    return next(each.closed for each in history.shards if each.id == shard)


PICKS = st.lists(st.integers(0, 30), min_size=1, max_size=20)


@given(histories(), PICKS)
def test_from_the_oldest_on_every_shard_is_read_once_after_all_its_ancestors(
    history: History, picks: list[int]
) -> None:
    positions: dict[str, str] = {}
    order = read_on(history, positions, picks)
    assert sorted(order) == sorted(shard.id for shard in history.shards if shard.closed)
    for at, shard in enumerate(order):
        assert history.ancestors(shard) <= set(order[:at])
    assert lineage.readable(history.shards, positions) == [shard.id for shard in history.open]


@given(histories(), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=6), PICKS)
def test_from_latest_on_exactly_what_was_open_and_what_comes_after_is_read(
    history: History, changes: list[tuple[int, int]], picks: list[int]
) -> None:
    before = {shard.id for shard in history.shards}
    begun = lineage.beginning(history.shards, {}, "LATEST")
    assert begun == [shard.id for shard in history.open]
    positions = dict.fromkeys(begun, since(0.0))
    for kind, which in changes:
        history.change(kind, which)
    order = read_on(history, positions, picks)
    reached = {*order, *lineage.readable(history.shards, positions)}
    assert reached == {shard.id for shard in history.shards if shard.id not in before or shard.id in begun}


@given(
    histories(),
    st.dictionaries(st.sampled_from([f"s{n}" for n in range(20)]), st.sampled_from([END, "5", "TRIM_HORIZON"])),
)
def test_whatever_the_positions_no_shard_is_read_together_with_an_ancestor(
    history: History, positions: dict[str, str]
) -> None:
    ready = set(lineage.readable(history.shards, positions))
    for shard in ready:
        assert positions.get(shard) != END
        assert not history.ancestors(shard) & ready


@given(histories(), PICKS, st.integers(0, 10))
def test_shards_that_expire_once_read_change_nothing_for_the_rest(
    history: History, picks: list[int], gone: int
) -> None:
    positions: dict[str, str] = {}
    order = read_on(history, positions, picks)
    ready = lineage.readable(history.shards, positions)
    listed = [shard for shard in history.shards if shard.id not in order[:gone]]
    kept = {shard: position for shard, position in positions.items() if shard not in order[:gone]}
    assert lineage.forgotten(listed, positions) == sorted(order[:gone])
    assert lineage.readable(listed, kept) == ready
