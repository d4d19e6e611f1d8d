"""Proof that the libsodium found here keeps to the prime-order subgroup of edwards25519. SPEC.md §10.

`crypto.group` asks for it when it is imported, `crypto.selftest` again at start-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nacl.bindings import crypto_core_ed25519_add, crypto_core_ed25519_is_valid_point

_BASE: Final = bytes.fromhex("58" + "66" * 31)  # RFC 8032 §5.1
_IDENTITY: Final = bytes([1]) + bytes(31)


class UnsoundLibraryError(RuntimeError):
    """The libsodium found here accepts points outside the prime-order subgroup: install PyNaCl ≥ 1.6.2."""


# The eight points of small order, canonical encodings (orders 1, 2, 4, 4, 8, 8, 8, 8).
SMALL_ORDER: Final = tuple(
    bytes.fromhex(encoded)
    for encoded in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)


def check_library(is_valid: Callable[[bytes], bool] = crypto_core_ed25519_is_valid_point) -> None:
    """Prove that `is_valid` refuses every torsion point, alone and added to G; raises UnsoundLibraryError.

    Before libsodium's fix (PyNaCl 1.6.2; CVE-2025-69277) a valid point plus the point of order 2
    passed: one member key had two linking tags in one context.
    """
    if not is_valid(_BASE):
        raise UnsoundLibraryError("libsodium refuses the base point of Ed25519")
    for torsion in SMALL_ORDER:
        mixed = crypto_core_ed25519_add(_BASE, torsion)
        if is_valid(torsion) or (torsion != _IDENTITY and is_valid(mixed)):
            raise UnsoundLibraryError("libsodium accepts torsion points: install PyNaCl 1.6.2 or newer")
