"""Consultations: what people of another group are asked about a case, what they answer, and which questions are open.

Two sealed files (service.cases.sealed_files). The question shows the text that a handler wrote for it and nothing of
the report; the answer is sealed to a key drawn for this question, whose seed stands in the case's log, so that all who
have the case can open it and neither its author nor its carrier learns who they are, or who was left out.
Guarantees: an answer names the digest of the question that its author saw, and the log gives all that the question
held, so nothing is taken for an answer to another text. Leaves to the faces who may be asked, and by whom. SPEC.md §7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from crypto.hashing import digest
from crypto.labels import Label
from crypto.padding import KIB
from crypto.seal import PUBLIC_KEY_SIZE, PublicKey, SealingKey
from crypto.secrets import Unshown
from crypto.signatures import SigningKey
from service.cases.letters import Hex16, Hex32
from service.cases.log import MAX_ASKED, MAX_CONSULTED, Advised, Consulted, Entry
from service.cases.receipts import MAX_DAY
from service.cases.sealed_files import Kind, open_file, read_content, seal_file, sign_content
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
class Taken:
    """An answer as a log has it: the first entry that says so. That it was given, only the entry's author vouches."""

    entry: Entry
    act: Advised


@dataclass(frozen=True, slots=True)
class Asked:
    """A consultation as a log has it: the entry that says so, and those that say what was answered."""

    entry: Entry
    act: Consulted
    advice: tuple[Taken, ...] = ()

    @property
    def open(self) -> bool:
        """Whether nobody has answered."""
        return not self.advice

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

    Of two questions of one id and author the first counts; an answer that two desks took in counts once, and one to no
    question doesn't. Never fails, whatever a colleague wrote.
    """
    # By author too, and answers by the adviser's name too: whoever has the case, and takes the id of another's question
    # or writes down an answer under another name, and stores theirs first, must not make the true one vanish.
    found: dict[tuple[str, str], Asked] = {}
    answers: dict[tuple[str, str], dict[Advised, Taken]] = {}
    for entry in entries:
        match entry.act:
            case Consulted() as asked:
                found.setdefault((entry.author_key, asked.consultation), Asked(entry, asked))
            case Advised() as given:
                to = answers.setdefault((given.asker_key, given.consultation), {})
                to.setdefault(given, Taken(entry, given))
            case _:
                pass
    return tuple(
        Asked(one.entry, one.act, tuple(answers.get(each, {}).values())) for each, one in found.items()
    )


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


def open_advice(raw: bytes, keys: Sequence[SealingKey]) -> Advice:
    """Open a file with the key of one of our questions, and read the answer. Refused unless it is one, and whole."""
    return _checked_answer(open_file(_ANSWER, raw, keys, Advice).content)


def _checked_question(question: Consultation) -> Consultation:
    checked_text(question.text, MAX_CONSULTED, "the question")
    PublicKey(question.answer_key)
    return question


def _checked_answer(advice: Advice) -> Advice:
    checked_text(advice.text, MAX_CONSULTED, "the advice")
    return advice
