"""The published ring vectors: our code reads them, makes them again, and refuses the bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import Refused
from crypto.group import Point
from crypto.members import MemberKey, check_proof
from crypto.ring import Ring, RingSignature, context_generator, tag_of, verify
from tests.vectors.make_ring import make

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "ring.json").read_text())
CONTEXT, MESSAGE = bytes.fromhex(VECTORS["context"]), bytes.fromhex(VECTORS["message"])
RING = Ring.parse(bytes.fromhex(VECTORS["ring"]))


def test_the_maker_gives_the_committed_file() -> None:
    """No change of the code changes a byte of what it signs without this file changing too."""
    assert make() == VECTORS


@pytest.mark.parametrize("member", VECTORS["members"], ids=range(5))
def test_signatures_proofs_and_tags(member: dict[str, str]) -> None:
    """Seed to key to tag, and the published signature and proof verify."""
    raw = {name: bytes.fromhex(value) for name, value in member.items()}
    key = MemberKey(raw["seed"])
    assert key.public() == Point(raw["public"])
    assert tag_of(key, CONTEXT).raw == raw["tag"]
    assert verify(RING, CONTEXT, MESSAGE, RingSignature.parse(raw["signature"])).raw == raw["tag"]
    check_proof(key.public(), raw["proof"], *(bytes.fromhex(part) for part in VECTORS["proof_binding"]))


def test_generator_and_ring_digest() -> None:
    """What verification starts from."""
    assert context_generator(CONTEXT).raw.hex() == VECTORS["generator"]
    assert RING.digest.hex() == VECTORS["ring_digest"]


@pytest.mark.parametrize("name", VECTORS["refused_signatures"])
def test_bad_signatures_are_refused(name: str) -> None:
    """Each names what is wrong with it; none may parse and verify."""
    with pytest.raises(Refused):
        verify(
            RING, CONTEXT, MESSAGE, RingSignature.parse(bytes.fromhex(VECTORS["refused_signatures"][name]))
        )


@pytest.mark.parametrize("name", VECTORS["refused_rings"])
def test_bad_rings_are_refused(name: str) -> None:
    """Likewise."""
    with pytest.raises(Refused):
        Ring.parse(bytes.fromhex(VECTORS["refused_rings"][name]))
