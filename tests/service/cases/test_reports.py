"""What a report may be: the failing half of the table as long as the passing one."""

from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of, prove
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.seal import SealingKey
from service.cases.answers import EXAMPLE, Answers, parse_answers
from service.cases.filing import Recipients, burn_mailbox, proof_of
from service.cases.reports import File, FollowUp, Person, Unsealed, voice_binding
from tests.support.reporters import TODAY

CODE = ReplyCode(bytes(range(16)))
ADDRESS, KEY = address_of(claim_of(CODE)), mailbox_of(CODE).public_key()
FILES = (
    File("a.txt", "text/plain", b"one"),
    File("b.bin", "application/octet-stream", b"\x00two", original=True),
)


def unsealed(**changes: object) -> Unsealed:
    report = msgspec.structs.replace(Answers(what="It happened.").to_report(FILES, TODAY), **changes)
    return Unsealed(report, FILES, ADDRESS, KEY)


def test_a_report_survives_its_encoding() -> None:
    """What was written is what is read, files and mailbox included."""
    whole = unsealed()
    assert Unsealed.from_bytes(whole.to_bytes()) == whole


def test_a_follow_up_proves_the_mailbox_it_burns() -> None:
    """The proof gives the address, and the claim that the server is shown is no proof."""
    follow_up = FollowUp(
        proof=proof_of(CODE), message="", language="en", filed_on="2026-11-21", attachments=()
    )
    assert follow_up.address() == ADDRESS
    forged = msgspec.structs.replace(follow_up, proof=claim_of(CODE).reveal().hex())
    assert forged.address() != ADDRESS
    whole = Unsealed(follow_up, (), ADDRESS, KEY)
    assert Unsealed.from_bytes(whole.to_bytes()) == whole


def test_a_live_claim_and_its_proof_are_shown_nowhere() -> None:
    """Whoever has one can burn the mailbox: a follow-up and the request that sends it show none of it."""
    follow_up = FollowUp(proof_of(CODE), "secret words", "en", "2026-11-21", ())
    to = Recipients(bytes(16), bytes(32), (SealingKey(bytes(32)).public_key(),))
    burning = burn_mailbox(CODE, ReplyCode(bytes(16)), 0, follow_up, (), to, seeded(b"burning"))
    claim = claim_of(CODE).reveal()
    whole = Unsealed(follow_up, (), ADDRESS, KEY)
    shown = "".join(f"{one!r} {one}" for one in (follow_up, burning, whole, [follow_up]))
    proof = prove(CODE).reveal()
    hidden = [text for raw in (claim, proof) for text in (raw.hex(), repr(raw)[2:-1], repr(raw[:8])[2:-1])]
    for secret in (*hidden, "secret words"):
        assert secret not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"what": "x" * 100_001},
        {"what": "bell\x07"},
        {"what": "escape\x1b[31m"},
        {"what": "turned\u202eround"},
        {"when": "x" * 2_001},
        {"wants": "nul\x00"},
        {"links": ("x" * 2_001,)},
        {"witnesses": ("y" * 301,)},
        {"filed_on": "2026-13-45"},
    ],
)
def test_texts_over_their_limit_or_with_controls_are_refused(changes: dict[str, object]) -> None:
    """A report that could flood a handler or steer their terminal can't exist."""
    with pytest.raises(Refused):
        unsealed(**changes)


def test_nothing_is_encoded_that_could_not_be_read() -> None:
    """Each text within its limit, all in a script of four bytes a character: together they are refused, not sealed."""
    wide = "\U00020000"
    changes = {"what": wide * 100_000, "links": (wide * 2_000,) * 50, "witnesses": (wide * 300,) * 50}
    whole = unsealed(**changes)
    assert Unsealed.from_bytes(whole.to_bytes()) == whole
    whole = unsealed(
        **changes, who=(Person(wide * 300, wide * 300),) * 50, wants=wide * 2_000, voice="A" * 90_000
    )
    with pytest.raises(Refused, match="shorten what happened"):
        whole.to_bytes()


def test_answers_name_what_to_shorten() -> None:
    """Shortened to what they say, they fit; what is usual fits as it is."""
    wide = "\U00020000"
    assert Answers(what="w" * 100_000, links=("l" * 2_000,) * 50).to_shorten() is None
    full = Answers(what=wide * 100_000, links=(wide * 1_999,) * 50, witnesses=(wide * 300,) * 50)
    too_much = full.to_shorten()
    assert too_much is not None
    field, fits = too_much
    assert field == "what"
    assert 0 < fits < 100_000
    assert msgspec.structs.replace(full, what=wide * fits).to_shorten() is None


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", "line\nbreak", "x" * 301])
def test_a_file_name_holds_no_path(name: str) -> None:
    """What a handler extracts goes where the handler says."""
    files = (File(name, "text/plain", b""),)
    with pytest.raises(Refused):
        Unsealed(Answers(what="w").to_report(files, TODAY), files, ADDRESS, KEY)


def spoilt() -> list[bytes]:
    """Bytes that `to_bytes` can't have written."""
    raw = unsealed().to_bytes()
    head, length = raw[:1249], int.from_bytes(raw[1249:1253], "big")
    body, rest = json.loads(raw[1253 : 1253 + length]), raw[1253 + length :]

    def with_body(changed: object) -> bytes:
        encoded = json.dumps(changed).encode()
        return head + len(encoded).to_bytes(4, "big") + encoded + rest

    unknown = {**body, "mood": "bad"}
    missing = {key: value for key, value in body.items() if key != "what"}
    wrong_digest = {
        **body,
        "attachments": [{**body["attachments"][0], "sha256": "0" * 64}, body["attachments"][1]],
    }
    wrong_size = {**body, "attachments": [{**body["attachments"][0], "size": 4}, body["attachments"][1]]}
    return [
        b"",
        raw[:-1],
        raw + b"x",
        b"\x02" + raw[1:],
        raw[:33] + b"\xff" * 1216 + raw[1249:],
        head + (2**31).to_bytes(4, "big") + raw[1253:],
        with_body(unknown),
        with_body(missing),
        with_body(wrong_digest),
        with_body(wrong_size),
        with_body({**body, "kind": "gossip"}),
        with_body({**body, "type": "letter"}),
        with_body({**body, "language": "not a tag"}),
        with_body([]),
        head + (400_000).to_bytes(4, "big") + b"[" * 400_000,
    ]


@pytest.mark.parametrize("raw", spoilt())
def test_what_was_never_written_is_refused(raw: bytes) -> None:
    """Short, long, of another version, with unknown or missing fields, with files that don't match their list."""
    with pytest.raises(Refused):
        Unsealed.from_bytes(raw)


@given(st.binary(max_size=3_000))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_or_read(raw: bytes) -> None:
    """No input makes the parser fail in another way."""
    with contextlib.suppress(Refused):
        Unsealed.from_bytes(b"\x01" + ADDRESS + KEY.raw + raw)


def test_a_voice_is_bound_to_its_report_and_mailbox() -> None:
    """The voice itself is not in what it signs; everything else is."""
    report = Answers(what="w").to_report((), TODAY)
    other = mailbox_of(ReplyCode.draw(seeded(b"x"))).public_key()
    bound = voice_binding(report, ADDRESS, KEY)
    assert voice_binding(msgspec.structs.replace(report, voice="signed"), ADDRESS, KEY) == bound
    assert voice_binding(msgspec.structs.replace(report, what="v"), ADDRESS, KEY) != bound
    assert voice_binding(report, bytes(32), KEY) != bound
    assert voice_binding(report, ADDRESS, other) != bound


def test_the_example_file_is_a_report() -> None:
    """What `--example` prints can be filed."""
    assert parse_answers(EXAMPLE.encode()).to_report((), TODAY).what.startswith("What happened")
    assert parse_answers(EXAMPLE.encode("utf-8-sig")) == parse_answers(EXAMPLE.encode())


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"\xff", "UTF-8"),
        (b"what = ", "TOML"),
        (b"kind = 'conduct'", "what"),
        (b"what = 'x'\nwhatt = 'y'", "whatt"),
        (b"what = 'x'\nkind = 'gossip'", "kind"),
        (b"what = 5", "what"),
        (b"what = 'x'\nwho = 'somebody'", "who"),
    ],
)
def test_a_wrong_file_is_told_by_field_and_never_by_content(raw: bytes, told: str) -> None:
    """The message names the place and repeats nothing that was written."""
    with pytest.raises(Refused) as refused:
        parse_answers(raw)
    assert told in refused.value.reason
    assert "gossip" not in refused.value.reason
    assert "somebody" not in refused.value.reason


def test_an_empty_report_is_refused() -> None:
    """White space and controls alone say nothing."""
    with pytest.raises(Refused):
        Answers(what=" \n\x07 ").to_report((), TODAY)
