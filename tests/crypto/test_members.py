"""Proofs of possession: they bind key, registry and account, and nobody has one for a combined key."""

from __future__ import annotations

import pytest

from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.group import IDENTITY
from crypto.members import check_proof, prove
from tests.support.rings import KEYS


def test_proof_of_possession_binds_key_registry_and_account() -> None:
    """It verifies for what it was made for, and for nothing else."""
    key, other = KEYS[:2]
    proof = prove(key, b"registry", b"account", entropy=seeded(b"p"))
    check_proof(key.public(), proof, b"registry", b"account")
    for public, binding in [
        (other.public(), (b"registry", b"account")),
        (key.public(), (b"another", b"account")),
        (key.public(), (b"registry", b"another")),
        (key.public(), (b"registryaccount",)),
        (-key.public(), (b"registry", b"account")),
    ]:
        with pytest.raises(Refused):
            check_proof(public, proof, *binding)


def test_proof_of_possession_for_a_combined_key_fails() -> None:
    """A rogue key, own minus another's, has a logarithm that its maker doesn't know."""
    rogue = KEYS[0].public() - KEYS[1].public()
    for key in KEYS[:2]:
        with pytest.raises(Refused):
            check_proof(rogue, prove(key, b"r", entropy=seeded(b"p")), b"r")
    with pytest.raises(Refused):
        check_proof(IDENTITY, prove(KEYS[0], b"r", entropy=seeded(b"p")), b"r")


@pytest.mark.parametrize("proof", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_malformed_proofs_are_refused(proof: bytes) -> None:
    """Wrong lengths, the identity as commitment, numbers out of range."""
    with pytest.raises(Refused):
        check_proof(KEYS[0].public(), proof, b"r")
