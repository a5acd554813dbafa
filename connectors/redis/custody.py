"""Records of a list that were handed out, and their leases: five keys beside the list, changed by scripts only.

A list knows neither who took an element nor when, so what is taken goes into custody in the same step: never is a record in neither
place, whoever is killed when. ``bodies`` and ``marks`` are hashes by a record's number; a mark is ``receives:token:first``: how often it
was handed out, what the last receive may settle it by ("" when nobody may), milliseconds of the first. ``leases`` and ``returned`` are
sorted sets of numbers: those handed out, by the end of their lease; those that came back, by number, which is their order. ``counter``
gives numbers and tokens. Time is the server's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from connectors.contract import OptionsError
from connectors.redis.keys import beside, tag
from connectors.redis.server import Script, Server

IDS_AT_ONCE = 1000

_HEAD = """
local list, bodies, marks, leases, returned, counter, dead = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function call(command, key, arguments)
  if #arguments > 0 then redis.call(command, key, unpack(arguments)) end
end
local function add(to, ...)
  for _, each in ipairs({...}) do to[#to + 1] = each end
end
local function parts(mark)
  local receives, token, first = string.match(mark, '^(%d+):(%d*):(%d+)$')
  return tonumber(receives), token, first
end
local function marked(ids)
  return #ids > 0 and redis.call('HMGET', marks, unpack(ids)) or {}
end
"""

TAKE = Script(
    _HEAD
    + """
-- room, lease in ms, side that elements are popped from, receives after which a record is dead (0: never)
local room, lease, side, most = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', leases, id)
  redis.call('ZADD', returned, id, id)
end
local function numbers(count)
  local last = redis.call('INCRBY', counter, count)
  if last == count then  -- a new counter: it begins at the time, so that no number ever comes twice
    last = time[1] * 1000000 + time[2] + count
    redis.call('SET', counter, string.format('%.0f', last))
  end
  return last - count
end
local token = string.format('%.0f', numbers(1) + 1)
local taken, kept, told, due, gone = {-1}, {}, {}, {}, {}
local function hand(id, body, receives, first)
  add(taken, id, body, receives, token, first)
  add(told, id, receives .. ':' .. token .. ':' .. first)
  add(due, now + lease, id)
  room = room - 1
end
while room > 0 do
  local id = redis.call('ZPOPMIN', returned)[1]
  if not id then break end
  local body = redis.call('HGET', bodies, id)
  local receives, _, first = parts(redis.call('HGET', marks, id))
  if body and (most == 0 or receives < most) then
    hand(id, body, receives + 1, first)
  else  -- received too often; or somebody has removed its body by hand
    if body then redis.call(side == 'R' and 'LPUSH' or 'RPUSH', dead, body) end
    add(gone, id)
  end
end
local popped = room > 0 and redis.call(side .. 'POP', list, room)
if popped then
  local base = numbers(#popped)
  for n, body in ipairs(popped) do
    local id = string.format('%.0f', base + n)
    add(kept, id, body)
    hand(id, body, 1, string.format('%.0f', now))
  end
end
call('HDEL', bodies, gone)
call('HDEL', marks, gone)
call('HSET', bodies, kept)
call('HSET', marks, told)
call('ZADD', leases, due)
local soonest = redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')[2]
if soonest then taken[1] = math.max(0, soonest - now) end
return taken
"""
)

SETTLE = Script(
    _HEAD
    + """
-- The verb, then as many tokens as numbers. Returns the numbers that are another receive's by now; what is gone already is settled.
local half = (#ARGV - 1) / 2
local ids = {unpack(ARGV, half + 2)}
local lost, ours, told, back = {}, {}, {}, {}
for n, mark in ipairs(marked(ids)) do
  local receives, token, first = parts(mark or '0::0')
  if mark and token ~= ARGV[n + 1] then
    add(lost, ids[n])
  elseif mark then
    add(ours, ids[n])
    add(told, ids[n], (receives - 1) .. '::' .. first)
    add(back, ids[n], ids[n])
  end
end
call('ZREM', leases, ours)
if ARGV[1] == 'remove' then
  call('HDEL', bodies, ours)
  call('HDEL', marks, ours)
  call('ZREM', returned, ours)
else
  call('HSET', marks, told)
  call('ZADD', returned, back)
end
return lost
"""
)

EXTEND = Script(
    _HEAD
    + """
-- The lease in ms, then as many tokens as numbers. Returns the numbers that are not this receive's any more.
local half = (#ARGV - 1) / 2
local ids = {unpack(ARGV, half + 2)}
local lost, ours, due = {}, {}, {}
for n, mark in ipairs(marked(ids)) do
  local _, token = parts(mark or '0::0')
  if token == ARGV[n + 1] then
    add(ours, ids[n])
    add(due, now + tonumber(ARGV[1]), ids[n])
  else
    add(lost, ids[n])
  end
end
call('ZREM', returned, ours)
call('ZADD', leases, due)
return lost
"""
)

RESTORE = Script(
    _HEAD
    + """
-- side that elements are popped from. What came back untried goes into the list again, in its order: others may read it, too.
local back = redis.call('ZREVRANGE', returned, 0, -1)
for _, id in ipairs(back) do
  if parts(redis.call('HGET', marks, id)) == 0 then
    local body = redis.call('HGET', bodies, id)
    if body then redis.call(ARGV[1] .. 'PUSH', list, body) end
    redis.call('HDEL', bodies, id)
    redis.call('HDEL', marks, id)
    redis.call('ZREM', returned, id)
  end
end
return 0
"""
)


class Held(NamedTuple):
    """A record as it was handed out. first: epoch milliseconds of its first receive."""

    id: str
    body: bytes
    receives: int
    token: str
    first: int


class Handle(NamedTuple):
    """What a receive may settle a record by."""

    id: str
    token: str


class Custody:
    """Of the list ``key``. dead_letter: list for records received too often, "" for none. cluster: keys must share a slot."""

    def __init__(self, server: Server, key: str, *, dead_letter: str, right: bool, cluster: bool) -> None:
        """Raises ``OptionsError`` for keys that can never be used together."""
        if cluster and dead_letter and tag(dead_letter) != tag(key):
            wanted = f"{{{tag(key)}}}:dead"
            raise OptionsError(
                "dead_letter_list", f"lies in another hash slot than {key}: on a cluster call it {wanted}, say"
            )
        names = ("bodies", "marks", "leases", "returned", "counter")
        self._keys = [key, *(beside("list", key, name) for name in names), dead_letter or key]
        self._side = "R" if right else "L"
        self._server = server

    async def take(self, room: int, lease: float, most: int) -> tuple[list[Held], float | None]:
        """Up to ``room`` records, those that came back first; and seconds until a lease ends, None without leases. lease: seconds."""
        soonest, *flat = await self._server.run(TAKE, self._keys, room, int(lease * 1000), self._side, most)
        fives = zip(*(iter(flat),) * 5, strict=True)
        held = [
            Held(id_.decode(), body, receives, token.decode(), int(first))
            for id_, body, receives, token, first in fives
        ]
        return held, soonest / 1000 if soonest >= 0 else None

    async def remove(self, handles: Sequence[Handle]) -> set[str]:
        """They are done with. Returns numbers that somebody else was handed meanwhile."""
        return await self._each(SETTLE, "remove", handles)

    async def give_back(self, handles: Sequence[Handle]) -> set[str]:
        """They were never tried: this receive does not count. Returns as ``remove``."""
        return await self._each(SETTLE, "give back", handles)

    async def extend(self, handles: Sequence[Handle], lease: float) -> set[str]:
        """Theirs for ``lease`` seconds from now. Returns numbers that are not any more."""
        return await self._each(EXTEND, int(lease * 1000), handles)

    async def restore(self) -> None:
        """Put what came back untried into the list itself."""
        await self._server.run(RESTORE, self._keys, self._side)

    async def wait(self, seconds: float) -> None:
        """Until the list has an element, which stays where it is: moved from one end of the list to the same end."""
        side = "RIGHT" if self._side == "R" else "LEFT"
        await self._server.ask("BLMOVE", self._keys[0], self._keys[0], side, side, max(0.001, seconds), wait=seconds)

    async def backlog(self) -> int:
        """In the list, and come back."""
        waiting = await self._server.ask("LLEN", self._keys[0])
        return int(waiting) + int(await self._server.ask("ZCARD", self._keys[4]))

    async def _each(self, script: Script, first: object, handles: Sequence[Handle]) -> set[str]:
        lost: set[str] = set()
        for begin in range(0, len(handles), IDS_AT_ONCE):
            some = handles[begin : begin + IDS_AT_ONCE]
            words = (*(handle.token for handle in some), *(handle.id for handle in some))
            lost.update(id_.decode() for id_ in await self._server.run(script, self._keys, first, *words))
        return lost
