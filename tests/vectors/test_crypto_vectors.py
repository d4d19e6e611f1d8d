"""The published vectors of crypto/, failures included: another implementation is held to the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crypto import chains, keyfiles
from crypto.codes import (
    CodeTypo,
    MailboxKey,
    ReplyCode,
    address_of,
    claim_of,
    confirmation_positions,
    fingerprint_words,
    from_words,
    mailbox_of,
    prove,
    to_words,
)
from crypto.envelope import parse_envelope
from crypto.errors import Refused
from crypto.filler import filler
from crypto.hashing import digest, keyed
from crypto.labels import Label
from crypto.letters import open_letter
from crypto.opening import open_entry, open_grant, open_report
from crypto.seal import DoesNotOpen, PublicKey, SealingKey, unseal
from crypto.secrets import Passphrase, SymmetricKey
from crypto.signatures import BadSignature, SigningKey, VerifyKey, sign, verify

ERRORS: dict[str, type[Refused]] = {
    "Refused": Refused,
    "DoesNotOpen": DoesNotOpen,
    "Broken": chains.Broken,
    "Forged": chains.Forged,
    "WrongPassphrase": keyfiles.WrongPassphrase,
    "DamagedKeyFile": keyfiles.DamagedKeyFile,
}


def load(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


def label(name: str) -> Label:
    return Label(name.encode())


def pieces(one: Any) -> list[bytes]:
    return [bytes.fromhex(part) for part in one["parts"]]


def test_hashing() -> None:
    """SPEC §1.3."""
    vectors = load("hashing")
    for one in vectors["digest"]:
        assert digest(label(one["label"]), *pieces(one), size=one["size"]).hex() == one["out"]
    for one in vectors["keyed"]:
        assert keyed(bytes.fromhex(one["key"]), label(one["label"]), *pieces(one)).hex() == one["out"]


def test_codes() -> None:
    """SPEC §3: words in ten languages, what is derived, what is asked back, typos."""
    vectors = load("codes")
    for one in vectors["codes"]:
        code = ReplyCode(bytes.fromhex(one["code"]))
        for language, words in one["words"].items():
            assert list(to_words(code, language)) == words
            assert from_words(" ".join(words), language) == code
        assert list(confirmation_positions(code)) == one["confirm"]
        assert prove(code).reveal().hex() == one["proof"]
        assert claim_of(code).reveal().hex() == one["claim"]
        assert address_of(claim_of(code)).hex() == one["address"]
        assert mailbox_of(code).reveal().hex() == one["seed"]
        assert mailbox_of(code).public_key().raw.hex() == one["public_key"]
    for one in vectors["failures"]:
        with pytest.raises(CodeTypo) as typo:
            from_words(one["words"], "english")
        assert list(typo.value.positions) == one["positions"]
    for one in vectors["fingerprints"]:
        assert list(fingerprint_words(bytes.fromhex(one["digest"]))) == one["words"]


def test_sealing() -> None:
    """SPEC §4: a key pair from its seed, and messages that open or must not."""
    vectors = load("seal")
    key = SealingKey(bytes.fromhex(vectors["seed"]))
    assert key.public_key() == PublicKey(bytes.fromhex(vectors["public_key"]))
    assert key.public_key().key_id.hex() == vectors["key_id"]

    def opened(one: Any) -> bytes:
        context = bytes.fromhex(one["context"])
        return unseal(key, bytes.fromhex(one["sealed"]), label=label(one["label"]), context=context)

    assert [opened(one).hex() for one in vectors["sealed"]] == [one["plaintext"] for one in vectors["sealed"]]
    for one in vectors["failures"]:
        with pytest.raises(ERRORS[one["error"]]):
            opened(one)


def test_envelopes() -> None:
    """SPEC §6 and §7: envelopes for each recipient, the log's entries, a grant."""
    vectors = load("envelopes")
    keys = [SealingKey(bytes.fromhex(seed)) for seed in vectors["seeds"]]
    for one in vectors["envelopes"]:
        envelope = parse_envelope(bytes.fromhex(one["envelope"]))
        assert envelope.header.group_id.hex() == vectors["group"]
        assert envelope.header.roster_digest.hex() == vectors["roster"]
        to = [key for key in keys if key.public_key().key_id in envelope.header.recipients]
        assert len(to) == one["recipients"]
        assert {open_report(envelope, key).plaintext.hex() for key in to} == {one["plaintext"]}
    first = parse_envelope(bytes.fromhex(vectors["envelopes"][1]["envelope"])).header.recipients[0]
    own = next(key for key in keys if key.public_key().key_id == first)
    for one in vectors["failures"]:
        with pytest.raises(ERRORS[one["error"]]):
            open_report(parse_envelope(bytes.fromhex(one["envelope"])), own)
    log = vectors["log"]
    content, report = SymmetricKey(bytes.fromhex(log["content_key"])), bytes.fromhex(log["report"])
    for one in log["entries"]:
        assert open_entry(content, report, bytes.fromhex(one["sealed"])).hex() == one["plaintext"]
    to_whom = SealingKey(bytes.fromhex(vectors["grant"]["to"]))
    assert open_grant(to_whom, bytes.fromhex(vectors["grant"]["sealed"]), report) == content


def test_letters() -> None:
    """SPEC §5."""
    vectors = load("letters")
    key = MailboxKey(bytes.fromhex(vectors["seed"]))
    for one in vectors["letters"]:
        assert open_letter(key, bytes.fromhex(one["letter"])).hex() == one["plaintext"]
    for one in vectors["failures"]:
        with pytest.raises(ERRORS[one["error"]]):
            open_letter(key, bytes.fromhex(one["letter"]))
    for one in vectors["filler"]:
        assert filler(bytes.fromhex(one["seed"])).hex() == one["letter"]


def test_signatures_and_chains() -> None:
    """SPEC §8 and §9."""
    vectors = load("signatures")
    key = SigningKey(bytes.fromhex(vectors["seed"]))
    root = VerifyKey(bytes.fromhex(vectors["verify_key"]))
    assert key.verify_key() == root
    for one in vectors["signatures"]:
        assert sign(key, label(one["label"]), *pieces(one)).hex() == one["signature"]
        verify(root, label(one["label"]), bytes.fromhex(one["signature"]), *pieces(one))
    for one in vectors["failures"]:
        with pytest.raises(BadSignature):
            verify(root, label(one["label"]), bytes.fromhex(one["signature"]), *pieces(one))
    kind = label(vectors["chain"]["label"])
    chain = chains.verify_chain([bytes.fromhex(raw) for raw in vectors["chain"]["statements"]], root, kind)
    assert chain.head.hex() == vectors["chain"]["head"]
    for one in vectors["chain_failures"]:
        with pytest.raises(ERRORS[one["error"]]):
            chains.verify_chain([bytes.fromhex(raw) for raw in one["statements"]], root, kind)


def test_key_files() -> None:
    """SPEC §4: the right passphrase, a wrong one, damage."""
    vectors = load("keyfiles")
    kind = vectors["kind"]
    file = bytes.fromhex(vectors["file"])
    assert keyfiles.unlock(file, Passphrase(vectors["passphrase"]), kind=kind).hex() == vectors["payload"]
    for one in vectors["failures"]:
        with pytest.raises(ERRORS[one["error"]]):
            keyfiles.unlock(bytes.fromhex(one["file"]), Passphrase(one["passphrase"]), kind=kind)
