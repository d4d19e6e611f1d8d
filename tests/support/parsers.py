"""Every parser of bytes that a stranger can send, with bytes that it takes and all that it may raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from abuse import puzzle
from abuse.admission import encode, recognise
from abuse.routes import AdmissionKey, Route
from abuse.subjects import read_subject
from abuse.voices import parse_voices
from crypto import chains, keyfiles
from crypto.codes import ReplyCode, address_of, claim_of, from_words, mailbox_of, to_words
from crypto.entropy import seeded
from crypto.envelope import parse_envelope, seal_envelope
from crypto.errors import Refused
from crypto.labels import Label
from crypto.letters import open_letter, seal_letter
from crypto.opening import open_entry, seal_entry
from crypto.ring import RingSignature
from crypto.seal import PublicKey, SealingKey
from crypto.secrets import Passphrase, SymmetricKey
from crypto.signatures import SigningKey, VerifyKey
from polls import archive
from polls.manifest import parse_manifest
from service.cases import (
    consultations,
    letters,
    log,
    notices,
    policies,
    receipts,
    registry_statements,
    roster_statements,
)
from service.cases.answers import parse_answers
from service.cases.asking import decode_ask
from service.cases.filing import proof_of
from service.cases.reports import File, FollowUp, Person, Report, Unsealed
from service.cases.ssh_signatures import SshKey, SshSignature
from service.wire import shapes
from service.wire.pins import Pins

DRAW = seeded(b"parsers")
CODE = ReplyCode(DRAW(16))
ADDRESS, MAILBOX = address_of(claim_of(CODE)), mailbox_of(CODE)
SIGNING, SEALING = SigningKey(DRAW(32)), SealingKey(DRAW(32))
CONTENT, REPORT_ID, GROUP = SymmetricKey(DRAW(32)), DRAW(16), DRAW(16)
ADMISSION = AdmissionKey(DRAW(32))
PASSPHRASE = Passphrase("a passphrase")
BEL = next((Path(__file__).parents[1] / "vectors" / "belenios-threshold").glob("*.bel"))
Refusal = tuple[type[Exception], ...]


@dataclass(frozen=True)
class Parser:
    """What reads bytes, bytes that it takes, how to write them again, and all that it may raise."""

    parse: Callable[[bytes], Any]
    valid: Callable[[], tuple[bytes, ...]] = lambda: ()
    write: Callable[[Any], bytes] | None = None
    raises: Refusal = (Refused,)


def _text(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Feed a reader of text with any characters, lone surrogates among them."""
    return lambda raw: parse(raw.decode("utf-8", "surrogateescape"))


@cache
def _report() -> bytes:
    file = File("a.txt", "text/plain", b"content")
    report = Report(
        "conduct", "what", "when", "where", (Person("github", "eve"),), ("https://example.org/x",), ("Bo",),
        "soon", "en", "wants", "fears", False, "2026-11-21", (file.described(),), None,
    )  # fmt: skip
    return Unsealed(report, (file,), ADDRESS, MAILBOX.public_key()).to_bytes()


@cache
def _follow_up() -> bytes:
    follow_up = FollowUp(proof_of(CODE), "message", "pt-BR", "2026-11-21", ())
    return Unsealed(follow_up, (), ADDRESS, MAILBOX.public_key()).to_bytes()


@cache
def signed_letter() -> bytes:
    letter = letters.Letter(
        id=DRAW(16).hex(), group=GROUP.hex(), roster=DRAW(32).hex(), author="Ada",
        author_key=SIGNING.verify_key().raw.hex(), language="en", day="2026-11-21", state="looking",
        question=True, text="how are you?", recipients=(DRAW(16).hex(),),
    )  # fmt: skip
    return letters.sign_letter(letter, SIGNING, ADDRESS)


@cache
def signed_entries() -> tuple[bytes, ...]:
    acts: tuple[log.Act, ...] = (
        log.Note("a note"),
        log.LetterSent(DRAW(16).hex(), ADDRESS.hex(), "text", False, None),
        log.Forwarded(GROUP.hex(), ("Ada",), (DRAW(16).hex(),), "reason"),
        log.Checked("a link", "gone", "note"),
        log.Consulted(
            GROUP.hex(),
            GROUP.hex(),
            GROUP.hex(),
            "Council",
            ("Gil",),
            (DRAW(16).hex(),),
            1,
            DRAW(32).hex(),
            "May we?",
        ),
        log.Advised(GROUP.hex(), DRAW(32).hex(), "Gil", DRAW(32).hex(), 1, "Yes.", DRAW(64)),
        log.Padding(),
    )
    key = SIGNING.verify_key().raw.hex()
    return tuple(
        log.sign_entry(log.Entry(DRAW(16).hex(), "Ada", key, 1, act), SIGNING, REPORT_ID) for act in acts
    )


@cache
def _statements() -> tuple[bytes, ...]:
    card = roster_statements.make_card("Ada", SIGNING, SEALING.public_key())
    said: tuple[roster_statements.Statement, ...] = (
        roster_statements.Found("Aurora", ("en",), 1, None, SIGNING.verify_key().raw),
        roster_statements.Settings("Aurora", ("en", "ar"), 2, GROUP.hex()),
        roster_statements.Add(DRAW(16).hex(), "council", card),
        roster_statements.Rotate(DRAW(16).hex(), card),
        roster_statements.Retire(DRAW(16).hex()),
        roster_statements.Members(DRAW(32).hex()),
    )
    return tuple(roster_statements.encode_statement(one) for one in said)


def _registry() -> tuple[bytes, ...]:
    beacon = registry_statements.Beacon("2026-11-21", "first", DRAW(32).hex())
    return (registry_statements.encode_statement(beacon),)


@cache
def _chain() -> tuple[bytes, ...]:
    chain = chains.empty(SIGNING.verify_key(), Label.ROSTER)
    for payload in _statements():
        chain = chains.append(chain, payload, SIGNING)
    return tuple(statement.raw for statement in chain.statements)


@cache
def _token() -> bytes:
    made = puzzle.challenge(
        ADMISSION, GROUP, Route.REPORTS, epoch=bytes(8), nonce=bytes(16), difficulty=1, expires_s=1
    )
    return encode(made + puzzle.solve(made)).encode()


def _receipt(raw: bytes) -> receipts.Receipt:
    return receipts.Receipt(raw[:32], int.from_bytes(raw[32:40], "big"), raw[40:56], raw[56:])


def _checked_receipt(raw: bytes) -> None:
    receipts.check(_receipt(raw), SIGNING.verify_key(), b"envelope", GROUP)


def _signed_receipt() -> bytes:
    made = receipts.issue(SIGNING, receipts.envelope_digest(b"envelope"), 20_000, GROUP)
    return made.envelope + made.day.to_bytes(8, "big") + made.group + made.signature


def _wire(shape: Any) -> Parser:
    return Parser(
        lambda raw: msgspec.json.decode(raw, type=shape), raises=(msgspec.MsgspecError, UnicodeDecodeError)
    )


def _notice() -> bytes:
    author = SIGNING.verify_key().raw.hex()
    told = (GROUP.hex(), GROUP.hex(), "it", "Gil", author, 1, ("irc:x",), "Ban", "Here", 1, 2, None, False)
    return notices.sign_notice(notices.Notice(*told), SIGNING)


def _question() -> consultations.Consultation:
    author = SIGNING.verify_key().raw.hex()
    key = SEALING.public_key().raw
    return consultations.Consultation(GROUP.hex(), GROUP.hex(), GROUP.hex(), author, 1, key, "May we?")


def _asked() -> bytes:
    return consultations.sign_consultation(_question(), SIGNING)


def _advice() -> bytes:
    question = _question()
    told = (GROUP.hex(), GROUP.hex(), GROUP.hex(), question.digest(), question.author_key, 1, "Yes.")
    return consultations.sign_advice(consultations.Advice(*told), SIGNING)


def _batch() -> tuple[bytes, ...]:
    actions = (
        shapes.PostLetter(DRAW(16).hex(), ADDRESS.hex(), bytes(shapes.LETTER_SIZE)),
        shapes.Recuse(DRAW(16).hex(), GROUP.hex(), REPORT_ID.hex()),
    )
    return (msgspec.json.encode(shapes.Batch(actions)),)


PARSERS: dict[str, Parser] = {
    "envelope": Parser(
        parse_envelope, lambda: (seal_envelope(b"text", [SEALING.public_key()], GROUP, DRAW(32), DRAW),)
    ),
    "public key": Parser(PublicKey, lambda: (SEALING.public_key().raw,), lambda key: key.raw),
    "verify key": Parser(VerifyKey, lambda: (SIGNING.verify_key().raw,), lambda key: key.raw),
    "sealed letter": Parser(
        lambda raw: open_letter(MAILBOX, raw), lambda: (seal_letter(MAILBOX.public_key(), signed_letter()),)
    ),
    "notice": Parser(notices.read_notice, lambda: (_notice(),)),
    "sealed notice": Parser(
        lambda raw: notices.open_notice(raw, [SEALING]),
        lambda: (notices.seal_notice(_notice(), GROUP, GROUP, [SEALING.public_key()]),),
    ),
    "consultation": Parser(consultations.read_consultation, lambda: (_asked(),)),
    "sealed consultation": Parser(
        lambda raw: consultations.open_consultation(raw, [SEALING]),
        lambda: (consultations.seal_consultation(_asked(), GROUP, GROUP, [SEALING.public_key()]),),
    ),
    "advice": Parser(consultations.read_advice, lambda: (_advice(),)),
    "sealed advice": Parser(
        lambda raw: consultations.open_advice(raw, [SEALING]),
        lambda: (consultations.seal_advice(_advice(), _question()),),
    ),
    "letter": Parser(lambda raw: letters.read_letter(raw, ADDRESS), lambda: (signed_letter(),)),
    "report": Parser(Unsealed.from_bytes, lambda: (_report(),), Unsealed.to_bytes),
    "follow-up": Parser(Unsealed.from_bytes, lambda: (_follow_up(),), Unsealed.to_bytes),
    "sealed entry": Parser(
        lambda raw: open_entry(CONTENT, REPORT_ID, raw),
        lambda: (seal_entry(CONTENT, REPORT_ID, signed_entries()[0], DRAW),),
    ),
    "entry": Parser(lambda raw: log.read_entry(raw, REPORT_ID), signed_entries),
    "known entry": Parser(log.known_entry, signed_entries),
    "roster statement": Parser(
        roster_statements.decode_statement, _statements, roster_statements.encode_statement
    ),
    "registry statement": Parser(
        registry_statements.decode_statement, _registry, registry_statements.encode_statement
    ),
    "application": Parser(registry_statements.decode_application),
    "ask": Parser(decode_ask),
    "policy": Parser(policies.decode_policy),
    "chain": Parser(
        lambda raw: chains.verify_chain([raw], SIGNING.verify_key(), Label.ROSTER), lambda: _chain()[:1]
    ),
    "statement": Parser(
        lambda raw: chains.Statement.parse(raw, Label.ROSTER), _chain, lambda statement: statement.raw
    ),
    "key file": Parser(
        lambda raw: keyfiles.unlock(raw, PASSPHRASE, kind="handler"),
        lambda: (
            keyfiles.lock(b"secret", PASSPHRASE, keyfiles.Stretching(8, 1, 1), entropy=DRAW, kind="handler"),
        ),
    ),
    "receipt": Parser(_checked_receipt, lambda: (_signed_receipt(),)),
    "token": Parser(
        lambda raw: recognise(ADMISSION, GROUP, Route.REPORTS, raw.decode("latin-1")), lambda: (_token(),)
    ),
    "reply code": Parser(_text(from_words), lambda: (" ".join(to_words(CODE, "english")).encode(),)),
    "subject": Parser(
        _text(read_subject),
        lambda: (b"https://github.com/eve", b"@eve@example.org", "@eve:例え.jp".encode(), b"mailto:a@b.org"),
    ),
    "voices": Parser(parse_voices),
    "ring signature": Parser(RingSignature.parse, lambda: (bytes(128),)),
    "ssh key": Parser(
        _text(SshKey.parse_line),
        lambda: (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl a",),
    ),
    "ssh signature": Parser(_text(SshSignature.parse)),
    "answers": Parser(parse_answers, lambda: (b'what = "x"\nwho = [{platform = "github", handle = "e"}]\n',)),
    "manifest": Parser(parse_manifest),
    "archive": Parser(archive.read, lambda: (BEL.read_bytes(),), archive.write),
    "pins": Parser(Pins.from_bytes, lambda: (Pins().to_bytes(),), Pins.to_bytes),
    "wire: batch": Parser(
        lambda raw: msgspec.json.decode(raw, type=shapes.Batch),
        _batch,
        raises=(msgspec.MsgspecError, UnicodeDecodeError),
    ),
    "wire: open mailbox": _wire(shapes.OpenMailbox),
    "wire: feed": _wire(shapes.FeedPage),
    "wire: receipt": _wire(shapes.ReceiptShape),
    "wire: challenge": _wire(shapes.ChallengeShape),
}  # fmt: skip
