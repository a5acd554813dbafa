"""One consumer group of one stream: its commands, and what they answer. Knows nothing of records.

Source: Redis commands, XREADGROUP, XPENDING, XCLAIM, XINFO; observed with Redis 7.0.15, Valkey 9.1. What takes two steps is a script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from connectors.contract import SourceError
from connectors.redis.errors import code_of
from connectors.redis.server import Script, Server

IDS_AT_ONCE = 1000
"""Of one command or script: Lua takes some thousand arguments of a call, and a server does nothing else meanwhile."""

HAND = Script("""
-- What of these entries is ``from``'s goes to ``to``, maybe the same, as if idle for so long. Returns what was ``from``'s.
local key, group, from, to, idle, first, last = KEYS[1], unpack(ARGV, 1, 6)
local pending = {}
for _, row in ipairs(redis.call('XPENDING', key, group, first, last, 1000000, from)) do pending[row[1]] = true end
local theirs = {}
for n = 7, #ARGV do
  if pending[ARGV[n]] then theirs[#theirs + 1] = ARGV[n] end
end
if #theirs > 0 then
  local call = {'XCLAIM', key, group, to, 0, unpack(theirs)}
  for _, word in ipairs({'IDLE', idle, 'JUSTID'}) do call[#call + 1] = word end
  redis.call(unpack(call))
end
return theirs
""")

FORGET = Script("""
-- Remove a consumer if it still holds nothing and has been away for so long: removed with entries pending, it would take them along.
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for n = 1, #row, 2 do consumer[row[n]] = row[n + 1] end
  if consumer.name == ARGV[2] and consumer.pending == 0 and consumer.idle >= tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
  end
end
return 0
""")

SEEK = Script("""
-- Make the group anew after this entry, with nothing pending, unless a consumer that holds something was here lately; returns its name.
local key, group, position, lease, nobody = KEYS[1], unpack(ARGV)
for _, each in ipairs(redis.call('XINFO', 'GROUPS', key)) do
  if each[2] == group then
    for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
      local consumer = {}
      for n = 1, #row, 2 do consumer[row[n]] = row[n + 1] end
      if consumer.pending > 0 and consumer.idle < tonumber(lease) and consumer.name ~= nobody then return consumer.name end
    end
  end
end
redis.call('XGROUP', 'DESTROY', key, group)
redis.call('XGROUP', 'CREATE', key, group, position)
return ''
""")
RELEASED = "pollerd:released"
"""Consumer that nobody is: it holds what was never started, for anybody to take at once."""


Entry = tuple[str, Sequence[bytes]]
"""Id, and names and values of its fields in turn, as they stand in the stream; a name may come twice."""


class Consumer(NamedTuple):
    """idle: seconds since it last asked for anything."""

    name: str
    pending: int
    idle: float


class Given(NamedTuple):
    """How far a group is. delivered: id of the last entry it was given. lag: entries it has not been given; None: not known.

    pending: entries that it was given and has not acknowledged.
    """

    delivered: str
    lag: int | None
    pending: int


class Extent(NamedTuple):
    """What a stream holds. first: id of its first entry, "" when empty. generated: id of the last entry it ever had."""

    length: int
    first: str
    generated: str


class Group:
    """``name`` of ``key``."""

    def __init__(self, server: Server, key: str, name: str) -> None:
        self._server = server
        self._key = key
        self._name = name

    async def given(self) -> Given | None:
        """None: there is no such group. Raises ``SourceError``; ``absent`` tells whether for want of the stream."""
        for row in await self._server.ask("XINFO", "GROUPS", self._key):
            found = _table(row)
            if found["name"] == self._name.encode():
                return Given(found["last-delivered-id"].decode(), found.get("lag"), found["pending"])
        return None

    async def extent(self) -> Extent:
        """Of the stream."""
        found = _table(await self._server.ask("XINFO", "STREAM", self._key))
        first = found["first-entry"]
        return Extent(found["length"], first[0].decode() if first else "", found["last-generated-id"].decode())

    async def create(self, position: str, *, stream: bool) -> None:
        """Make the group, and the stream if ``stream`` says so. One that is there stays as it is."""
        try:
            await self._server.ask("XGROUP", "CREATE", self._key, self._name, position, *["MKSTREAM"] * stream)
        except SourceError as error:
            if _code(error) != "BUSYGROUP":
                raise

    async def seek(self, position: str, lease: float) -> str:
        """Go on after this entry; all else is forgotten. Returns the name of a consumer that is at work, which keeps it from being done."""
        found = await self._server.run(SEEK, [self._key], self._name, position, int(lease * 1000), RELEASED)
        return str(found.decode(errors="replace"))

    async def consumers(self) -> list[Consumer]:
        """Everyone who ever read in this group and was not removed."""
        found = [_table(row) for row in await self._server.ask("XINFO", "CONSUMERS", self._key, self._name)]
        return [Consumer(each["name"].decode(errors="replace"), each["pending"], each["idle"] / 1000) for each in found]

    async def read(self, consumer: str, limit: int, wait: float) -> list[Entry]:
        """Entries that nobody in the group was given yet. wait: seconds."""
        block = ("BLOCK", max(1, int(wait * 1000))) if wait > 0 else ()  # BLOCK 0 is for ever
        command = ("XREADGROUP", "GROUP", self._name, consumer, "COUNT", limit, *block, "STREAMS", self._key, ">")
        answer = await self._server.ask(*command, wait=wait)
        return _entries(answer[0][1]) if answer else []

    async def pending(self, consumer: str, after: str, limit: int, idle: float) -> list[tuple[str, int]]:
        """Id and deliveries of what it was given and has not acknowledged, in order. after: an id, or "". idle: seconds at least."""
        least = ("IDLE", int(idle * 1000)) if idle else ()
        begin = f"({after}" if after else "-"
        rows = await self._server.ask("XPENDING", self._key, self._name, *least, begin, "+", limit, consumer)
        return [(row[0].decode(), row[3]) for row in rows]

    async def claim(self, consumer: str, ids: Sequence[str], idle: float) -> list[Entry]:
        """Make them its own, those that are still idle for so long and in the stream."""
        return _entries(await self._server.ask("XCLAIM", self._key, self._name, consumer, int(idle * 1000), *ids))

    async def trimmed(self, ids: Sequence[str]) -> list[str]:
        """Those of them that the stream does not have any more."""
        return [each for each in ids if not await self._server.ask("XRANGE", self._key, each, each)]

    async def hand(self, ids: Sequence[str], from_: str, to: str, idle: float) -> set[str]:
        """Pass on what is still ``from_``'s, as if idle for ``idle`` seconds. Returns what was."""
        theirs: set[str] = set()
        for some in chunks(ids):
            ends = (min(some, key=order), max(some, key=order))
            answer = await self._server.run(HAND, [self._key], self._name, from_, to, int(idle * 1000), *ends, *some)
            theirs.update(each.decode() for each in answer)
        return theirs

    async def forget(self, consumer: str, idle: float) -> None:
        """Remove a consumer that holds nothing and has been idle for so long."""
        await self._server.run(FORGET, [self._key], self._name, consumer, int(idle * 1000))

    async def acknowledge(self, ids: Sequence[str], *, delete: bool) -> None:
        """They are done with. Deleted after that only: the other way round a crash would leave entries pending that look trimmed."""
        for some in chunks(ids):
            await self._server.ask("XACK", self._key, self._name, *some)
            if delete:
                await self._server.ask("XDEL", self._key, *some)


def absent(error: SourceError) -> bool:
    """Whether it says that there is no stream."""
    return "no such key" in str(error.__cause__).lower()


def groupless(error: SourceError) -> bool:
    """Whether it says that there is no such group, or no stream."""
    return _code(error) == "NOGROUP"


def order(id_: str) -> tuple[int, int]:
    """An entry's place among others."""
    milliseconds, _, sequence = id_.partition("-")
    return int(milliseconds), int(sequence or 0)


def chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as one command takes."""
    return (ids[first : first + IDS_AT_ONCE] for first in range(0, len(ids), IDS_AT_ONCE))


def _code(error: SourceError) -> str:
    return code_of(error.__cause__) if isinstance(error.__cause__, Exception) else ""


def _table(row: Sequence[Any]) -> dict[str, Any]:
    return {name.decode(): value for name, value in zip(row[::2], row[1::2], strict=True)}


def _entries(rows: Sequence[Any]) -> list[Entry]:
    """Without those that are trimmed: servers before 7 answer an empty place, or an id without fields."""
    return [(row[0].decode(), row[1]) for row in rows if row and row[1] is not None]
