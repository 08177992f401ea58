"""What Redis does in one step each, written in its own language, and the clock that all of it goes by."""

from dataclasses import dataclass
from hashlib import sha1

NOW = "(function() local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000) end)()"
"""Milliseconds since 1970 by the clock of the server: one clock for all nodes."""

_COUNTED = """
local function counted(key, win)
  local v = redis.call('HMGET', key, 'b', 'c', 'p')
  local b, vb = math.floor(now / win), tonumber(v[1])
  if not vb or vb < b - 1 then return b, 0, 0 end
  if vb == b - 1 then return b, 0, tonumber(v[2]) end
  return b, tonumber(v[2]), tonumber(v[3])  -- the clock was set back: what was charged stays so
end
local function on_the_way(value)
  local till, b, cost = string.match(value, '^(%d+):(%d+):(-?%d+)$')
  return tonumber(till), tonumber(b), tonumber(cost)
end
"""

# A bucket: b window, c charged in it, p in the one before; u<id> who is on the way (until:window:cost).
CHARGE = (
    _COUNTED
    + """
local id, lease = ARGV[1], tonumber(ARGV[2])
local function room_in(room, c, p, win, left)
  if room >= c and p > 0 then return math.max(0, left - (room - c) * win / p) end
  if room >= 0 and c > 0 then return left + math.max(0, win - room * win / c) end
  return left + win
end
local function failed(key, b, c, p, part)
  local all, sum = redis.call('HGETALL', key), c + p * part
  for j = 1, #all, 2 do
    if string.sub(all[j], 1, 1) == 'u' then
      local till, w, cost = on_the_way(all[j + 1])
      if till <= now then redis.call('HDEL', key, all[j])
      elseif w >= b then sum = sum - cost
      elseif w == b - 1 then sum = sum - cost * part end
    end
  end
  return sum
end
local state, worst = {}, nil
for i, key in ipairs(KEYS) do
  local lim, win, cost = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  local b, c, p = counted(key, win)
  local left = win - now % win
  if c + p * left / win + cost > lim + 1e-6 then
    local waiting = failed(key, b, c, p, left / win) + cost <= lim + 1e-6
    local retry = room_in(lim - cost, c, p, win, left)
    if not worst or (worst.waiting and not waiting)
        or (worst.waiting == waiting and retry > worst.retry) then
      worst = {i = i, retry = retry, waiting = waiting}
    end
  end
  state[i] = {b = b, c = c + cost, p = p, win = win, cost = cost}
end
if worst then
  return {0, worst.i, string.format('%.3f', worst.retry), worst.waiting and 1 or 0}
end
local numbers = {1}
for i, key in ipairs(KEYS) do
  local s = state[i]
  local way = string.format('%.0f:%.0f:%.0f', now + lease, s.b, s.cost)
  redis.call('HSET', key, 'b', s.b, 'c', s.c, 'p', s.p, 'u' .. id, way)
  redis.call('PEXPIRE', key, 2 * s.win)
  numbers[i + 1] = s.b
end
return numbers
"""
)

REFUND = (
    _COUNTED
    + """
for i, key in ipairs(KEYS) do
  local way = redis.call('HGET', key, 'u' .. ARGV[1])
  if way then
    redis.call('HDEL', key, 'u' .. ARGV[1])
    local till, w, cost = on_the_way(way)
    local v = redis.call('HMGET', key, 'b', 'c', 'p')
    local b = tonumber(v[1])
    if till > now and b then
      local c, p = tonumber(v[2]), tonumber(v[3])
      if w >= b then c = math.max(0, c - cost) elseif w == b - 1 then p = math.max(0, p - cost) end
      if c + p == 0 then redis.call('DEL', key) else redis.call('HSET', key, 'c', c, 'p', p) end
    end
  end
end
return 1
"""
)

KEEP = """
for i, key in ipairs(KEYS) do redis.call('HDEL', key, 'u' .. ARGV[1]) end
return 1
"""

# What was charged elsewhere, so many milliseconds ago.
BLAME = (
    _COUNTED
    + """
local win, cost, ago = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local b, c, p = counted(KEYS[1], win)
local w = math.floor((now - ago) / win)
if w < b - 1 then return 0 end
if w == b then c = c + cost else p = p + cost end
redis.call('HSET', KEYS[1], 'b', b, 'c', c, 'p', p)
redis.call('PEXPIRE', KEYS[1], 2 * win)
return 1
"""
)

SPENT = (
    _COUNTED
    + """
local win = tonumber(ARGV[1])
local b, c, p = counted(KEYS[1], win)
return string.format('%.6f', c + p * (win - now % win) / win)
"""
)

DELETE = "return redis.call('DEL', unpack(KEYS))"

ADD_DISTINCT = """
local win, most = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - win)
redis.call('ZADD', KEYS[1], now, ARGV[1])
local n = redis.call('ZCARD', KEYS[1])
if n > most then
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, n - most - 1)
  n = most
end
redis.call('PEXPIRE', KEYS[1], win)
return n
"""

COUNT_DISTINCT = (
    "return redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now - tonumber(ARGV[1])), '+inf')"
)

# The token: s last step, h by whom, p from where, t when.
USE_ONCE = """
local step, floor = tonumber(ARGV[1]), tonumber(ARGV[2])
local v = redis.call('HMGET', KEYS[1], 's', 'h', 'p', 't')
local last = tonumber(v[1])
if step > floor and (not last or step > last) then
  redis.call('HSET', KEYS[1], 's', ARGV[1], 'h', ARGV[3], 'p', ARGV[4], 't', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  return 1
end
if last == step and ARGV[4] ~= '' and v[2] == ARGV[3] and v[3] == ARGV[4]
    and math.abs(now - tonumber(v[4])) <= tonumber(ARGV[5]) then return 2 end
return 0
"""

# A wrong secret: first:until.
_REFUSED = """
local function refused()
  local first, till = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%d+)$')
  if first and tonumber(till) > now then return now - tonumber(first) end
end
"""
REFUSE = (
    _REFUSED
    + """
if refused() then return 0 end
local first, ms = now - tonumber(ARGV[2]), tonumber(ARGV[1])
if first + ms <= now then return 0 end
redis.call('SET', KEYS[1], string.format('%.0f:%.0f', first, first + ms), 'PX', first + ms - now)
return 1
"""
)
REFUSED = _REFUSED + "return refused() or -1"

# Work under way: l leader, e end of its lease, f somebody follows; w its word when it is said, k kept until.
LEAD = """
local v = redis.call('HMGET', KEYS[1], 'l', 'e')
if v[1] and tonumber(v[2]) > now then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'l', ARGV[1], 'e', string.format('%.0f', now + tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_LEADS = """
local v = redis.call('HMGET', KEYS[1], 'l', 'e', 'f')
if v[1] ~= ARGV[1] or tonumber(v[2]) <= now then return 0 end
"""
RENEW = (
    _LEADS
    + """
redis.call('HSET', KEYS[1], 'e', string.format('%.0f', now + tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
)
SETTLE = (
    _LEADS
    + """
redis.call('DEL', KEYS[1])
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'w', ARGV[3], 'k', string.format('%.0f', now + tonumber(ARGV[4])))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
if v[3] then redis.call('PUBLISH', ARGV[5], ARGV[6]) end
return 1
"""
)
FOLLOW = """
local v = redis.call('HMGET', KEYS[1], 'l', 'e', 'w', 'k')
if v[1] and tonumber(v[2]) > now then
  redis.call('HSET', KEYS[1], 'f', 1)
  return {1, tonumber(v[2]) - now}
end
if v[3] and tonumber(v[4]) > now then return {2, v[3]} end
return {0}
"""

# A ban: s subject, r reason, u until (seconds), b by; KEYS[1] the list of all, by end.
BAN = """
local till = tonumber(ARGV[3])
local old = tonumber(redis.call('HGET', KEYS[2], 'u') or 0)
if till * 1000 <= now or old * 1000 > now then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 's', ARGV[1], 'r', ARGV[2], 'u', ARGV[3], 'b', ARGV[4])
local ms = math.ceil(math.min(till * 1000 - now, tonumber(ARGV[5])))
redis.call('PEXPIRE', KEYS[2], ms)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now / 1000)
redis.call('ZADD', KEYS[1], ARGV[3], KEYS[2])
redis.call('PEXPIRE', KEYS[1], math.max(ms, redis.call('PTTL', KEYS[1])))
return 1
"""
BANNED = """
local last, found = 0, false
for i, key in ipairs(KEYS) do
  local v = redis.call('HMGET', key, 's', 'r', 'u', 'b')
  local till = tonumber(v[3] or 0)
  if till * 1000 > now and till > last then last, found = till, v end
end
return found
"""
LIFT = """
local till = tonumber(redis.call('HGET', KEYS[2], 'u') or 0)
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[1], KEYS[2])
return till * 1000 > now and 1 or 0
"""
BANS = """
local all = {}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now / 1000)
for i, key in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2])) do
  local v = redis.call('HMGET', key, 's', 'r', 'u', 'b')
  all[i] = v[3] and v or {}
end
return all
"""

# Words for everybody: told at once, and kept for those who were away for a moment.
ANNOUNCE = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'w', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[2], id .. ' ' .. ARGV[1])
return id
"""
NEWEST = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return last and last[1] or '0-0'
"""
SINCE = """
local all = {}
for i, one in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')) do
  all[i] = {one[1], one[2][2]}
end
return all
"""


@dataclass(frozen=True, slots=True)
class Script:
    """One of these, as it is sent."""

    text: bytes
    sha: bytes


def script(body: str, now: str = NOW) -> Script:
    """`body` with its clock.  Nothing is undeclared in `body` but `now`."""
    text = f"local now = {now}\n{body}".encode()
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())
