"""The browser's labels, digests, keys, codes and puzzles are Python's: each opens what the other sealed."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse import puzzle
from abuse.routes import AdmissionKey, Route
from crypto import codes, hashing, padding, seal, words
from crypto.codes import MailboxKey, ReplyCode
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.labels import Label
from crypto.seal import PublicKey, SealingKey
from tests.support.typescript import Browser, BrowserRefused

pytestmark = pytest.mark.xdist_group("typescript")
draw = seeded(b"typescript")
GROUP, ROSTER = draw(16), draw(32)


# ---- labels and hashing ---------------------------------------------------------------------------


def test_labels_are_pythons(browser: Browser) -> None:
    """Every label of the browser is Python's label of that name."""
    theirs = browser.call("labels")
    assert theirs
    assert theirs == {name: Label[name].value.decode() for name in theirs}


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.integers(1, 64),
    st.binary(min_size=1, max_size=64),
)
@settings(max_examples=40, deadline=None)
def test_digests_agree(browser: Browser, parts: list[bytes], size: int, key: bytes) -> None:
    """H and the keyed H of the same parts are the same bytes."""
    fields = {"label": "sv1 claim", "parts": parts, "size": size}
    assert browser.bytes("digest", **fields) == hashing.digest(Label.CLAIM, *parts, size=size)
    assert browser.bytes("keyed", key=key, **fields) == hashing.keyed(key, Label.CLAIM, *parts, size=size)


# ---- sealing ---------------------------------------------------------------------------------------


def test_same_seed_same_keys(browser: Browser) -> None:
    """A seed gives the same public key and key id on both sides."""
    for _ in range(5):
        seed = draw(32)
        mine = SealingKey(seed).public_key()
        assert browser.bytes("public_key", seed=seed) == mine.raw
        assert browser.bytes("key_id", key=mine.raw) == mine.key_id


@pytest.mark.parametrize("size", [0, 1, 32, 8192])
def test_seals_open_across(browser: Browser, size: int) -> None:
    """What either side seals, the other opens; and no other label, context or key does."""
    key, plaintext = MailboxKey(draw(32)), draw(size)
    to = key.public_key()
    theirs = browser.bytes("seal", to=to.raw, plaintext=plaintext, label="sv1 seal letter", context=b"ctx")
    assert len(theirs) == size + seal.SEAL_OVERHEAD
    assert seal.unseal(key, theirs, label=Label.SEAL_LETTER, context=b"ctx") == plaintext
    mine = seal.seal(to, plaintext, label=Label.SEAL_LETTER, context=b"ctx")
    right = {"seed": key.reveal(), "sealed": mine, "label": "sv1 seal letter", "context": b"ctx"}
    assert browser.bytes("unseal", **right) == plaintext
    wrong = (
        {"label": "sv1 seal report"},
        {"context": b"ctx2"},
        {"seed": draw(32)},
        {"sealed": mine[:-1]},
        {"sealed": mine + b"\0"},
        {"sealed": bytes([mine[0] ^ 1]) + mine[1:]},
        {"sealed": mine[:1119] + bytes([mine[1119] ^ 1]) + mine[1120:]},
        {"sealed": mine[:-1] + bytes([mine[-1] ^ 1])},
        {"sealed": mine[:1088] + bytes(32) + mine[1120:]},
    )
    for change in wrong:
        with pytest.raises(BrowserRefused, match="does not open"):
            browser.call("unseal", **{**right, **change})


def test_bad_public_keys_are_refused_on_both_sides(browser: Browser) -> None:
    """Short, non-canonical and small-order keys are no keys, here and there."""
    good = SealingKey(draw(32)).public_key().raw
    field = (2**255 - 19).to_bytes(32, "little")
    bad = (
        good[:-1],
        good + b"\0",
        b"\xff\xff" + good[2:],  # a coefficient over q
        good[:-32] + bytes(32),
        good[:-32] + b"\1" + bytes(31),
        good[:-32] + field,
        good[:-1] + bytes([good[-1] | 0x80]),
        good[:-32]
        + bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),  # of order 8
    )
    for raw in bad:
        with pytest.raises(Refused):
            PublicKey(raw)
        with pytest.raises(BrowserRefused, match="sealing key"):
            browser.call("key_id", key=raw)


def test_padding_agrees(browser: Browser) -> None:
    """Both pad alike, and both refuse padding that isn't zeros or lengths that can't be."""
    for content in (b"", b"x", draw(4092)):
        assert browser.bytes("pad", content=content, size=4096) == padding.pad(content, 0)
        assert browser.bytes("unpad", padded=padding.pad(content, 0)) == content
    for bad in (b"", b"\0\0\0", b"\0\0\0\1", b"\0\0\0\0\1", b"\xff\xff\xff\xff" + bytes(60)):
        with pytest.raises(Refused):
            padding.unpad(bad)
        with pytest.raises(BrowserRefused):
            browser.call("unpad", padded=bad)


# ---- codes -----------------------------------------------------------------------------------------


def test_word_lists_are_pythons(browser: Browser) -> None:
    """Ten lists, the same words in the same order, folded alike."""
    assert tuple(browser.call("languages")) == words.LANGUAGES
    for language in words.LANGUAGES:
        mine = words.word_list(language)
        assert tuple(browser.call("words", language=language)) == mine.shown, language
        assert tuple(browser.call("folded", language=language)) == mine.folded, language


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_codes_agree(browser: Browser, language: str) -> None:
    """Words of either side are read by the other; mailbox, confirmation and fingerprint are the same."""
    for _ in range(5):
        code = ReplyCode(draw(16))
        shown = codes.to_words(code, language)
        assert tuple(browser.call("to_words", code=code.reveal(), language=language)) == shown
        for text in (" ".join(shown), " ".join(shown).upper(), "1. " + ",\n2. ".join(shown)):
            assert browser.bytes("from_words", text=text, language=language) == code.reveal()
            assert browser.bytes("read_code", text=text, language=language) == code.reveal()
        first, second = codes.confirmation_positions(code)
        assert browser.call("positions", code=code.reveal()) == [first, second]
        typed = {first: shown[first - 1], second: shown[second - 1]}
        for attempt in (typed, {**typed, first: shown[second - 1]}, {first: shown[first - 1]}, {}):
            said = browser.call(
                "confirms", code=code.reveal(), typed=json.dumps(list(attempt.items())), language=language
            )
            assert said == codes.confirm(code, attempt, language)
        digest = draw(32)
        assert tuple(
            browser.call("fingerprint", digest=digest, language=language)
        ) == codes.fingerprint_words(digest, language)


def test_mailboxes_agree(browser: Browser) -> None:
    """A code gives the same proof, claim, address and key pair on both sides."""
    code = ReplyCode(draw(16))
    claim, key = codes.claim_of(code), codes.mailbox_of(code)
    expected = [
        codes.prove(code).reveal(),
        claim.reveal(),
        codes.address_of(claim),
        key.reveal(),
        key.public_key().raw,
    ]
    assert [bytes.fromhex(piece) for piece in browser.call("mailbox", code=code.reveal())] == expected


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_people_type_is_read_alike(browser: Browser, data: st.DataObject) -> None:
    """Cut, swapped, misspelt and foreign words: the same code or the same refusal, word for word."""
    language = data.draw(st.sampled_from(words.LANGUAGES))
    shown = list(codes.to_words(ReplyCode(data.draw(st.binary(min_size=16, max_size=16))), language))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(shown) - 1))
        match data.draw(st.sampled_from(["cut", "swap", "drop", "letter", "foreign", "other"])):
            case "cut":
                shown[at] = shown[at][:4]
            case "swap":
                shown[at], shown[0] = shown[0], shown[at]
            case "drop":
                shown.pop(at)
            case "letter":
                shown[at] = shown[at][1:] + shown[at][:1]
            case "foreign":
                shown[at] = codes.to_words(ReplyCode(bytes(16)), "english")[0]
            case _:
                shown[at] = words.word_list(language).shown[data.draw(st.integers(0, 2047))]
        if not shown:
            break
    text, preferred = " ".join(shown), data.draw(st.sampled_from([language, None]))
    try:
        mine = codes.from_words(text, preferred).reveal().hex()
    except Refused as refused:
        mine = refused.reason
    for call in ("from_words", "read_code"):
        try:
            theirs = browser.call(call, text=text, language=preferred)
        except BrowserRefused as refused:
            theirs = str(refused)
        assert theirs == mine


# ---- puzzles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("difficulty", [1, 2, 3, 255, 4096])
def test_puzzles_are_solved(browser: Browser, difficulty: int) -> None:
    """The browser finds the first solution of each part, as Python does."""
    key = AdmissionKey(draw(32))
    raw = puzzle.challenge(
        key, GROUP, Route.REPORTS, epoch=draw(8), nonce=draw(16), difficulty=difficulty, expires_s=1
    )
    solution = browser.bytes("solve", challenge=raw)
    puzzle.check(key, GROUP, Route.REPORTS, raw, solution)
    assert sha256(solution).digest() == sha256(puzzle.solve(raw)).digest()


def test_dishonest_puzzles_are_refused(browser: Browser) -> None:
    """No work is done on what no honest server sends."""
    good = puzzle.challenge(
        AdmissionKey(bytes(32)),
        GROUP,
        Route.REPORTS,
        epoch=bytes(8),
        nonce=bytes(16),
        difficulty=1,
        expires_s=1,
    )
    for bad in (
        b"",
        good[:-1],
        good + b"\0",
        b"\2" + good[1:],
        good[:26] + bytes(4) + good[30:],
        good[:26] + b"\0\x20\0\0" + good[30:],
    ):
        with pytest.raises(BrowserRefused):
            browser.call("solve", challenge=bad)
