"""The browser reads letters, signatures and rosters as Python does, and refuses what is forged."""

from __future__ import annotations

import unicodedata
from hashlib import sha512

import msgspec
import pytest

from crypto import chains, codes, hashing, letters
from crypto.codes import ReplyCode
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.labels import Label
from crypto.seal import SealingKey
from crypto.signatures import SigningKey, sign
from service.cases import choosing, rosters
from service.cases.letters import HandedTo, Letter, read_letter, sign_letter
from service.cases.names import folded
from tests.support.groups import Group
from tests.support.typescript import Browser, BrowserRefused

pytestmark = pytest.mark.xdist_group("typescript")
draw = seeded(b"typescript letters")
GROUP, ROSTER = draw(16), draw(32)
_L = 2**252 + 27742317777372353535851937790883648493
_TORSION = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def test_letters_of_the_desk_are_read_and_forged_ones_refused(browser: Browser) -> None:
    """A letter opens and its author's signature holds; filler, another mailbox and another author don't."""
    code, author = ReplyCode(draw(16)), SigningKey(draw(32))
    mailbox, address = codes.mailbox_of(code), codes.address_of(codes.claim_of(code))
    letter = Letter(
        id=draw(16).hex(),
        group=GROUP.hex(),
        roster=ROSTER.hex(),
        author="Ada",
        author_key=author.verify_key().raw.hex(),
        language="ar",
        day="2026-11-21",
        state="looking",
        question=True,
        text="مرحبا\nhow are you?",
        recipients=(draw(16).hex(), draw(16).hex()),
    )
    raw = sign_letter(letter, author, address)
    sealed = letters.seal_letter(mailbox.public_key(), raw)
    assert browser.bytes("open_letter", seed=mailbox.reveal(), sealed=sealed) == raw
    read = browser.call("read_letter", raw=raw, address=address)
    assert (read["text"], read["state"], read["question"]) == (letter.text, "looking", True)
    assert (tuple(read["recipients"]), read["handedTo"]) == (letter.recipients, [])
    handed = HandedTo(draw(16).hex(), (draw(16).hex(),))
    forwarded = sign_letter(msgspec.structs.replace(letter, handed_to=(handed,)), author, address)
    assert browser.call("read_letter", raw=forwarded, address=address)["handedTo"] == [
        {"group": handed.group, "recipients": list(handed.recipients)}
    ]
    null = forwarded[4:-64].split(b',"handed_to":')[0] + b',"handed_to":null}'
    changes = ((b'"handed_to":[{', b'"handed_to":[{"more":1,'), (b"[{", b"[[{"), (b"}]}", b"},{}]}"))
    for wrong_body in (null, *(forwarded[4:-64].replace(good, bad) for good, bad in changes)):
        assert wrong_body != forwarded[4:-64]
        signature = sign(author, Label.LETTER, address, wrong_body)
        wrong_raw = len(wrong_body).to_bytes(4, "big") + wrong_body + signature
        with pytest.raises(BrowserRefused, match="not a letter"):
            browser.call("read_letter", raw=wrong_raw, address=address)
        with pytest.raises(Refused, match="not a letter"):
            read_letter(wrong_raw, address)
    for wrong in (draw(letters.LETTER_SIZE), sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(BrowserRefused, match="does not open"):
            browser.call("open_letter", seed=mailbox.reveal(), sealed=wrong)
    with pytest.raises(BrowserRefused, match="signature"):
        browser.call("read_letter", raw=raw, address=draw(32))
    with pytest.raises(BrowserRefused, match="signature"):
        browser.call("read_letter", raw=raw.replace(b"looking", b"decided"), address=address)
    with pytest.raises(BrowserRefused):
        browser.call("read_letter", raw=raw + b"\0", address=address)


def test_signatures_agree(browser: Browser) -> None:
    """Good signatures hold; changed, malleable, foreign and torsion ones don't, whatever a cofactor would forgive."""
    key = SigningKey(draw(32))
    parts = (b"one", b"", draw(100))
    good = sign(key, Label.ROSTER, *parts)
    right = {"key": key.verify_key().raw, "label": "sv1 roster", "signature": good, "parts": parts}
    assert browser.call("verify", **right) is True
    scalar = int.from_bytes(good[32:], "little")
    wrong = (
        {"label": "sv1 letter"},
        {"parts": (b"one", draw(100))},
        {"parts": (b"on", b"e", parts[2])},
        {"signature": good[:-1]},
        {"signature": good + b"\0"},
        {"signature": good[:32] + (scalar + _L).to_bytes(32, "little")},
        {"signature": bytes([good[0] ^ 1]) + good[1:]},
        {"signature": _TORSION + good[32:]},
        {"signature": bytes(64)},
        {"signature": b"\1" + bytes(63)},
        {"key": SigningKey(draw(32)).verify_key().raw},
    )
    for change in wrong:
        with pytest.raises(BrowserRefused, match="does not hold"):
            browser.call("verify", **{**right, **change})
    for bad in (bytes(32), b"\1" + bytes(31), _TORSION, b"\xff" * 32, good[:31]):
        with pytest.raises(BrowserRefused, match="signing key"):
            browser.call("verify", **{**right, "key": bad})


def test_a_signature_only_the_cofactor_would_forgive_is_refused(browser: Browser) -> None:
    """R with a torsion part: libsodium refuses it, so the browser must, or it could be shown another roster."""
    from nacl import bindings as sodium

    key = SigningKey(draw(32))
    public = key.verify_key().raw
    digest = bytearray(sha512(key.reveal()).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    secret = sodium.crypto_core_ed25519_scalar_reduce(bytes(digest) + bytes(32))
    nonce = sodium.crypto_core_ed25519_scalar_reduce(draw(64))
    point = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
    for torsion in (None, _TORSION):
        r = point if torsion is None else sodium.crypto_core_ed25519_add(point, torsion)
        message = hashing.prefixed((Label.ROSTER.value, b"x"))
        challenge = sodium.crypto_core_ed25519_scalar_reduce(sha512(r + public + message).digest())
        s = sodium.crypto_core_ed25519_scalar_add(
            nonce, sodium.crypto_core_ed25519_scalar_mul(challenge, secret)
        )
        call = {"key": public, "label": "sv1 roster", "signature": r + s, "parts": [b"x"]}
        if torsion is None:
            assert browser.call("verify", **call) is True  # the same construction without torsion holds
        else:
            with pytest.raises(BrowserRefused, match="does not hold"):
                browser.call("verify", **call)


def test_rosters_agree(browser: Browser) -> None:
    """A chain with every kind of statement folds to the same roster; forged, cut and swapped ones are refused."""
    group = Group.draw("Aurora", ("Ada", "Bo", "Cy"), minimum=2, alternate=draw(16), council=("Di",))
    group.retire("Bo")
    ada = group.member("Ada")
    renewed = SigningKey(draw(32)), SealingKey(draw(32))
    group.say(
        rosters.Rotate(
            handler=ada.id.hex(), card=rosters.make_card("Ada L.", renewed[0], renewed[1].public_key())
        )
    )
    group.say(rosters.Settings(name="Aurora 2", languages=("en", "ar"), minimum=1, alternate=None))
    group.say(rosters.Members(registry=draw(32).hex()))
    group.say(rosters.Members(registry=None))
    group.say(rosters.Members(registry=draw(32).hex()))
    raw = [statement.raw for statement in group.chain.statements]
    history = rosters.verified_history(group.id, raw)
    theirs = browser.call("rosters", group=group.id, statements=raw)
    assert [roster["digest"] for roster in theirs] == [roster.digest.hex() for roster in history.rosters]
    for mine, shown in zip(history.rosters, theirs, strict=True):
        assert (shown["name"], shown["minimum"]) == (mine.name, mine.minimum)
        assert shown["alternate"] == (mine.alternate.hex() if mine.alternate else None)
        assert shown["registry"] == (mine.registry.hex() if mine.registry else None)
        assert shown["recipients"] == [[h.pseudonym, h.key_id.hex()] for h in mine.recipients]

    other = Group.draw("Aurora", ("Eve",))
    whole = chains.verify_chain(raw, group.root.verify_key(), Label.ROSTER)
    malformed = [
        chains.append(whole, payload, group.root).statements[-1].raw
        for payload in (
            b'{"do":"retire","handler":"00"}',
            b'{"do":"members"}',
            b'{"do":"members","registry":"00"}',
            b'{"do":"members","registry":"' + b"A" * 64 + b'"}',
            b'{"do":"members","registry":7}',
            b'{"do":"unheard of"}',
        )
    ]
    for bad, group_id in (
        ([], group.id),
        (raw, other.id),
        (raw[1:], group.id),
        ([*raw[:2], *raw[3:]], group.id),
        ([raw[0], raw[2], raw[1]], group.id),
        ([*raw, raw[-1]], group.id),
        ([*raw, other.chain.statements[1].raw], group.id),
        ([*raw[:-1], raw[-1][:-1] + bytes([raw[-1][-1] ^ 1])], group.id),
        ([*raw[:-1], raw[-1][:60] + bytes([raw[-1][60] ^ 1]) + raw[-1][61:]], group.id),
        *(([*raw, each], group.id) for each in malformed),
        ([*raw[:-1], raw[-1] + b"\0"], group.id),
    ):
        with pytest.raises(Refused):
            rosters.verified_history(group_id, bad)
        with pytest.raises(BrowserRefused):
            browser.call("rosters", group=group_id, statements=bad)


def test_names_fold_alike_in_both(browser: Browser) -> None:
    """Letter for letter and together, so that both leave out the same people; only what is equal has to agree."""
    kinds = ("Cn", "Co", "Cs")
    letters = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) not in kinds]
    spelt = [*letters, *(f"a{letter}\u0345\u0342Σ  ς" for letter in letters)]
    theirs = browser.call("fold_names", names=spelt)
    pairs = set(zip(map(folded, spelt), theirs, strict=True))
    assert len(pairs) == len({mine for mine, _ in pairs}) == len({other for _, other in pairs})


def test_both_leave_out_the_same_people(browser: Browser) -> None:
    """Everybody of a name, in the group and in its alternate, however it is spelt there."""
    others = Group.draw("Draco", ("Jose\u0301", "STRASSE", "Eve", "Fay"), minimum=1)
    group = Group.draw("Crux", ("José", "Straße", "Cy"), minimum=2, alternate=others.id)
    group.add_old("Jose\u0301")
    group.add_old("Alice\u2028Bob")
    other = others.roster
    for names in (
        (),
        ("José",),
        ("Jose\u0301", "Cy"),
        ("Straße", "José"),
        ("José", "Straße", "Alice\u2028Bob"),
    ):
        match choosing.choose(group.roster.recipients, 2, others.id, names):
            case choosing.ToAlternate() as chosen:
                mine = choosing.of_alternate(chosen, other.recipients, other.minimum)
            case chosen:
                mine = chosen.handlers
        theirs = browser.call(
            "choose_people",
            group=group.id,
            statements=[statement.raw for statement in group.chain.statements],
            others=[statement.raw for statement in others.chain.statements],
            leave_out=list(names),
        )
        assert theirs == [handler.pseudonym for handler in mine]
