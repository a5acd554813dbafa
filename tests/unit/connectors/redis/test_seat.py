from __future__ import annotations

import socket
import uuid

import pytest

from connectors.redis.seat import Seat


def test_a_seat_is_the_first_free_name_and_free_again_when_left() -> None:
    place = uuid.uuid4().hex
    first, second, third = (Seat("host", place) for _ in range(3))
    assert [first.take(), second.take(), third.take()] == ["host", "host.2", "host.3"]
    assert first.take() == "host"
    second.leave()
    second.leave()
    again, elsewhere = Seat("host", place), Seat("host", uuid.uuid4().hex)
    assert again.take() == "host.2"
    assert elsewhere.take() == "host"
    for seat in (first, third, again, elsewhere):
        seat.leave()


def test_a_host_where_no_name_can_be_taken_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def bind(self, _: object) -> None:
            raise PermissionError

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(PermissionError):
        Seat("host", "place").take()
