"""Many reports at once, for tests of size: sealed and filed over HTTP as reporters do, or put into a desk's store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from random import Random

from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.signatures import VerifyKey
from service.cases.answers import Answers
from service.cases.filing import file_report
from service.cases.reports import Person
from service.desk.records import Body, Held, held_of_content
from service.desk.session import Session
from service.wire import calls
from service.wire.client import AsyncClient
from service.wire.puzzles import solve
from tests.support.brigades import WORDS
from tests.support.groups import Group
from tests.support.reporters import TODAY, recipients

TOGETHER = 16


def answers(number: int) -> Answers:
    """A report of its own, about one of forty people."""
    who = (Person(platform="github", handle=f"person{number % 40}"),)
    link = f"https://example.org/thread/{number % 200}"
    what = " ".join(Random(number).choices(WORDS, k=40))
    return Answers(what=what, who=who, links=(link,), urgency="normal")


def file_many(base: str, group: Group, count: int) -> None:
    """File that many reports, sixteen at a time."""
    asyncio.run(_file_many(base, group, count))


async def _file_many(base: str, group: Group, count: int) -> None:
    to = recipients(group)
    numbers = iter(range(count))

    async def one_after_the_other(client: AsyncClient, server: VerifyKey) -> None:
        for number in numbers:
            report = answers(number).to_report((), TODAY)
            filed = file_report(report, (), to, ReplyCode.draw(system), system)
            token = solve(await client.do(calls.challenge(group.id, "reports")))
            await client.do(calls.submit(group.id, filed.envelope, server, admission=token))

    async with AsyncClient(base) as client:
        server = VerifyKey((await client.do(calls.server_info())).verify_key)
        await asyncio.gather(*(one_after_the_other(client, server) for _ in range(TOGETHER)))


def hold_many(session: Session, group: Group, count: int) -> list[Held]:
    """Put that many reports into a desk's store, as sync does."""
    key = mailbox_of(ReplyCode(bytes(16))).public_key()
    with session.vault.transaction():
        return list(_held(session, group, range(count), key.raw.hex()))


def _held(session: Session, group: Group, numbers: Sequence[int], key: str) -> Iterator[Held]:
    roster, recipients = group.roster.digest.hex(), tuple(member.key_id.hex() for member in group.handlers)
    for number in numbers:
        report = answers(number).to_report((), TODAY)
        code = ReplyCode(number.to_bytes(16, "big"))
        held = Held(
            id=system(16).hex(),
            group=group.id.hex(),
            day=20_000 + number // 50,
            fetched_s=(20_000 + number // 50) * 86_400 + number,
            size_class=0,
            content_key=system(32).hex(),
            recipients=recipients,
            roster=roster,
            mailbox_address=address_of(claim_of(code)).hex(),
            mailbox_key=key,
            first_use=True,
            forwarded=False,
            **held_of_content(report),  # type: ignore[arg-type]
        )
        session.vault.put("body", bytes.fromhex(held.id), Body(report))
        session.vault.put("held", bytes.fromhex(held.id), held)
        yield held
