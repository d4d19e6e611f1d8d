"""Hashing to a point: RFC 9380's own vectors, and what its users rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from crypto.elligator import P, expand_message, hash_to_curve, hash_to_point, map_to_curve
from crypto.errors import Refused
from crypto.labels import Label
from tests.support import edwards

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc9380-edwards25519.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["msg"][:8] or "empty")
def test_rfc_9380_vectors(vector: dict[str, str | dict[str, str]]) -> None:
    """Appendix J.5.1: the field elements, the first map and the point, digit for digit."""
    message, domain = str(vector["msg"]).encode(), VECTORS["dst"].encode()
    uniform = expand_message(message, domain, 96)
    u = [int.from_bytes(uniform[at : at + 48], "big") % P for at in (0, 48)]
    assert u == [int(str(vector["u0"]), 16), int(str(vector["u1"]), 16)]
    mapped, point = (
        {k: int(v, 16) for k, v in dict(cast("dict[str, str]", vector[name])).items()} for name in ("Q0", "P")
    )
    assert map_to_curve(u[0]) == (mapped["x"], mapped["y"])
    assert hash_to_curve(message, domain).raw == edwards.encode((point["x"], point["y"]))


def test_map_meets_its_exceptions() -> None:
    """u = 0 gives the identity; every image is on the curve."""
    assert map_to_curve(0) == (0, 1)
    for u in (1, 2, P - 1, P - 2, 486662, 2**200 + 7):
        assert edwards.decode(edwards.encode(map_to_curve(u))) == map_to_curve(u)


def test_labels_and_parts_are_separate_domains() -> None:
    """Another label, another part or another cut is another point."""
    points = {
        hash_to_point(Label.RING_GENERATOR, b"ab", b"c"),
        hash_to_point(Label.RING_GENERATOR, b"a", b"bc"),
        hash_to_point(Label.RING_GENERATOR, b"abc"),
        hash_to_point(Label.VOICE, b"abc"),
    }
    assert len(points) == 4


@pytest.mark.parametrize(("domain", "size"), [(b"", 32), (b"x" * 256, 32), (b"x", 0), (b"x", 255 * 64 + 1)])
def test_expansion_out_of_range_is_refused(domain: bytes, size: int) -> None:
    """RFC 9380 §5.3.1 aborts here; so do we."""
    with pytest.raises(Refused):
        expand_message(b"m", domain, size)
