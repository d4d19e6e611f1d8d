"""The fast lane's proof of work: sixteen small SHA-256 puzzles from one stateless challenge. SPEC.md, "Puzzle".

The server keeps nothing when it hands a challenge out: a MAC under its admission key remembers for
it, bound to group, route and the epoch of the limiter. Whether a challenge has expired or was used is decided
by the limiter, in the same atomic step that spends it (admission.py). Vectors: tests/vectors/puzzle.json.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from hashlib import sha256
from hmac import compare_digest

from msgspec import Struct

from abuse.routes import EPOCH_SIZE, NONCE_SIZE, AdmissionKey, Route, check_group
from crypto.errors import Refused
from crypto.hashing import keyed
from crypto.labels import Label

VERSION = 1
KIND = 1
SUB_PUZZLES = 16
MAC_SIZE = 16
MAX_DIFFICULTY = 1 << 20
CHALLENGE_SIZE = 2 + EPOCH_SIZE + NONCE_SIZE + 4 + 4 + MAC_SIZE  # 50
SOLUTION_SIZE = SUB_PUZZLES * 4  # 64
SEED_PREFIX = b"sv1 puzzle"
_FIELDS = struct.Struct(f">BB{EPOCH_SIZE}s{NONCE_SIZE}sII")
_PARTS = struct.Struct(f">1sx{EPOCH_SIZE}s{NONCE_SIZE}s4s4s")  # the same, as the MAC takes them
_COUNTERS = struct.Struct(">" + "4s" * SUB_PUZZLES)
_INDEX = tuple(bytes([index]) for index in range(SUB_PUZZLES))


class Puzzle(Struct, frozen=True, gc=False):
    """A challenge the server recognises as its own. `difficulty` is the mean number of hashes per sub-puzzle."""

    epoch: bytes
    nonce: bytes
    difficulty: int
    expires_s: int
    raw: bytes


def _mac(key: AdmissionKey, group: bytes, route: Route, fields: bytes) -> bytes:
    version, epoch, nonce, difficulty, expires_s = _PARTS.unpack(fields)
    parts = (version, group, route.value, nonce, difficulty, expires_s, epoch)
    return keyed(key.reveal(), Label.PUZZLE, *parts, size=MAC_SIZE)


def challenge(
    key: AdmissionKey,
    group: bytes,
    route: Route,
    *,
    epoch: bytes,
    nonce: bytes,
    difficulty: int,
    expires_s: int,
) -> bytes:
    """Write a challenge of 50 bytes. `difficulty` 1 to 2^20 hashes; `expires_s` on the limiter's clock."""
    check_group(group)
    if not 1 <= difficulty <= MAX_DIFFICULTY:
        raise ValueError("difficulty is 1 to 2^20")
    if len(epoch) != EPOCH_SIZE or len(nonce) != NONCE_SIZE:
        raise ValueError("an epoch is 8 bytes, a nonce 16")
    fields = _FIELDS.pack(VERSION, KIND, epoch, nonce, difficulty, expires_s)
    return fields + _mac(key, group, route, fields)


def seed_of(raw: bytes) -> bytes:
    """Give the 32 bytes that all sub-puzzles of a challenge start with."""
    return sha256(SEED_PREFIX + raw).digest()


def threshold_of(difficulty: int) -> int:
    """The first four bytes of a winning hash, as a number, are below this: floor(2^32 / difficulty)."""
    return (1 << 32) // difficulty


def difficulty_of(raw: bytes) -> int:
    """Read the difficulty of a challenge as a client does, without the key. Raises Refused."""
    if len(raw) != CHALLENGE_SIZE or raw[0] != VERSION or raw[1] != KIND:
        raise Refused("not a puzzle this version knows")
    difficulty = int.from_bytes(raw[26:30], "big")
    if not 1 <= difficulty <= MAX_DIFFICULTY:
        raise Refused("a puzzle outside the difficulties clients accept")
    return difficulty


def solving(raw: bytes, *, stride: int = 4096) -> Iterator[bytes | int]:
    """Solve a challenge in slices, so that a caller can show progress and stay responsive.

    Yields the number of solved sub-puzzles (0 to 15) after every `stride` hashes, and at last the
    solution, 64 bytes. Raises Refused on a challenge no honest server sends.
    """
    limit = threshold_of(difficulty_of(raw)).to_bytes(5, "big")[1:]
    always = difficulty_of(raw) == 1
    seed = seed_of(raw)
    counters: list[bytes] = []
    hashed = 0
    for index in _INDEX:
        start = seed + index
        counter = 0
        while True:
            tail = counter.to_bytes(4, "big")
            if always or sha256(start + tail).digest()[:4] < limit:
                counters.append(tail)
                break
            counter += 1
            hashed += 1
            if hashed % stride == 0:
                yield len(counters)
    yield b"".join(counters)


def solve(raw: bytes) -> bytes:
    """Solve a challenge: 64 bytes. Takes 16 × difficulty hashes on average, ≤ 1.7 × that in 99 of 100."""
    for step in solving(raw, stride=1 << 62):
        if isinstance(step, bytes):
            return step
    raise AssertionError("solving() ends with a solution")


def check(key: AdmissionKey, group: bytes, route: Route, raw: bytes, solution: bytes) -> Puzzle:
    """Recognise a solved challenge: at most one MAC and 17 hashes, whatever was sent.

    Raises Refused when it is not ours, not for this group and route, altered, or not solved.
    The caller still has to spend it (epoch, expiry, single use).
    """
    if len(raw) != CHALLENGE_SIZE or len(solution) != SOLUTION_SIZE or raw[0] != VERSION or raw[1] != KIND:
        raise Refused("not an admission token")
    fields = raw[:-MAC_SIZE]
    if not compare_digest(_mac(key, group, route, fields), raw[-MAC_SIZE:]):
        raise Refused("an admission token that is not ours, or not for this")
    _, _, epoch, nonce, difficulty, expires_s = _FIELDS.unpack(fields)
    # Bytes compare like big-endian numbers, which saves sixteen conversions. A difficulty of 1 lets all through.
    limit = threshold_of(difficulty).to_bytes(5, "big")[1:]
    if difficulty > 1:
        seeded = sha256(seed_of(raw))
        for index, counter in zip(_INDEX, _COUNTERS.unpack(solution), strict=True):
            attempt = seeded.copy()
            attempt.update(index + counter)
            if attempt.digest() >= limit:  # their first four bytes decide
                raise Refused("a puzzle that is not solved")
    return Puzzle(epoch, nonce, difficulty, expires_s, raw)
