"""A Belenios election: its questions and parameters, and the text whose hash everything binds. SPEC.md §2.3.

What is here may be built or read for any question of the homomorphic kind without a blank vote; what a
Sottovoce poll asks is narrower and is held by `polls.manifest`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic

from crypto.errors import Refused
from polls.encoding import Wire, decode, encode, hash_base64, hash_hex
from polls.group import E, Group, S

MAX_ANSWERS: Final = 32
_UUID: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{14,64}")


class QuestionWire(Wire, frozen=True):
    """`question_h` without `blank`."""

    answers: list[str]
    min: int
    max: int
    question: str


class ElectionWire(Wire, frozen=True):
    """`election`, protocol version 1."""

    version: int
    description: str
    name: str
    group: str
    public_key: str
    questions: list[QuestionWire]
    uuid: str
    administrator: str | None = None
    credential_authority: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Choose from `minimum` to `maximum` of 2 to 32 answers."""

    text: str
    answers: tuple[str, ...]
    minimum: int = 1
    maximum: int = 1

    def __post_init__(self) -> None:
        if not 2 <= len(self.answers) <= MAX_ANSWERS:
            raise Refused("question: needs 2 to 32 answers")
        if not 0 <= self.minimum <= self.maximum <= len(self.answers):
            raise Refused("question: the number of choices is out of range")


@dataclass(frozen=True)
class Election(Generic[E, S]):
    """An election's parameters together with their exact text. Build it with `make` or `parse`."""

    group: Group[E, S]
    raw: bytes
    uuid: str
    name: str
    description: str
    public_key: E
    questions: tuple[Question, ...]
    administrator: str | None
    credential_authority: str | None

    @classmethod
    def make(
        cls,
        group: Group[E, S],
        *,
        uuid: str,
        name: str,
        description: str,
        public_key: E,
        questions: tuple[Question, ...],
        administrator: str | None = None,
        credential_authority: str | None = None,
    ) -> Election[E, S]:
        """Write an election's parameters."""
        wire = ElectionWire(
            version=1,
            description=description,
            name=name,
            group=group.name,
            public_key=group.text(public_key),
            questions=[
                QuestionWire(
                    answers=list(each.answers), min=each.minimum, max=each.maximum, question=each.text
                )
                for each in questions
            ],
            uuid=uuid,
            administrator=administrator,
            credential_authority=credential_authority,
        )
        return cls.parse(group, encode(wire))

    @classmethod
    def parse(cls, group: Group[E, S], raw: bytes) -> Election[E, S]:
        """Read an election's parameters; Refused unless version 1, in this group, with its one text."""
        wire = decode(raw, ElectionWire, "election")
        if wire.version != 1:
            raise Refused("election: not of protocol version 1")
        if wire.group != group.name:
            raise Refused("election: in another group")
        if not _UUID.fullmatch(wire.uuid):
            raise Refused("election: its identifier is not base 58 of at least 14 characters")
        if not 1 <= len(wire.questions) <= MAX_ANSWERS:
            raise Refused("election: needs 1 to 32 questions")
        return cls(
            group=group,
            raw=raw,
            uuid=wire.uuid,
            name=wire.name,
            description=wire.description,
            public_key=group.parse(wire.public_key),
            questions=tuple(Question(q.question, tuple(q.answers), q.min, q.max) for q in wire.questions),
            administrator=wire.administrator,
            credential_authority=wire.credential_authority,
        )

    @cached_property
    def hash(self) -> str:
        """The text's SHA-256 in hexadecimal: its name in an archive."""
        return hash_hex(self.raw)

    @cached_property
    def fingerprint(self) -> str:
        """The text's SHA-256 in base 64: what ballots and decryptions are bound to (Belenios' φ)."""
        return hash_base64(self.raw)
