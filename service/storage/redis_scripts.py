"""What happens inside Redis: the keys of a partition, and the scripts that change them as one.

A partition `p` is five keys that share the hash tag `{p}`, hence one cluster slot:

    sv:{p}:v   hash   name → value
    sv:{p}:n   zset   every name with score 0, so in byte order
    sv:{p}:x   zset   name → expires_s, for the names that expire
    sv:{p}:s   hash   log → last number given out
    sv:{p}:b   string, lives a second: a write for its own sake, see `BARRIER`

A script is one step for every client and for the append-only file. Each first looks at all conditions and then
writes, since Redis does not undo what a script wrote before it failed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from service.storage.protocol import (
    Absent,
    Append,
    Change,
    Delete,
    Forget,
    Insert,
    Message,
    Present,
    Put,
    Replace,
)

EXPIRY_KEYS: Final = b"sv:{*}:x"
"""Pattern of the keys a sweep looks at."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the SHA-1 by which Redis knows it once loaded."""

    text: bytes = field(repr=False)
    sha: bytes


def _script(text: str) -> Script:
    raw = text.strip().encode()
    return Script(
        raw, hashlib.sha1(raw, usedforsecurity=False).hexdigest().encode()
    )  # Redis names scripts so


# Several commits, one after the other, each as if it were alone: what stops one leaves the others as they are.
# KEYS: five per partition. ARGV: per commit the number of its arguments, then those: which partition it is for (from
# 0), whether it is a barrier ("1": something has to be written), then per change: kind, name, and what the kind takes:
# R the value expected and the value; I, P and L the value. A kind is a letter, then expires_s if the record expires.
# Each command of Redis is called once for all changes: a call costs as much as many a record in it.
COMMITS: Final = _script("""
local call = redis.call
local function commit(V, N, X, S, B, barrier, first, final)
  local new, values, names, gone, expiring, unlisted, logs = {}, {}, {}, {}, {}, {}, {}
  local last, positions, failed = {}, {}, nil
  local at = first
  local function write(name, value, expires)
    values[#values + 1] = name
    values[#values + 1] = value
    names[#names + 1] = 0
    names[#names + 1] = name
    if expires then
      expiring[#expiring + 1] = expires
      expiring[#expiring + 1] = name
    end
  end
  while at <= final do
    local kind, name, expires = ARGV[at], ARGV[at + 1], nil
    if #kind > 1 then kind, expires = kind:sub(1, 1), kind:sub(2) end
    at = at + 2
    if kind == 'I' then
      new[#new + 1] = name
      write(name, ARGV[at], expires)
      at = at + 1
    elseif kind == 'L' then
      local number = (last[name] or tonumber(call('HGET', S, name) or '0')) + 1
      local entry = name .. '/' .. struct.pack('>I8', number)
      new[#new + 1] = entry
      last[name] = number
      positions[#positions + 1] = number
      write(entry, ARGV[at], expires)
      at = at + 1
    elseif kind == 'R' or kind == 'P' then
      if kind == 'R' then
        if call('HGET', V, name) ~= ARGV[at] then failed = name break end
        at = at + 1
      end
      write(name, ARGV[at], expires)
      if not expires then unlisted[#unlisted + 1] = name end
      at = at + 1
    elseif kind == 'A' then
      if call('HEXISTS', V, name) == 1 then failed = name break end
    elseif kind == 'E' then
      if call('HEXISTS', V, name) == 0 then failed = name break end
    elseif kind == 'D' then
      gone[#gone + 1] = name
      unlisted[#unlisted + 1] = name
    elseif kind == 'F' then
      logs[#logs + 1] = name
    end
  end
  if #new > 0 then  -- all of them stand before what has failed
    local found = call('HMGET', V, unpack(new))
    for n = 1, #new do
      if found[n] then failed = new[n] break end
    end
  end
  if barrier and (failed or #values + #gone + #logs == 0) then call('SET', B, '', 'PX', 1000) end
  if failed then return {0, failed} end
  if #values > 0 then
    call('HSET', V, unpack(values))
    call('ZADD', N, unpack(names))
  end
  if #expiring > 0 then call('ZADD', X, unpack(expiring)) end
  if #gone > 0 then
    call('HDEL', V, unpack(gone))
    call('ZREM', N, unpack(gone))
  end
  if #unlisted > 0 then call('ZREM', X, unpack(unlisted)) end
  if #logs > 0 then call('HDEL', S, unpack(logs)) end
  for log, number in pairs(last) do call('HSET', S, log, string.format('%.0f', number)) end
  return {1, unpack(positions)}
end
local replies, at = {}, 1
while at <= #ARGV do
  local final = at + tonumber(ARGV[at])
  local V, N, X, S, B = unpack(KEYS, 5 * tonumber(ARGV[at + 1]) + 1, 5 * tonumber(ARGV[at + 1]) + 5)
  local done, reply = pcall(commit, V, N, X, S, B, ARGV[at + 2] == '1', at + 3, final)
  if not done and type(reply) ~= 'table' then reply = {err = tostring(reply)} end
  replies[#replies + 1] = reply
  at = final + 1
end
return replies
""")

# ARGV: lowest, beyond, limit, bytes after which to stop, "1" for downwards.
SCAN: Final = _script("""
local names
if ARGV[5] == '1' then
  names = redis.call('ZREVRANGEBYLEX', KEYS[2], '(' .. ARGV[2], '[' .. ARGV[1], 'LIMIT', 0, ARGV[3])
else
  names = redis.call('ZRANGEBYLEX', KEYS[2], '[' .. ARGV[1], '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
end
local found, size, most = {}, 0, tonumber(ARGV[4])
for _, name in ipairs(names) do
  local value = redis.call('HGET', KEYS[1], name)
  found[#found + 1] = name
  found[#found + 1] = value
  size = size + #value
  if size > most then break end
end
return found
""")

# ARGV: now_s, how many at most.
SWEEP: Final = _script("""
local names = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, name in ipairs(names) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
  redis.call('ZREM', KEYS[3], name)
end
return #names
""")

SCRIPTS: Final = (COMMITS, SCAN, SWEEP)


def keys_of(partition: str) -> tuple[bytes, ...]:
    """The five keys of a partition, in the order in which every script takes them."""
    tag = b"sv:{" + partition.encode("ascii") + b"}:"
    return tuple(tag + kind for kind in (b"v", b"n", b"x", b"s", b"b"))


def tag_of(expiry_key: bytes) -> str:
    """The partition that a key found by EXPIRY_KEYS belongs to."""
    return expiry_key[len(b"sv:{") : -len(b"}:x")].decode("ascii")


def call(script: Script, partition: str, *arguments: bytes | int) -> tuple[bytes | int, ...]:
    """The command that runs a script on a partition."""
    keys = keys_of(partition)
    return (b"EVALSHA", script.sha, len(keys), *keys, *arguments)


class Asked(Message, frozen=True):
    """A commit as `COMMITS` takes it: its partition, and its arguments after that."""

    partition: str
    arguments: list[bytes]


def commits_call(asked: Sequence[Asked]) -> tuple[bytes | int, ...]:
    """The command that makes commits, of one cluster slot if there is a cluster. Its reply has one for each."""
    places: dict[str, int] = {}
    arguments: list[bytes | int] = []
    for one in asked:
        arguments += (len(one.arguments) + 1, places.setdefault(one.partition, len(places)))
        arguments += one.arguments
    keys = [key for partition in places for key in keys_of(partition)]
    return (b"EVALSHA", COMMITS.sha, len(keys), *keys, *arguments)


def commit_of(partition: str, changes: Sequence[Change], *, barrier: bool) -> Asked:
    """Say `changes`, which have passed `check_changes`, as `COMMITS` takes them.

    barrier: make sure that something is written in any case, for WAIT only waits for what this
    connection wrote; without it, a conflict could rest on another connection's write that no replica has yet.
    """
    arguments: list[bytes] = [b"1" if barrier else b"0"]
    for change in changes:
        # First and in place: what a report is made of.
        if type(change) is Insert and change.expires_s is None:
            arguments += (b"I", change.name, change.value)
            continue
        match change:
            case Insert(name, value, expires_s):
                arguments += (_kind(b"I", expires_s), name, value)
            case Put(name, value, expires_s):
                arguments += (_kind(b"P", expires_s), name, value)
            case Replace(name, expected, value, expires_s):
                arguments += (_kind(b"R", expires_s), name, expected, value)
            case Append(name, value, expires_s):
                arguments += (_kind(b"L", expires_s), name, value)
            case Delete(name):
                arguments += (b"D", name)
            case Absent(name):
                arguments += (b"A", name)
            case Present(name):
                arguments += (b"E", name)
            case Forget(name):
                arguments += (b"F", name)
    return Asked(partition, arguments)


def _kind(letter: bytes, expires_s: int | None) -> bytes:
    return letter if expires_s is None else b"%b%d" % (letter, expires_s)
