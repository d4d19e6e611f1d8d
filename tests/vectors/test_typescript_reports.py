"""The browser's reports, envelopes and follow-ups are Python's: the same bytes, opened across, refused alike."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import codes, padding
from crypto.codes import ReplyCode
from crypto.entropy import seeded
from crypto.envelope import envelope_length, parse_envelope, seal_envelope
from crypto.errors import Refused
from crypto.opening import open_report
from crypto.seal import SealingKey
from service.cases import texts
from service.cases.filing import Recipients, file_report
from service.cases.reports import File, FollowUp, Person, Report, Unsealed
from tests.support.typescript import Browser, BrowserRefused

pytestmark = pytest.mark.xdist_group("typescript")
draw = seeded(b"typescript reports")
GROUP, ROSTER = draw(16), draw(32)


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
