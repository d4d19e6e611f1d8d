"""The browser's code and Python's say the same: each opens what the other sealed and refuses what the other does."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from hashlib import sha256, sha512

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse import puzzle
from abuse.routes import AdmissionKey, Route
from crypto import chains, codes, hashing, letters, padding, seal, words
from crypto.codes import MailboxKey, ReplyCode
from crypto.entropy import seeded
from crypto.envelope import envelope_length, parse_envelope, seal_envelope
from crypto.errors import Refused
from crypto.labels import Label
from crypto.opening import open_report
from crypto.seal import PublicKey, SealingKey
from crypto.signatures import SigningKey, sign
from service.cases import choosing, rosters, texts
from service.cases.filing import Recipients, file_report
from service.cases.letters import HandedTo, Letter, read_letter, sign_letter
from service.cases.names import folded
from service.cases.reports import File, FollowUp, Person, Report, Unsealed
from tests.support.groups import Group
from tests.support.typescript import Browser, BrowserRefused

pytestmark = pytest.mark.xdist_group("typescript")
draw = seeded(b"typescript")
GROUP, ROSTER = draw(16), draw(32)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


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


# ---- envelopes and reports -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "size"), [(1, 0), (3, 4092), (3, 4093), (2, 65_532), (32, 16_000), (3, 300_000)]
)
def test_the_browsers_envelope_opens_for_each_recipient(browser: Browser, n: int, size: int) -> None:
    """An envelope of the browser has Python's form and length, and each of its recipients opens it."""
    keys = [SealingKey(draw(32)) for _ in range(n)]
    plaintext = draw(size)
    raw = browser.bytes(
        "seal_envelope",
        plaintext=plaintext,
        to=[key.public_key().raw for key in keys],
        group=GROUP,
        roster=ROSTER,
    )
    mine = seal_envelope(plaintext, [key.public_key() for key in keys], GROUP, ROSTER, draw)
    assert len(raw) == len(mine) == envelope_length(n, padding.class_for(size))
    parsed = parse_envelope(raw)
    assert parsed.header == parse_envelope(mine).header
    for key in (keys[0], keys[-1]):
        assert open_report(parsed, key).plaintext == plaintext
    for index in range(6):
        assert browser.call("envelope_length", n=n, size_class=index) == envelope_length(n, index)


def test_envelopes_that_cannot_be_are_refused(browser: Browser) -> None:
    """Nobody, 33 people, somebody twice, and 8 MiB are refused before anything is sealed."""
    key = SealingKey(draw(32)).public_key().raw
    many = [SealingKey(draw(32)).public_key().raw for _ in range(33)]
    for to, plaintext in (([], b"x"), ([key, key], b"x"), (many, b"x")):
        with pytest.raises(BrowserRefused, match="envelope"):
            browser.call("seal_envelope", plaintext=plaintext, to=to, group=GROUP, roster=ROSTER)
    with pytest.raises(BrowserRefused, match="8 MiB"):
        browser.call(
            "seal_envelope", plaintext=bytes(padding.MAX_PLAINTEXT + 1), to=[key], group=GROUP, roster=ROSTER
        )


def _report(**changes: object) -> Report:
    values: dict[str, object] = {
        "kind": "conduct",
        "what": 'Er sagte: „Geh weg!“ \t\n"\\ / <b>\u2028 \U0001f54a سلام こんにちは',
        "when": "gestern",
        "where": "",
        "who": (Person("github.com", "söme-one"), Person("", "x")),
        "links": ("https://example.org/?a=1&b=2",),
        "witnesses": (),
        "urgency": "soon",
        "language": "de",
        "wants": "",
        "fears": "that it gets out",
        "recorded": False,
        "filed_on": "2026-02-28",
        "attachments": (),
        "voice": None,
    }
    return Report(**{**values, **changes})  # type: ignore[arg-type]


def _shown(report: Report) -> dict[str, object]:
    """The report as the browser's code takes it."""
    built = msgspec.to_builtins(report)
    names = (
        "kind",
        "what",
        "when",
        "where",
        "who",
        "links",
        "witnesses",
        "urgency",
        "language",
        "wants",
        "fears",
    )
    return {**{name: built[name] for name in names}, "filedOn": report.filed_on}


FILES = (
    File("bild ä.png", "image/png", draw(3000)),
    File("レポート.txt", "text/plain", b"", original=True),
)
SHOWN_FILES = [
    {"name": f.name, "mediaType": f.media_type, "content": f.content.hex(), "original": f.original}
    for f in FILES
]


def test_a_report_is_the_same_bytes(browser: Browser) -> None:
    """The browser and Python write a report and its files as the same plaintext."""
    code = ReplyCode(draw(16))
    address, key = codes.address_of(codes.claim_of(code)), codes.mailbox_of(code).public_key()
    report = _report(attachments=tuple(f.described() for f in FILES))
    theirs = browser.bytes(
        "encode_report", report=_shown(report), files=json.dumps(SHOWN_FILES), address=address, key=key.raw
    )
    assert theirs == Unsealed(report, FILES, address, key).to_bytes()


def test_a_follow_up_is_the_same_bytes(browser: Browser) -> None:
    """So with a follow-up."""
    code = ReplyCode(draw(16))
    proof = codes.prove(code)
    address, key = codes.address_of(codes.claim_from(proof)), codes.mailbox_of(code).public_key()
    follow_up = FollowUp(proof.reveal().hex(), "Danke\n\n…", "zh-Hant", "2026-11-30", ())
    theirs = browser.bytes(
        "encode_follow_up",
        follow_up={"message": "Danke\n\n…", "language": "zh-Hant", "filedOn": "2026-11-30"},
        files="[]",
        proof=proof.reveal(),
        address=address,
        key=key.raw,
    )
    assert theirs == Unsealed(follow_up, (), address, key).to_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"what": "x" * 100_001},
        {"what": "bell \x07"},
        {"what": "over\u202eride"},
        {"when": "\U0001f54a" * 2_001},
        {"language": "deutsch!"},
        {"filed_on": "2026-02-30"},
        {"filed_on": "heute"},
        {"who": tuple(Person("x", str(i)) for i in range(51))},
        {"witnesses": ("x" * 301,)},
        {"links": ("a\x00",)},
    ],
)
def test_reports_that_cannot_be_are_refused_on_both_sides(
    browser: Browser, change: dict[str, object]
) -> None:
    """What the desk would refuse, the browser refuses before sealing."""
    report, key = _report(**change), SealingKey(draw(32)).public_key()
    with pytest.raises(Refused):
        Unsealed.from_bytes(Unsealed(report, (), bytes(32), key).to_bytes())
    with pytest.raises(BrowserRefused):
        browser.call("encode_report", report=_shown(report), files="[]", address=bytes(32), key=key.raw)


def test_reports_of_both_sides_look_alike(browser: Browser) -> None:
    """Sealed by the browser or by Python: same length, same header, and the desk reads the same."""
    keys = [SealingKey(draw(32)) for _ in range(3)]
    public = [key.public_key() for key in keys]
    report = _report(attachments=tuple(f.described() for f in FILES))
    code = ReplyCode(draw(16))
    mine = file_report(report, FILES, Recipients(GROUP, ROSTER, tuple(public)), code, draw).envelope
    theirs = browser.bytes(
        "file_report",
        report=_shown(report),
        files=json.dumps(SHOWN_FILES),
        to=[key.raw for key in public],
        group=GROUP,
        roster=ROSTER,
        code=code.reveal(),
    )
    assert len(mine) == len(theirs)
    assert parse_envelope(mine).header.raw == parse_envelope(theirs).header.raw
    opened = [open_report(parse_envelope(raw), keys[1]).plaintext for raw in (mine, theirs)]
    assert opened[0] == opened[1]
    assert Unsealed.from_bytes(opened[1]).content == report


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_tidying_agrees(browser: Browser, text: str) -> None:
    """What a person typed becomes the same text on both sides."""
    sent = text.encode("utf-8", "replace").decode()  # JSON can't carry half a surrogate pair to a test
    assert browser.call("tidy", text=sent) == texts.tidy(sent)


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


# ---- letters, signatures, rosters ------------------------------------------------------------------


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


_L = 2**252 + 27742317777372353535851937790883648493
_TORSION = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


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
