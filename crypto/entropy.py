"""Where randomness comes from: an argument, never a global. SPEC.md §1.5.

`system` is what the faces pass in; `seeded` gives the same bytes for the same seed and exists for
vectors and tests only.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import shake_256

from nacl.utils import random as _nacl_random

Entropy = Callable[[int], bytes]


def system(size: int) -> bytes:
    """Give `size` bytes from the operating system's generator (libsodium's randombytes)."""
    return _nacl_random(size)


def seeded(seed: bytes) -> Entropy:
    """Give a deterministic source for vectors: SHAKE-256(seed ‖ counter)."""
    counter = 0

    def draw(size: int) -> bytes:
        nonlocal counter
        counter += 1
        return shake_256(seed + counter.to_bytes(8, "big")).digest(size)

    return draw
