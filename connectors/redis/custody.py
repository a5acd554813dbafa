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
local function mark(id)
  local found = redis.call('HGET', marks, id)
  if not found then return nil end
  local receives, token, first = string.match(found, '^(%d+):(%d*):(%d+)$')
  return tonumber(receives), token, first
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
local function next_one()
  local id = redis.call('ZPOPMIN', returned)[1]
  if id then return id, redis.call('HGET', bodies, id) end
  local body = redis.call(side .. 'POP', list)
  if not body then return nil end
  repeat id = tostring(redis.call('INCR', counter)) until redis.call('HSETNX', bodies, id, body) == 1
  return id, body
end
local taken = {-1}
for _ = 1, room do
  local id, body = next_one()
  if not id then break end
  local receives, _, first = mark(id)
  receives, first = receives or 0, first or tostring(now)
  if not body then
    redis.call('HDEL', marks, id)  -- somebody has removed it by hand
  elseif most > 0 and receives >= most then
    redis.call(side == 'R' and 'LPUSH' or 'RPUSH', dead, body)
    redis.call('HDEL', bodies, id)
    redis.call('HDEL', marks, id)
  else
    local token = tostring(redis.call('INCR', counter))
    redis.call('HSET', marks, id, (receives + 1) .. ':' .. token .. ':' .. first)
    redis.call('ZADD', leases, now + lease, id)
    for _, part in ipairs({id, body, receives + 1, token, first}) do taken[#taken + 1] = part end
  end
end
local soonest = redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')[2]
if soonest then taken[1] = math.max(0, soonest - now) end
return taken
"""
)

SETTLE = Script(
    _HEAD
    + """
-- pairs of number and token follow the verb. Returns the numbers that are another receive's by now; what is gone already is settled.
local lost = {}
for n = 2, #ARGV, 2 do
  local id = ARGV[n]
  local receives, token, first = mark(id)
  if receives and token ~= ARGV[n + 1] then
    lost[#lost + 1] = id
  elseif receives and ARGV[1] == 'remove' then
    redis.call('HDEL', bodies, id)
    redis.call('HDEL', marks, id)
    redis.call('ZREM', leases, id)
    redis.call('ZREM', returned, id)
  elseif receives then
    redis.call('HSET', marks, id, (receives - 1) .. '::' .. first)
    redis.call('ZREM', leases, id)
    redis.call('ZADD', returned, id, id)
  end
end
return lost
"""
)

EXTEND = Script(
    _HEAD
    + """
-- lease in ms, then pairs of number and token. Returns the numbers that are not this receive's any more.
local lost = {}
for n = 2, #ARGV, 2 do
  local id = ARGV[n]
  local receives, token = mark(id)
  if receives and token == ARGV[n + 1] then
    redis.call('ZREM', returned, id)
    redis.call('ZADD', leases, now + tonumber(ARGV[1]), id)
  else
    lost[#lost + 1] = id
  end
end
return lost
"""
)

RESTORE = Script(
    _HEAD
    + """
-- side that elements are popped from. What came back untried goes into the list again, in its order: others may read it, too.
local back = redis.call('ZREVRANGE', returned, 0, -1)
for _, id in ipairs(back) do
  local receives = mark(id)
  if receives == 0 then
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
            flat = [part for handle in handles[begin : begin + IDS_AT_ONCE] for part in handle]
            lost.update(id_.decode() for id_ in await self._server.run(script, self._keys, first, *flat))
        return lost
