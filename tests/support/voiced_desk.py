"""A real desk without a server, into whose store reports are put, some with a member's voice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from abuse.subjects import read_subject
from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import seeded, system
from crypto.members import MemberKey
from service.cases.answers import Answers
from service.cases.registry import Registry
from service.cases.registry_statements import Freeze
from service.cases.reports import Person, Report
from service.cases.speaking import ring_to_speak_by
from service.cases.voices import speak
from service.desk.reading import Listened, listen, reading_of, remember
from service.desk.records import Body, Held, held_of_content
from service.desk.session import Chain as KeptChain
from service.desk.session import Session
from service.desk.subjects import About, about
from service.desk.voices import Hearing
from tests.support.brigades import text
from tests.support.desk_records import held
from tests.support.desks import desk_of
from tests.support.groups import Group
from tests.support.registry_chains import DAY, Chain, join, member_key
from tests.support.reporters import TODAY

MALLORY = Person(platform="github", handle="Mallory")


LOOKALIKE = Person(platform="GitHub", handle="https://github.com/m\u0430llory")  # Cyrillic a
TRENT = Person(platform="irc", handle="trent")
DAY_S = 86_400


def chain() -> Chain:
    names = ("alice", "bob", "carol", "dan")
    return Chain().add(*(join(name) for name in names), Freeze(DAY, "spring", "drand round 1"))


@dataclass
class VoicedDesk:
    """One handler's desk; reports are put into its store as sync puts them."""

    session: Session
    group: Group
    number: int = field(default=0)

    def put(
        self,
        registry: Registry,
        who: Sequence[Person] = (MALLORY,),
        member: str | None = None,
        turn: int = 0,
        *,
        words: str | None = None,
        voice: str | None = None,
        taken: tuple[Held, Report] | None = None,
        key: MemberKey | None = None,
    ) -> tuple[Held, Report]:
        """One report, a day after the one before. voice: this text instead. taken: the voice of that report."""
        self.number += 1
        code = ReplyCode(seeded(b"%d" % self.number)(16))
        report = Answers(what=words or text(self.number), who=tuple(who)).to_report((), TODAY)
        if member is not None:
            key = member_key(member, turn)
        if key is not None:
            _, ring = ring_to_speak_by(registry, key.public())
            report = speak(report, code, self.group.root.verify_key(), ring, key, system)
        if taken is not None:
            report = msgspec.structs.replace(report, voice=taken[1].voice)
        if voice is not None:
            report = msgspec.structs.replace(report, voice=voice)
        sealed: dict[str, Any] = {
            **held_of_content(report),
            "mailbox_key": mailbox_of(code).public_key().raw.hex(),
            "content_key": "11" * 32,
        }
        record = held(
            self.number,
            address_of(claim_of(code)).hex(),
            group=self.group.id.hex(),
            day=self.number,
            fetched_s=self.number * DAY_S + 60,
            **sealed,
        )
        self.session.vault.put("body", bytes.fromhex(record.id), Body(report))
        self.session.vault.put("held", bytes.fromhex(record.id), record)
        return record, report

    def listen(self, registry: Registry, rounds: int = 300_000) -> Listened:
        return listen(self.session, self.group.id, registry, rounds=rounds)

    def about(self, name: str = "github:mallory") -> About:
        found = about(reading_of(self.session), read_subject(name))
        assert found is not None
        remember(self.session, [found])
        return found

    def why(self, record: Held) -> list[str]:
        hearing = self.session.vault.get("hearing", bytes.fromhex(record.id), Hearing)
        return [] if hearing is None else [each.why for each in hearing.unheard]


@contextmanager
def voiced_desk(folder: Path) -> Iterator[VoicedDesk]:
    """Open the desk of one of a group's handlers."""
    group = Group.draw()
    with desk_of(folder, "http://localhost:1", group, "Ada") as session:
        statements = tuple(statement.raw for statement in group.chain.statements)
        session.vault.put("chain", group.id, KeptChain(group.id.hex(), statements))
        yield VoicedDesk(session, group)
