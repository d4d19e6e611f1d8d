"""Handlers at work on one report, through a server in this process."""

from __future__ import annotations

from crypto.entropy import system
from crypto.opening import grant, seal_entry
from crypto.secrets import SymmetricKey
from service.wire import calls, shapes
from tests.support.groups import Group, Member
from tests.support.inprocess import World

CONTENT = SymmetricKey(bytes(32))


async def filed(world: World, group: Group, names: tuple[str, ...] = ("Ada", "Bo")) -> bytes:
    """File a report to some and give its id."""
    await world.file(group, handlers=[group.member(name) for name in names])
    page = await world.client.do(calls.feed(group.signer(names[0])))
    return bytes.fromhex(page.entries[-1].report)


def entry(group: Group, report: bytes, text: bytes = b"note", item: bytes | None = None) -> shapes.AppendLog:
    """An entry of the report's log, to send."""
    sealed = seal_entry(CONTENT, report, text, system)
    return shapes.AppendLog((item or system(16)).hex(), group.id.hex(), report.hex(), sealed)


def handing(
    group: Group, report: bytes, to: Group, member: Member, sealed: bytes | None = None
) -> shapes.Grant:
    """The report's content key sealed to a member of another group, to send."""
    return shapes.Grant(
        system(16).hex(),
        group.id.hex(),
        report.hex(),
        to.id.hex(),
        member.key_id.hex(),
        sealed or grant(CONTENT, member.sealing.public_key(), report),
    )


async def did(world: World, group: Group, name: str, *actions: shapes.Action) -> list[str]:
    """Have somebody act, and give what became of each act."""
    answer = await world.client.do(calls.batch(group.signer(name), actions))
    return [outcome.outcome for outcome in answer.outcomes]
