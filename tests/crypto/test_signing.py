"""Signatures typed by their use, chains that can't be rewritten, key files that tell wrong from damaged."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import chains
from crypto.chains import Broken, Forged, verify_chain
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.framing import part
from crypto.keyfiles import DamagedKeyFile, Stretching, WrongPassphrase, lock, unlock
from crypto.labels import Label
from crypto.secrets import Passphrase
from crypto.signatures import BadSignature, SigningKey, VerifyKey, sign, verify

DRAW = seeded(b"tests of signing")
KEY, OTHER = SigningKey(DRAW(32)), SigningKey(DRAW(32))
LIGHT = Stretching(memory_kib=64, passes=1, lanes=1)
ORDER = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    (2**255 - 20).to_bytes(32, "little"),
]


def test_a_signature_holds_for_its_key_use_and_parts_only() -> None:
    """Parts are framed: moving a byte from one to the next is another message."""
    signature = sign(KEY, Label.RECEIPT, b"ab", b"c")
    verify(KEY.verify_key(), Label.RECEIPT, signature, b"ab", b"c")
    for key, label, raw, parts in (
        (OTHER, Label.RECEIPT, signature, (b"ab", b"c")),
        (KEY, Label.REQUEST, signature, (b"ab", b"c")),
        (KEY, Label.RECEIPT, signature, (b"a", b"bc")),
        (KEY, Label.RECEIPT, signature, (b"abc",)),
        (KEY, Label.RECEIPT, signature[:-1], (b"ab", b"c")),
        (KEY, Label.RECEIPT, bytes(64), (b"ab", b"c")),
        (KEY, Label.RECEIPT, b"", (b"ab", b"c")),
    ):
        with pytest.raises(BadSignature):
            verify(key.verify_key(), label, raw, *parts)


def test_a_signature_has_one_form() -> None:
    """S + L signs the same and is refused, so that a signature can't be varied."""
    signature = sign(KEY, Label.RECEIPT, b"x")
    bent = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    with pytest.raises(BadSignature):
        verify(KEY.verify_key(), Label.RECEIPT, signature[:32] + bent, b"x")


@pytest.mark.parametrize("raw", [*SMALL_ORDER, bytes(31), bytes(33), b"\xff" * 32])
def test_a_key_under_which_anything_verifies_is_refused(raw: bytes) -> None:
    """Small order, not canonical, of another size."""
    with pytest.raises(Refused):
        VerifyKey(raw)


def chain_of(*payloads: bytes, key: SigningKey = KEY) -> list[bytes]:
    chain = chains.empty(key.verify_key(), Label.ROSTER)
    for payload in payloads:
        chain = chains.append(chain, payload, key)
    return [statement.raw for statement in chain.statements]


def test_a_chain_verifies_and_gives_its_payloads() -> None:
    """And an empty one is a chain."""
    chain = verify_chain(chain_of(b"a", b"b", b""), KEY.verify_key(), Label.ROSTER)
    assert [statement.payload for statement in chain.statements] == [b"a", b"b", b""]
    assert verify_chain([], KEY.verify_key(), Label.ROSTER).head == chains.NO_LINK


def test_a_chain_cannot_be_forged_cut_in_the_middle_or_reordered() -> None:
    """Each attack is refused by its name."""
    raw = chain_of(b"a", b"b", b"c")
    root = KEY.verify_key()
    for attacked, how in (
        (chain_of(b"a", key=OTHER), Forged),
        ([raw[0], raw[1][:-1] + bytes([raw[1][-1] ^ 1])], Forged),
        ([raw[0], raw[1].replace(b"b", b"x", 1)], Forged),
        ([raw[0], raw[2]], Broken),
        ([raw[1], raw[0]], Broken),
        ([raw[0], raw[0]], Broken),
        ([raw[0], chain_of(b"z", b"b")[1]], Broken),
        ([raw[0] + b"\0"], Refused),
        ([raw[0][:-1]], Refused),
        ([b"\2" + raw[0][1:]], Refused),
    ):
        with pytest.raises(how):
            verify_chain(attacked, root, Label.ROSTER)
    with pytest.raises(Forged):
        verify_chain(raw, root, Label.REGISTRY)


def test_a_chain_starts_at_nought() -> None:
    """Its root can't sign a history whose beginning nobody was shown: every place is the statement's own number."""
    for seq, previous in ((7, chains.NO_LINK), (1, chains.NO_LINK), (0, b"\1" * 32)):
        signature = sign(KEY, Label.ROSTER, seq.to_bytes(8, "big"), previous, b"x")
        raw = b"\1" + seq.to_bytes(8, "big") + previous + part(b"x") + signature
        assert chains.verify_statement(raw, KEY.verify_key(), Label.ROSTER).seq == seq
        with pytest.raises(Broken):
            verify_chain([raw], KEY.verify_key(), Label.ROSTER)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused(raw: bytes) -> None:
    """No input makes a parser fail in another way."""
    with pytest.raises(Refused):
        verify_chain([raw], KEY.verify_key(), Label.ROSTER)
    with pytest.raises(DamagedKeyFile):
        unlock(raw, Passphrase("p"), kind="handler")


def test_a_key_file_opens_with_its_passphrase() -> None:
    """Payload of any length up to 64 KiB; two files of one key differ."""
    for payload in (b"", b"x" * 65, DRAW(1_000)):
        file = lock(payload, Passphrase("right"), LIGHT, entropy=DRAW, kind="handler")
        assert unlock(file, Passphrase("right"), kind="handler") == payload
        assert lock(payload, Passphrase("right"), LIGHT, entropy=DRAW, kind="handler") != file


def test_wrong_and_damaged_are_told_apart() -> None:
    """A wrong passphrase is the person's to mend; a damaged file, or one of another kind, needs the backup."""
    file = lock(b"secret", Passphrase("right"), LIGHT, entropy=DRAW, kind="handler")
    with pytest.raises(WrongPassphrase):
        unlock(file, Passphrase("wrong"), kind="handler")
    with pytest.raises(DamagedKeyFile):
        unlock(file, Passphrase("right"), kind="member")
    for at in range(len(file)):
        with pytest.raises(DamagedKeyFile):
            unlock(file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :], Passphrase("right"), kind="handler")
        with pytest.raises(DamagedKeyFile):
            unlock(file[:at], Passphrase("right"), kind="handler")


@pytest.mark.parametrize(
    ("memory", "passes", "lanes"), [(2**22, 3, 1), (7, 1, 1), (64, 0, 1), (64, 33, 1), (64, 1, 17)]
)
def test_a_file_cannot_ask_for_the_machine(memory: int, passes: int, lanes: int) -> None:
    """Parameters beyond the caps are refused before any work."""
    with pytest.raises(Refused):
        Stretching(memory, passes, lanes)


def test_the_default_is_costly() -> None:
    """Argon2id with 256 MiB and three passes."""
    assert (Stretching().memory_kib, Stretching().passes) == (256 * 1024, 3)


_ASKS_FOR_TOO_MUCH = """
import resource, sys
from crypto.errors import Refused
from crypto.framing import part
from crypto.hashing import digest
from crypto.keyfiles import MAGIC, unlock
from crypto.labels import Label
from crypto.secrets import Passphrase

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
numbers = b"".join(n.to_bytes(4, "big") for n in (2 * 1024 * 1024, 1, 1))
body = MAGIC + part(b"handler") + numbers + bytes(40) + part(bytes(48))
try:
    unlock(body + digest(Label.KEY_FILE, body), Passphrase("p"), kind="handler")
except Refused as refused:
    print(refused.reason)
"""


def test_a_key_file_that_asks_for_more_memory_than_there_is_is_refused() -> None:
    """2 GiB on a machine with 1 GiB: a sentence, no crash."""
    run = subprocess.run(
        [sys.executable, "-c", _ASKS_FOR_TOO_MUCH], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "not enough memory to open this key file"
