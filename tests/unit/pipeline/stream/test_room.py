"""How much may be in hand."""

from __future__ import annotations

from poller.pipeline.stream.room import Limits, Room

LIMITS = Limits(records=100, size=10_000, partition_records=40, partition_size=4_000, fetch=40)


def test_a_partition_without_room_is_held_until_half_of_it_is_free() -> None:
    room = Room(LIMITS)
    one, other = room.open("one"), room.open("other")
    one.add(39, 0)
    assert room.held == set()
    one.add(1, 0)
    other.add(1, 0)
    assert room.held == {"one"}
    one.add(-19, 0)
    assert room.held == {"one"}
    assert not room.changed.is_set()
    one.add(-2, 0)
    assert room.held == set()
    assert room.changed.is_set()


def test_bytes_count_like_records() -> None:
    room = Room(LIMITS)
    share = room.open("one")
    share.add(1, 4_000)
    assert room.held == {"one"}
    share.add(0, -2_001)
    assert room.held == set()


def test_without_any_room_only_those_with_nothing_in_hand_get_something() -> None:
    room = Room(LIMITS)
    shares = [room.open(f"{n}") for n in range(5)]
    for share in shares[:4]:
        share.add(25, 0)
    assert room.held == {"0", "1", "2", "3"}
    assert room.asking == 1
    assert not room.stuck
    shares[4].add(1, 0)
    assert room.stuck


def test_what_is_asked_for_follows_from_what_records_weigh() -> None:
    room = Room(LIMITS)
    share = room.open("one")
    room.learn(1, 1_000)
    for _ in range(40):
        room.learn(10, 1_000)
    assert room.asking == 40
    room.learn(1, 1_000)
    assert room.asking == 10
    share.add(5, 7_500)
    assert room.asking == 2


def test_a_partition_that_is_given_up_takes_its_share_along() -> None:
    room = Room(LIMITS)
    share = room.open("one")
    share.add(40, 4_000)
    share.close()
    share.add(-40, -4_000)
    share.close()
    assert (room.records, room.size, room.held) == (0, 0, set())
    again = room.open("one")
    again.add(1, 1)
    assert room.records == 1


def test_several_lanes_may_run_far_ahead_of_one_that_is_stuck() -> None:
    assert Limits.of(100, 1).partition_records == 400
    assert Limits.of(1, 1).partition_records == 200
    assert Limits.of(100, 10).partition_records == 10_000
    assert Limits.of(10_000, 10).partition_records == 400_000 <= Limits.of(10_000, 10).records
