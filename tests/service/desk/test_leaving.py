"""Stepping out of what follows a report that was left: in whatever order it came, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from service.cases.letters import HandedTo
from service.desk.leaving import Left, forget, hand_on, leave, leave_all
from service.desk.records import Held, Waiting
from service.desk.session import Session
from service.desk.vault import Vault
from tests.support.desk_records import held
from tests.support.desks import desk_of
from tests.support.groups import Group

NOW = 1_900_000_000
T = TypeVar("T")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with desk_of(tmp_path, "http://localhost:1", Group.draw(), "Ada") as opened:
        yield opened


def keep(session: Session, *some: Held) -> None:
    for one in some:
        session.vault.put("held", bytes.fromhex(one.id), one)


def waiting(one: Held, what: str) -> Waiting:
    return Waiting(f"{int(one.id, 16):032x}", NOW, what, one.group, one.id, one.mailbox_address)  # type: ignore[arg-type]


def stepped_out(session: Session, *some: Held) -> None:
    """As after a sync that told the server so."""
    keep(session, *some)
    for case in session.cases().values():
        if case.first in some:
            leave(session, case, case.first.id)
    forget(session, {one.id for one in some})


def here(session: Session) -> set[str]:
    return {one.id for one in session.vault.every("held", Held)}


def test_all_that_follows_it_is_left_whatever_came_first(session: Session) -> None:
    """The second follow-up came before the first, and a third was sent with a code that had been used."""
    first, second, repeat = held(2, "a2", "a1"), held(3, "a3", "a2"), held(6, "a6", "a1", first_use=False)
    other, more, last = held(4, "b1"), held(5, "b2", "b1"), held(7, "a7", "a6")
    stepped_out(session, held(1, "a1"))
    keep(session, second, other, more, last)
    leave_all(session, NOW)
    assert here(session) == {one.id for one in (second, other, more, last)}
    keep(session, first, repeat)
    leave_all(session, NOW)
    assert here(session) == {other.id, more.id}
    assert not hand_on(session, more, NOW)
    assert hand_on(session, held(8, "a8", "a3"), NOW)


def test_what_came_since_is_left_while_a_recusal_waits(session: Session) -> None:
    """The recusal names the report alone."""
    report, follow_up = held(1, "a1"), held(2, "a2", "a1")
    keep(session, report, follow_up)
    session.enqueue([waiting(report, "recusal")])
    leave_all(session, NOW)
    assert here(session) == {report.id}


def test_a_report_that_names_another_s_mailbox_takes_nothing_from_it(session: Session) -> None:
    """Who reads a report could else file one with its mailbox, which its other reader steps out of."""
    report, follow_up = held(1, "a1"), held(2, "a2", "a1")
    stepped_out(session, held(3, "a1"))
    keep(session, report)
    assert not hand_on(session, follow_up, NOW)
    keep(session, follow_up)
    leave_all(session, NOW)
    assert here(session) == {report.id, follow_up.id}
    stepped_out(session, report)
    assert hand_on(session, follow_up, NOW)


def test_a_long_chain_is_left_at_one_look(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns a code may burn one mailbox after the other: a look at all records for each took minutes."""
    stepped_out(session, held(1, "a001"))
    keep(session, *(held(number, f"a{number:03}", f"a{number - 1:03}") for number in range(2, 100)))
    looks: list[str] = []
    every = Vault.every

    def counted(vault: Vault, kind: str, as_type: type[T]) -> list[T]:
        looks.append(kind)
        return every(vault, kind, as_type)

    monkeypatch.setattr(Vault, "every", counted)
    leave_all(session, NOW)
    assert len([kind for kind in looks if kind != "chain"]) < 10
    assert here(session) == set()


def test_a_letter_that_waits_goes_with_its_report(session: Session) -> None:
    """Its mailbox was full: without the report's keys it could not be sealed, and would hold up all that waits."""
    report, other = held(1, "a1"), held(2, "b1")
    keep(session, report, other)
    session.enqueue([waiting(report, "letter"), waiting(other, "letter")])
    assert forget(session, {report.id}) == 1
    assert [item.report for item in session.outbox()] == [other.id]


def test_nobody_left_out_of_an_answer_is_handed_it(session: Session) -> None:
    """Bo, and who is called so elsewhere. While this desk lacks the list that the reporter saw, it asks for nobody."""
    other = Group.draw("Borealis", ["Bo", "Dina"])
    group = Group.draw()
    told = {
        one.id.hex(): tuple(one.member(name).key_id.hex() for name in names)
        for one, names in ((group, ["Bo"]), (other, ["Bo", "Dina"]))
    }
    left = Left(tuple(HandedTo(one, key_ids) for one, key_ids in told.items()))
    answer = msgspec.structs.replace(
        held(2, "a2", "a1"),
        group=group.id.hex(),
        roster=group.roster.digest.hex(),
        recipients=tuple(group.member(name).key_id.hex() for name in ("Ada", "Cy")),
    )
    session.vault.put("left", bytes.fromhex("a1"), left)
    for known in (other, group):
        assert hand_on(session, answer, NOW)
        assert session.outbox() == []
        assert session.vault.read("passed", bytes.fromhex(answer.id)) is None
        session.keep_chain(
            known.id, [one.raw for one in known.chain.statements], known.histories[known.id.hex()]
        )
    assert hand_on(session, answer, NOW)
    assert [item.key_id for item in session.outbox()] == [other.member("Dina").key_id.hex()]
    assert session.vault.read("passed", bytes.fromhex(answer.id)) is not None
