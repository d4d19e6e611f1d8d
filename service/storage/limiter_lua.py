"""The Redis limiter's one script: `abuse.admission.take`, `debit` and `pulse` said in Lua.

Held to the Python by one table of cases and by random histories (tests/contract/test_limiter.py). The text
carries the epoch: a server that doesn't know this text has not lived through this epoch, be it restarted,
restored, flushed or a promoted replica, so NOSCRIPT is what starts a new epoch. Lua's numbers are exact up to 2^53;
microseconds need 51 bits.

KEYS  1 life · 2 mark · 3 room · 4 waiting · 5 won · 6 efforts · 7… buckets, all with one hash tag
ARGV  1 mode · 2 clock ('' is TIME) · 3 epoch · 4 token · 5 lot · 6 not before · 7 expires · 8 effort
      9 quantity · 10, 11 interval and burst of the first bucket · …
"""

from __future__ import annotations

from hashlib import sha1

from abuse.admission import CLOCK_MARGIN_US
from abuse.difficulty import EFFORTS_KEPT
from abuse.lottery import LOT_BITS, MAX_PRESSURE, SLOT_US, WON_FOR_US

_SCRIPT = """#!lua
local EPOCH, SLOT, MARGIN = '@EPOCH@', @SLOT@, @MARGIN@
local call, floor, max, min = redis.call, math.floor, math.max, math.min
local mode, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local function text(number) return string.format('%.0f', number) end

local life = call('HMGET', KEYS[1], 'epoch', 'latest')
if life[1] ~= EPOCH then return {'reload'} end
local latest = tonumber(life[2]) or 0
if now < latest - MARGIN then
  call('DEL', KEYS[1])
  return {'reload'}
end
if now > latest then call('HSET', KEYS[1], 'latest', text(now)) end

local buckets = {}
for at = 7, #KEYS do
  local interval, burst = tonumber(ARGV[2 * at - 4]), tonumber(ARGV[2 * at - 3])
  buckets[#buckets + 1] = {key = KEYS[at], interval = interval, burst = burst, tolerance = interval * burst}
end
local own = buckets[#buckets]
local loaded = false

local function load_buckets()
  if loaded then return end
  loaded = true
  local keys = {}
  for at, bucket in ipairs(buckets) do keys[at] = bucket.key end
  local arrivals = call('MGET', unpack(keys))
  for at, bucket in ipairs(buckets) do
    local arrival = tonumber(arrivals[at] or '') or now
    if arrival > now + bucket.tolerance then
      call('SET', bucket.key, text(now + bucket.tolerance), 'PX', text(floor(bucket.tolerance / 1000) + 1))
    end
    bucket.arrival = min(max(arrival, now), now + bucket.tolerance)
  end
end

local function remaining(bucket) return floor((bucket.tolerance - (bucket.arrival - now)) / bucket.interval) end

local function places_left()
  load_buckets()
  local places
  for _, bucket in ipairs(buckets) do
    local left = remaining(bucket)
    if not places or left < places then places = left end
  end
  return places
end

local function debit(quantity)
  load_buckets()
  for _, bucket in ipairs(buckets) do
    if bucket.arrival + bucket.interval * quantity - now > bucket.tolerance then return false end
  end
  if quantity > 0 then
    for _, bucket in ipairs(buckets) do
      bucket.arrival = bucket.arrival + bucket.interval * quantity
      call('SET', bucket.key, text(bucket.arrival), 'PX', text(floor((bucket.arrival - now) / 1000) + 1))
    end
  end
  return true
end

if mode == 'debit' then
  local quantity = tonumber(ARGV[9])
  load_buckets()
  local reply = {'debit', 0}
  local retries = {}
  for at, bucket in ipairs(buckets) do
    local increment = bucket.interval * quantity
    local ahead = bucket.arrival + increment - now
    retries[at] = {ahead > bucket.tolerance and 1 or 0, -1}
    if ahead > bucket.tolerance and increment <= bucket.tolerance then retries[at][2] = ahead - bucket.tolerance end
  end
  local before = {}
  for at, bucket in ipairs(buckets) do before[at] = bucket.arrival end
  local allowed = debit(quantity)
  reply[2] = allowed and 1 or 0
  for at, bucket in ipairs(buckets) do
    local arrival = before[at]
    if retries[at][1] == 0 then arrival = arrival + bucket.interval * quantity end
    local ahead = arrival - now
    reply[#reply + 1] = retries[at][1]
    reply[#reply + 1] = floor((bucket.tolerance - ahead) / bucket.interval)
    reply[#reply + 1] = text(ahead)
    reply[#reply + 1] = text(retries[at][2])
    reply[#reply + 1] = text(arrival)
  end
  return reply
end

local slot = floor(now / SLOT)
local kept = call('HMGET', KEYS[3], 'slot', 'contended', 'overflowed', 'served', 'pressure')
local room = {
  slot = tonumber(kept[1] or '') or slot,
  contended = kept[2] == '1',
  overflowed = kept[3] == '1',
  served = tonumber(kept[4] or '') or 0,
  pressure = tonumber(kept[5] or '') or 0,
}

local function keep()
  call('HSET', KEYS[3], 'slot', text(room.slot), 'contended', room.contended and '1' or '0', 'overflowed',
    room.overflowed and '1' or '0', 'served', text(room.served), 'pressure', text(room.pressure))
end

local function pressure_now(count)
  if room.slot == slot then return room.pressure end
  if room.overflowed and count > 0 then
    local highest = call('ZRANGE', KEYS[4], -1, -1, 'WITHSCORES')
    count = floor(count * @LOTS@ / (tonumber(highest[2]) + 1))
  end
  local load = min(floor((count + room.served) * own.interval * 1000 / SLOT), @MAX_PRESSURE@)
  local pressure = floor((room.pressure * 4 + load) / 5)
  for _ = 1, min(max(slot - room.slot - 1, 0), 64) do pressure = floor(pressure * 4 / 5) end
  return pressure
end

local waiting = call('ZCARD', KEYS[4])

if mode == 'pulse' then
  return {'pulse', text(now), pressure_now(waiting), call('LRANGE', KEYS[6], -@EFFORTS@, -1)}
end

if ARGV[3] ~= EPOCH then return {'turned', 'stale', '0'} end

-- the draw, when its slot has ended
if room.slot ~= slot then
  local places = places_left()
  room.pressure = pressure_now(waiting)
  room.slot = slot
  room.served = 0
  if waiting > 0 and places <= 0 then
    room.contended = true
    call('PEXPIRE', KEYS[4], 3600000)
  else
    local winners = {}
    if waiting > 0 then winners = call('ZRANGE', KEYS[4], 0, places - 1) end
    call('ZREMRANGEBYSCORE', KEYS[5], '-inf', text(now - MARGIN))  -- a clock set back may need them again
    if #winners > 0 then
      debit(#winners)
      local until_us = text(now + @WON_FOR@)
      for _, winner in ipairs(winners) do call('ZADD', KEYS[5], until_us, winner) end
      call('PEXPIRE', KEYS[5], @WON_FOR@ / 1000 + 60000)
    end
    if waiting > 0 then call('DEL', KEYS[4]) end
    room.contended = room.overflowed or #winners < waiting
    room.overflowed = false
    waiting = 0
  end
  keep()
  call('PEXPIRE', KEYS[3], 3600000)
end

local token, expires = ARGV[4], tonumber(ARGV[7])

local function spend()
  local until_us = max(expires, now) + MARGIN
  call('SET', KEYS[2], text(until_us), 'PX', text(floor((until_us - now) / 1000)))
  if tonumber(ARGV[8]) > 0 then
    local length = call('RPUSH', KEYS[6], ARGV[8])
    -- trimmed now and then, read to the length meant
    if length >= 2 * @EFFORTS@ then call('LTRIM', KEYS[6], -@EFFORTS@, -1) end
    call('PEXPIRE', KEYS[6], 3600000)
  end
  return {'passed'}
end

local spent = tonumber(call('GET', KEYS[2]) or '')
if spent and spent > now then return {'turned', 'spent', '0'} end
local won = tonumber(call('ZSCORE', KEYS[5], token) or '')
if won and won > now then
  call('ZREM', KEYS[5], token)
  return spend()
end
if expires <= now then return {'turned', 'expired', '0'} end
local not_before = tonumber(ARGV[6])
if not_before > now then return {'turned', 'early', text(not_before - now)} end

if not room.contended and waiting == 0 and debit(1) then
  room.served = room.served + 1
  if kept[1] then
    call('HSET', KEYS[3], 'served', text(room.served))
  else
    keep()
    call('PEXPIRE', KEYS[3], 3600000)
  end
  return spend()
end

local seats = max(min(own.burst, max(places_left(), 0) + floor(SLOT / own.interval) + 1), 1)
local added = call('ZADD', KEYS[4], ARGV[5], token)
if added == 1 then
  call('PEXPIRE', KEYS[4], 3600000)
  if waiting + 1 > seats then
    room.overflowed = true
    call('ZREMRANGEBYRANK', KEYS[4], seats, -1)
  end
  keep()
end
if call('ZSCORE', KEYS[4], token) then return {'queued', text(SLOT - now % SLOT)} end
return {'turned', 'not drawn', '0'}
"""


def script_of(epoch: bytes) -> str:
    """Write the script of one epoch."""
    numbers = {
        "@EPOCH@": epoch.hex(),
        "@SLOT@": SLOT_US,
        "@MARGIN@": CLOCK_MARGIN_US,
        "@LOTS@": 1 << LOT_BITS,
        "@MAX_PRESSURE@": MAX_PRESSURE,
        "@WON_FOR@": WON_FOR_US,
        "@EFFORTS@": EFFORTS_KEPT,
    }
    text = _SCRIPT
    for name, value in numbers.items():
        text = text.replace(name, str(value))
    return text


def sha_of(script: str) -> str:
    """The name under which Redis keeps a script."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
