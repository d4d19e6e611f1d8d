"""The group: held to a second implementation, strict at the door, sound about torsion."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add, crypto_core_ed25519_is_valid_point

from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.group import (
    GENERATOR,
    IDENTITY,
    ORDER,
    Point,
    Scalar,
    SecretScalar,
    clear_cofactor,
    hash_to_scalar,
    times_base,
    total,
)
from crypto.labels import Label
from crypto.torsion import SMALL_ORDER, UnsoundLibraryError, check_library
from tests.support import edwards

numbers = st.integers(0, ORDER - 1)
edges = st.sampled_from([0, 1, 2, 8, ORDER - 1, ORDER - 2, ORDER // 2])
few = settings(max_examples=40, deadline=None)


@given(numbers | edges, numbers | edges)
@few
def test_points_add_and_multiply_as_in_the_textbook(a: int, b: int) -> None:
    """Base multiples, sums, differences and products agree with affine arithmetic on integers."""
    left, right = times_base(Scalar(a)), times_base(Scalar(b))
    assert left.raw == edwards.encode(edwards.multiply(a, edwards.BASE))
    assert (left + right).raw == edwards.encode(edwards.multiply((a + b) % ORDER, edwards.BASE))
    assert left - right == times_base(Scalar(a) - Scalar(b))
    assert left * Scalar(b) == times_base(Scalar(a) * Scalar(b))
    assert -left == left * Scalar(ORDER - 1) == IDENTITY - left
    assert total([left, right, -left]) == right


@given(numbers, numbers)
@few
def test_secret_scalars_compute_as_public_ones(a: int, b: int) -> None:
    """libsodium's constant-time arithmetic gives what Python's integers give."""
    x, y = SecretScalar(Scalar(a).raw), SecretScalar(Scalar(b).raw)
    public = Scalar(a), Scalar(b)
    assert Scalar.parse((x + y).reveal()) == public[0] + public[1]
    assert Scalar.parse((x - public[1]).reveal()) == public[0] - public[1]
    assert Scalar.parse((x * y).reveal()) == public[0] * public[1]
    assert Scalar.parse((-x).reveal()) == -public[0]
    assert times_base(x) == times_base(public[0])


def test_zero_and_identity_are_handled_here() -> None:
    """What libsodium refuses with a bare error gives the identity."""
    zero, secret_zero = Scalar(0), SecretScalar(bytes(32))
    assert times_base(zero) == times_base(secret_zero) == GENERATOR * zero == IDENTITY * Scalar(5) == IDENTITY
    assert IDENTITY.is_identity
    assert -IDENTITY == IDENTITY == GENERATOR - GENERATOR == total([])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(31),
        bytes(33),
        ORDER.to_bytes(32, "little"),
        (ORDER + 1).to_bytes(32, "little"),
        b"\xff" * 32,
        (2**255 - 19).to_bytes(32, "little"),
    ],
)
def test_scalars_have_one_encoding(raw: bytes) -> None:
    """Anything but 32 bytes below L is Refused, for public and for secret scalars."""
    with pytest.raises(Refused):
        Scalar.parse(raw)
    with pytest.raises(Refused):
        SecretScalar(raw)


@pytest.mark.parametrize("value", [-1, ORDER, 2**256])
def test_scalars_do_not_reduce_silently(value: int) -> None:
    """`Scalar(n)` refuses what is out of range; only `reduce` reduces."""
    with pytest.raises(Refused):
        Scalar(value)
    assert Scalar.reduce(value).value == value % ORDER


P = edwards.P
NON_CANONICAL = [  # y ≥ p, and x = 0 with its sign set
    *((P + small).to_bytes(32, "little") for small in range(19)),
    *((P + small | 1 << 255).to_bytes(32, "little") for small in range(19)),
    bytes([1]) + bytes(30) + b"\x80",
    (P - 1 | 1 << 255).to_bytes(32, "little"),
]


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33), b"\x02" + bytes(31), *NON_CANONICAL])
def test_points_have_one_encoding(raw: bytes) -> None:
    """Wrong lengths, points off the curve and second encodings are Refused, even where identity may be."""
    with pytest.raises(Refused):
        Point(raw, identity_allowed=True)


@pytest.mark.parametrize("torsion", SMALL_ORDER)
def test_torsion_is_refused(torsion: bytes) -> None:
    """A point of small order is Refused, alone and added to a good point (CVE-2025-69277)."""
    with pytest.raises(Refused):
        Point(torsion)
    if torsion != IDENTITY.raw:
        with pytest.raises(Refused):
            Point(torsion, identity_allowed=True)
        for multiple in (1, 2, 3, 12345):
            mixed = crypto_core_ed25519_add(times_base(Scalar(multiple)).raw, torsion)
            with pytest.raises(Refused):
                Point(mixed)


def test_small_order_list_is_complete() -> None:
    """The list is the eight distinct multiples of a point of order 8, by the second implementation."""
    generator = edwards.decode(SMALL_ORDER[4])
    assert generator is not None
    assert {edwards.encode(edwards.multiply(k, generator)) for k in range(8)} == set(SMALL_ORDER)


def test_identity_only_where_allowed() -> None:
    """The identity parses only where the caller says so."""
    assert Point(IDENTITY.raw, identity_allowed=True) == IDENTITY
    with pytest.raises(Refused):
        Point(IDENTITY.raw)


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=60, deadline=None)
def test_point_check_agrees_with_the_textbook(raw: bytes) -> None:
    """Random bytes: accepted exactly when canonical, on the curve and of order L."""
    affine = edwards.decode(raw)
    expected = affine is not None and edwards.multiply(ORDER, affine) == edwards.IDENTITY
    try:
        Point(raw, identity_allowed=True)
    except Refused:
        assert not expected
    else:
        assert expected


def test_cofactor_is_cleared() -> None:
    """8·(P + torsion) is 8·P, in the subgroup."""
    for torsion in SMALL_ORDER:
        mixed = crypto_core_ed25519_add(times_base(Scalar(9)).raw, torsion)
        assert clear_cofactor(mixed) == times_base(Scalar(72))
        assert clear_cofactor(torsion) == IDENTITY


def test_library_check_finds_the_old_bug() -> None:
    """A checker that lets the point of order 2 ride along, as libsodium did before the fix, is caught."""
    check_library()
    order_two = SMALL_ORDER[1]

    def as_before_the_fix(raw: bytes) -> bool:
        return crypto_core_ed25519_is_valid_point(raw) or crypto_core_ed25519_is_valid_point(
            crypto_core_ed25519_add(raw, order_two)
        )

    for unsound in (as_before_the_fix, lambda raw: True, lambda raw: False):
        with pytest.raises(UnsoundLibraryError):
            check_library(unsound)


def test_secret_scalars_stay_hidden() -> None:
    """A secret scalar is not in its repr, can't be hashed, pickled or written as JSON."""
    secret = SecretScalar.draw(seeded(b"hidden"))
    assert secret.reveal().hex() not in f"{secret!r} {secret}"
    with pytest.raises(TypeError):
        hash(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_hash_to_scalar_separates_labels_and_parts() -> None:
    """Another label or another cut of the same bytes is another scalar."""
    seen = {
        hash_to_scalar(Label.RING, b"ab", b"c"),
        hash_to_scalar(Label.RING, b"a", b"bc"),
        hash_to_scalar(Label.RING, b"abc"),
        hash_to_scalar(Label.VOICE, b"ab", b"c"),
    }
    assert len(seen) == 4
