"""Consultations: what people of another group are asked about a case, what they answer, and which questions are open.

Two sealed files (service.cases.sealed_files). The question shows the text that a handler wrote for it and nothing of
the report; the answer is sealed to a key drawn for this question, whose seed stands in the case's log, so that all who
have the case can open it and neither its author nor its carrier learns who they are, or who was left out.
Guarantees: an answer names the digest of the question that its author saw, and the log gives all that both held, with
the answer's signature: none counts but as its author signed it, to that question. Leaves to the faces who may be asked,
by whom, and whose key signed. SPEC.md §7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.padding import KIB
from crypto.seal import PUBLIC_KEY_SIZE, PublicKey, SealingKey
from crypto.secrets import Unshown
from crypto.signatures import SigningKey
from service.cases.letters import Hex16, Hex32
from service.cases.log import MAX_ASKED, MAX_CONSULTED, Advised, Consulted, Entry
from service.cases.receipts import MAX_DAY
from service.cases.sealed_files import (
    Kind,
    Signed,
    check_content,
    open_file,
    read_content,
    seal_file,
    sign_content,
)
from service.cases.texts import checked_text

_QUESTION: Final = Kind(
    name="consultation",
    title="consultation",
    magic=b"svasking\x01",
    signing=Label.CONSULTATION,
    sealing=Label.SEAL_CONSULTATION,
    padded=16 * KIB,
    most=MAX_ASKED,
    whose="it is for those of your group whom the sender chose",
    too_long="ask in fewer words",
)
_ANSWER: Final = Kind(
    name="advice",
    title="advice",
    magic=b"svadvice\x01",
    signing=Label.ADVICE,
    sealing=Label.SEAL_ADVICE,
    padded=16 * KIB,
    most=1,
    whose="it answers no consultation that this desk knows. If a colleague asked, run `sottovoce desk sync` first",
    too_long="answer in fewer words",
)
MAX_FILE: Final = _QUESTION.max_file
"""Of both: whoever mistakes one for the other is told so."""

Day = Annotated[int, Meta(ge=0, le=MAX_DAY)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_CONSULTED)]


class Consultation(Unshown, Struct, frozen=True, forbid_unknown_fields=True):
    """A question. group: who asks; to: who is asked; id: 16 random bytes that stand nowhere else outside of the case.

    day: days since 1970-01-01 UTC, and never the hour. answer_key: 1216 bytes, to which answers are sealed.
    """

    group: Hex16
    to: Hex16
    id: Hex16
    author_key: Hex32
    day: Day
    answer_key: Annotated[bytes, Meta(min_length=PUBLIC_KEY_SIZE, max_length=PUBLIC_KEY_SIZE)]
    text: Text

    def digest(self) -> str:
        """Give what an answer names: 32 bytes in hex, of the question's written form (SPEC.md §0.1)."""
        return digest(Label.CONSULTATION, msgspec.json.encode(self)).hex()


class Advice(Unshown, Struct, frozen=True, forbid_unknown_fields=True):
    """An answer. group: who answers; to: who had asked; asked: the question's digest, of what its author saw."""

    group: Hex16
    to: Hex16
    id: Hex16
    asked: Hex32
    author_key: Hex32
    day: Day
    text: Text


@dataclass(frozen=True, slots=True)
class TakenIn:
    """An entry that says what was answered. The name that it gives to who answered is its author's word."""

    entry: Entry
    act: Advised


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as the key that it names has signed it, and the entries that say so, one at least, the first first."""

    advice: Advice
    taken_in: tuple[TakenIn, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A consultation as a log has it: the entry that says so, and what was answered."""

    entry: Entry
    act: Consulted
    answers: tuple[Answer, ...] = ()

    def question(self) -> Consultation:
        """Give the question as it was asked, if the log says what is true."""
        return Consultation(
            group=self.act.asking,
            to=self.act.group,
            id=self.act.consultation,
            author_key=self.entry.author_key,
            day=self.act.day,
            answer_key=self.answer_key().public_key().raw,
            text=self.act.text,
        )

    def answer_key(self) -> SealingKey:
        """Give the key that opens its answers."""
        return SealingKey(bytes.fromhex(self.act.answer_seed))


def consultations(entries: Iterable[Entry]) -> tuple[Asked, ...]:
    """Fold a log into its consultations, in the order in which they were asked.

    Of two questions of one id and author the first counts; an answer that several desks took in counts once; one to no
    question, or whose signature does not hold for its question, doesn't. Never fails, whatever a colleague wrote.
    """
    # By author too: whoever has the case, and takes the id of another's question and stores theirs first, must not make
    # the true one vanish.
    found: dict[tuple[str, str], Asked] = {}
    told: dict[tuple[str, str], list[TakenIn]] = {}
    for entry in entries:
        match entry.act:
            case Consulted() as asked:
                found.setdefault((entry.author_key, asked.consultation), Asked(entry, asked))
            case Advised() as given:
                told.setdefault((given.asker_key, given.consultation), []).append(TakenIn(entry, given))
            case _:
                pass
    return tuple(
        replace(one, answers=_answers(one.question(), told[each])) if each in told else one
        for each, one in found.items()
    )


def _answers(question: Consultation, told: Iterable[TakenIn]) -> tuple[Answer, ...]:
    """Give what was answered to a question. Each signature is checked once, however many entries have it."""
    asked = question.digest()
    holds: dict[tuple[Advice, bytes], bool] = {}
    found: dict[Advice, list[TakenIn]] = {}
    for one in told:
        advice = Advice(
            group=question.to,
            to=question.group,
            id=question.id,
            asked=asked,
            author_key=one.act.adviser_key,
            day=one.act.day,
            text=one.act.text,
        )
        signed = advice, one.act.signature
        if signed not in holds:
            holds[signed] = _holds(Signed(*signed))
        if holds[signed]:
            found.setdefault(advice, []).append(one)
    return tuple(Answer(advice, tuple(entries)) for advice, entries in found.items())


def _holds(signed: Signed[Advice]) -> bool:
    try:
        check_content(_ANSWER, signed)
    except Refused:
        return False
    return True


def sign_consultation(consultation: Consultation, key: SigningKey) -> bytes:
    """Encode and sign a question. Refused when the key isn't its author's, and for all that reading one refuses."""
    raw = sign_content(_QUESTION, consultation, key)
    read_consultation(raw)
    return raw


def read_consultation(raw: bytes) -> Consultation:
    """Parse a question and check its author's signature. Refused on anything else."""
    return _checked_question(read_content(_QUESTION, raw, Consultation).content)


def seal_consultation(raw: bytes, group: bytes, to: bytes, people: Sequence[PublicKey]) -> bytes:
    """Make the file of a signed question. group, to: ids of who asks and who is asked; people: keys of the latter."""
    return seal_file(_QUESTION, raw, group, to, people)


def open_consultation(raw: bytes, keys: Sequence[SealingKey]) -> Consultation:
    """Open a file with one of our keys, and read the question. Refused unless it is one, whole, and for us."""
    return _checked_question(open_file(_QUESTION, raw, keys, Consultation).content)


def sign_advice(advice: Advice, key: SigningKey) -> bytes:
    """Encode and sign an answer. Refused when the key isn't its author's, and for all that reading one refuses."""
    raw = sign_content(_ANSWER, advice, key)
    read_advice(raw)
    return raw


def read_advice(raw: bytes) -> Advice:
    """Parse an answer and check its author's signature. Refused on anything else."""
    return _checked_answer(read_content(_ANSWER, raw, Advice).content)


def seal_advice(raw: bytes, question: Consultation) -> bytes:
    """Make the file of a signed answer to a question."""
    group, to = bytes.fromhex(question.to), bytes.fromhex(question.group)
    return seal_file(_ANSWER, raw, group, to, [PublicKey(question.answer_key)])


def open_advice(raw: bytes, keys: Sequence[SealingKey]) -> Signed[Advice]:
    """Open a file with the key of one of our questions, and read the answer. Refused unless it is one, and whole."""
    signed = open_file(_ANSWER, raw, keys, Advice)
    _checked_answer(signed.content)
    return signed


def _checked_question(question: Consultation) -> Consultation:
    checked_text(question.text, MAX_CONSULTED, "the question")
    PublicKey(question.answer_key)
    return question


def _checked_answer(advice: Advice) -> Advice:
    checked_text(advice.text, MAX_CONSULTED, "the advice")
    return advice
