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
# KEYS: five per commit. ARGV: per commit the number of its arguments, then those: what the store's barrier is ("1":
# write one if nothing else is written), then five per change: kind, name, expected, value, expires_s or "".
COMMITS: Final = _script("""
local function commit(V, N, X, S, B, first, final)
  local last, entries, positions, writes = {}, {}, {}, false
  local failed
  for i = first + 1, final, 5 do
    local kind, name = ARGV[i], ARGV[i + 1]
    if kind == 'I' or kind == 'A' then
      if redis.call('HEXISTS', V, name) == 1 then failed = name break end
    elseif kind == 'E' then
      if redis.call('HEXISTS', V, name) == 0 then failed = name break end
    elseif kind == 'R' then
      if redis.call('HGET', V, name) ~= ARGV[i + 2] then failed = name break end
    elseif kind == 'L' then
      local number = (last[name] or tonumber(redis.call('HGET', S, name) or '0')) + 1
      local entry = name .. '/' .. struct.pack('>I8', number)
      if redis.call('HEXISTS', V, entry) == 1 then failed = entry break end
      last[name], entries[i] = number, entry
      positions[#positions + 1] = number
    end
    if kind ~= 'A' and kind ~= 'E' then writes = true end
  end
  if ARGV[first] == '1' and (failed or not writes) then redis.call('SET', B, '', 'PX', 1000) end
  if failed then return {0, failed} end
  for i = first + 1, final, 5 do
    local kind, name, value, expires = ARGV[i], entries[i] or ARGV[i + 1], ARGV[i + 3], ARGV[i + 4]
    if kind == 'I' or kind == 'P' or kind == 'R' or kind == 'L' then
      redis.call('HSET', V, name, value)
      redis.call('ZADD', N, 0, name)
      if expires ~= '' then redis.call('ZADD', X, expires, name) else redis.call('ZREM', X, name) end
    elseif kind == 'D' then
      redis.call('HDEL', V, name)
      redis.call('ZREM', N, name)
      redis.call('ZREM', X, name)
    elseif kind == 'F' then
      redis.call('HDEL', S, name)
    end
  end
  for log, number in pairs(last) do redis.call('HSET', S, log, string.format('%.0f', number)) end
  return {1, unpack(positions)}
end
local replies, at = {}, 1
for key = 1, #KEYS, 5 do
  local V, N, X, S, B = KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4]
  local final = at + tonumber(ARGV[at])
  local done, reply = pcall(commit, V, N, X, S, B, at + 1, final)
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A commit as `COMMITS` takes it: the keys of its partition, and its arguments."""

    keys: tuple[bytes, ...]
    arguments: tuple[bytes, ...] = field(repr=False)


def commits_call(asked: Sequence[Asked]) -> tuple[bytes | int, ...]:
    """The command that makes commits, of one cluster slot if there is a cluster. Its reply has one for each."""
    keys: list[bytes] = []
    arguments: list[bytes] = []
    for one in asked:
        keys += one.keys
        arguments.append(b"%d" % len(one.arguments))
        arguments += one.arguments
    return (b"EVALSHA", COMMITS.sha, len(keys), *keys, *arguments)


def commit_of(partition: str, changes: Sequence[Change], *, barrier: bool) -> Asked:
    """Say `changes`, which have passed `check_changes`, as `COMMITS` takes them.

    barrier: make sure that something is written in any case, for WAIT only waits for what this
    connection wrote; without it, a conflict could rest on another connection's write that no replica has yet.
    """
    arguments: list[bytes] = [b"1" if barrier else b"0"]
    for change in changes:
        match change:
            case Insert(name, value, expires_s):
                arguments += (b"I", name, b"", value, _expiry(expires_s))
            case Put(name, value, expires_s):
                arguments += (b"P", name, b"", value, _expiry(expires_s))
            case Replace(name, expected, value, expires_s):
                arguments += (b"R", name, expected, value, _expiry(expires_s))
            case Append(name, value, expires_s):
                arguments += (b"L", name, b"", value, _expiry(expires_s))
            case Delete(name):
                arguments += (b"D", name, b"", b"", b"")
            case Absent(name):
                arguments += (b"A", name, b"", b"", b"")
            case Present(name):
                arguments += (b"E", name, b"", b"", b"")
            case Forget(name):
                arguments += (b"F", name, b"", b"", b"")
    return Asked(keys_of(partition), tuple(arguments))


def _expiry(expires_s: int | None) -> bytes:
    return b"" if expires_s is None else b"%d" % expires_s
