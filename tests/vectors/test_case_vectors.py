"""The published vectors of service/cases, failures included. service/cases/SPEC.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import Refused
from crypto.signatures import VerifyKey
from service.cases import receipts, rosters
from service.cases.reports import FollowUp, Unsealed


def load(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


def test_reports() -> None:
    """SPEC §1: each plaintext is read and written as it was; each spoiled one is refused."""
    vectors = load("reports")
    for raw in map(bytes.fromhex, vectors["plaintexts"]):
        read = Unsealed.from_bytes(raw)
        assert read.to_bytes() == raw
        assert read.mailbox_address.hex() == vectors["address"]
        if isinstance(read.content, FollowUp):
            assert read.content.address().hex() == vectors["address"]
    assert len(vectors["failures"]) >= 12
    for one in vectors["failures"]:
        with pytest.raises(Refused):
            Unsealed.from_bytes(bytes.fromhex(one["plaintext"]))


def test_rosters() -> None:
    """SPEC §4."""
    vectors = load("rosters")
    group = bytes.fromhex(vectors["group"])
    history = rosters.verified_history(group, [bytes.fromhex(raw) for raw in vectors["statements"]])
    assert [each.digest.hex() for each in history.rosters] == vectors["digests"]
    assert [[h.pseudonym, h.key_id.hex()] for h in history.latest.recipients] == vectors["recipients"]
    for one in vectors["failures"]:
        with pytest.raises(Refused):
            rosters.verified_history(group, [bytes.fromhex(raw) for raw in one["statements"]])


def test_receipts() -> None:
    """SPEC §5."""
    vectors = load("receipts")
    key = VerifyKey(bytes.fromhex(vectors["verify_key"]))

    def check(one: Any) -> None:
        envelope, group, signature = (bytes.fromhex(one[name]) for name in ("envelope", "group", "signature"))
        receipt = receipts.Receipt(envelope, one["day"], group, signature)
        receipts.check(
            receipt, key, bytes.fromhex(one["raw_envelope"]), bytes.fromhex(vectors["receipts"][0]["group"])
        )

    for one in vectors["receipts"]:
        check(one)
    for one in vectors["failures"]:
        with pytest.raises(Refused):
            check(one)
