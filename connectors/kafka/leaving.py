"""Leaving a consumer group, in whatever the member is in the middle of. On the client's loop, like ``member.py``.

Who joins is given a name first, and joins with it then. A group that has named somebody waits for them until their session is over, and
nobody gets partitions meanwhile. The client's own way to leave takes such a one for somebody who is not there, and a join that is under way
goes on behind its back (as of 3.0.12). Seen: a source that was closed as soon as it was open, and the next one without records for 45 s.
"""

from __future__ import annotations

import contextlib
from typing import Any

from kafka import errors as client
from kafka.protocol.consumer import LeaveGroupRequest

LEAVE_SECONDS = 2.0  # for each of the two answers to wait for
DEDICATED = "coordinator-"  # what the client puts before a broker's number, for a connection that only the group uses


async def leave(group: Any, manager: Any) -> str:
    """Leave, so that others have the partitions at once; join no more. Returns what we are called there when it could not be told.

    A static member stays: the group keeps its partitions for it until its session is over.
    """
    group.need_rejoin = lambda: False
    joining = group._join_task  # noqa: SLF001 - see member.py
    if joining is not None and not _name(group):
        with contextlib.suppress(Exception):  # whatever comes of it, the name is what counts
            await manager.wait_for(joining, LEAVE_SECONDS * 1000)
    name = _name(group)
    if not (name and group.is_dynamic_member()):
        return ""
    node = _way(group)
    if node is None:
        return name
    identity = LeaveGroupRequest.MemberIdentity(member_id=name, group_instance_id=None, reason=None)
    request = LeaveGroupRequest(group_id=group.group_id, member_id=name, members=[identity])
    try:
        answer = await manager.wait_for(manager.send(request, node_id=node), LEAVE_SECONDS * 1000)
    except client.KafkaError:
        return name
    group.reset_generation()
    return "" if client.for_code(answer.error_code) is client.NoError else name


def _name(group: Any) -> str:
    return str(group.group_metadata().member_id)


def _way(group: Any) -> Any:
    """A connection to the coordinator, best one that no join is under way on: a broker answers one request after the other."""
    dedicated = group.coordinator_id
    if dedicated is None:
        return None
    number = int(str(dedicated).removeprefix(DEDICATED))
    return next((node for node in (number, dedicated) if group._client.connected(node)), None)  # noqa: SLF001 - see member.py
