"""Whatever comes in, in whatever portions: nothing is lost, doubled or reordered, and no limit is broken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Record
from poller.pipeline.batch import Batch, Batcher, Item, Limits

OVERHEAD = 14

portions = st.lists(
    st.tuples(
        st.floats(0, 3),  # seconds since the portion before
        st.lists(st.tuples(st.sampled_from([None, "A", "B"]), st.integers(2, 120)), max_size=12),
    ),
    max_size=12,
)


@given(portions, st.integers(1, 8), st.sampled_from([0.0, 0.5, 2.0]), st.integers(80, 400))
def test_batches_keep_every_record_in_order_within_every_limit(
    portions: list[tuple[float, list[tuple[str | None, int]]]], size: int, window: float, max_bytes: int
) -> None:
    batcher = Batcher(Limits(size, window, max_bytes, OVERHEAD))
    now = 0.0
    sent: list[Item] = []
    batches: list[Batch] = []
    opened: dict[str, float] = {}

    def took(new: list[Batch]) -> None:
        for batch in new:
            assert now - opened[batch.records[0].id] <= window + 3
            batches.append(batch)

    for pause, records in portions:
        now += pause
        took(batcher.cut(now))
        items = [
            Item(Record(id=f"{len(sent) + n}", body="", lane=lane), b"x" * length)
            for n, (lane, length) in enumerate(records)
        ]
        sent += items
        opened |= dict.fromkeys((item.record.id for item in items), now)
        took(batcher.offer(items, now))
        took(batcher.cut(now))
        due = batcher.due()
        assert due is None or due > now
    rest = batcher.rest()

    out = [record.id for batch in batches for record in batch.records] + [record.id for record in rest]
    assert sorted(out, key=int) == [item.record.id for item in sent]
    for batch in batches:
        assert 1 <= len(batch.items) <= size
        assert {record.lane for record in batch.records} == {batch.lane}
        exact = OVERHEAD + sum(map(len, batch.parts)) + len(batch.parts) - 1
        assert batch.size_bytes == exact
        assert exact <= max_bytes or len(batch.items) == 1
    for lane in (None, "A", "B"):
        in_lane = [int(r.id) for batch in batches if batch.lane == lane for r in batch.records]
        assert in_lane == sorted(in_lane)
