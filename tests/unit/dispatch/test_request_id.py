"""Request ids are what ``uuid`` would make."""

from __future__ import annotations

import uuid

from poller.dispatch.invoker import new_request_id


def test_a_request_id_is_a_random_uuid() -> None:
    made = [uuid.UUID(new_request_id()) for _ in range(1000)]
    assert {(one.version, one.variant) for one in made} == {(4, uuid.RFC_4122)}
    assert len(set(made)) == 1000
    assert str(uuid.UUID(text := new_request_id())) == text
