"""To how many people a report can go, so that its reporter can still be written to: a letter names all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crypto.entropy import system
from crypto.errors import Refused
from service.cases.log import Forwarded
from service.desk import actions
from service.desk.casebook import Case, assemble
from service.desk.readers import Histories, readers_told
from tests.support.desk_records import held
from tests.support.groups import Group

NOW = 1_900_000_000


def case_of(group: Group) -> Case:
    """Make the case of a report that all handlers of a group have."""
    keys = tuple(one.key_id.hex() for one in group.handlers if one.role == "handler")
    first = held(
        1,
        "a1" * 32,
        group=group.id.hex(),
        roster=group.roster.digest.hex(),
        recipients=keys,
        content_key="11" * 32,
        mailbox_key=group.handlers[0].sealing.public_key().raw.hex(),
    )
    return assemble([first], {})[first.id]


def desk(group: Group) -> actions.Desk:
    first = group.handlers[0]
    return actions.Desk(actions.Author(first.name, first.signing), NOW, system)


def names(count: int) -> list[str]:
    return [f"Handler {number}" for number in range(count)]


def told(case: Case, *entries: Forwarded) -> Case:
    return replace(case, state=replace(case.state, forwarded=(*case.state.forwarded, *entries)))


def forwarded(case: Case, group: Group, to: Group, histories: Histories) -> Case:
    """Forward it to all of a group, and give the case as it is then."""
    first, *_ = actions.forward(desk(group), case, histories, histories[to.id.hex()], None, "")
    assert first.what == "entry"
    people = to.roster.recipients
    entry = Forwarded(
        group=to.id.hex(),
        handlers=tuple(one.pseudonym for one in people),
        key_ids=tuple(one.key_id.hex() for one in people),
        reason="",
    )
    return told(case, entry)


def test_who_was_left_out_of_the_newest_answer_is_named() -> None:
    """Of those who have the report: the others know more than they do, and must not tell them. An older one is past."""
    group = Group.draw("Aurora", ["Ada", "Bo", "Cy", "Di"])
    ada, bo, cy, _ = (one.key_id.hex() for one in group.roster.recipients)
    here = {"group": group.id.hex(), "roster": group.roster.digest.hex()}
    records = [
        held(1, "a", recipients=(ada, bo, cy), **here),
        held(2, "b", "a", recipients=(ada, cy), **here),
        held(3, "c", "b", recipients=(ada, bo), **here),
    ]
    told = {
        count: readers_told(assemble(records[:count], {})[records[0].id], group.histories)
        for count in (1, 2, 3)
    }
    assert {one.read_by for one in told.values()} == {("Ada", "Bo", "Cy")}
    assert {one.left_out for one in told.values()} == {("Di",)}
    assert [told[count].left_out_since for count in (1, 2, 3)] == [(), ("Bo",), ("Cy",)]
    assert told[3].lines()[-1] == "Left out of what the reporter wrote last: Cy."


def test_a_report_goes_to_no_more_people_than_a_letter_can_name() -> None:
    """More in one group than an answer can be sealed to, or more in all than there is room for beside a text."""
    group, big = Group.draw("Aurora", names(30)), Group.draw("Big", names(33))
    case = case_of(group)
    with pytest.raises(Refused, match="at most 32"):
        forwarded(case, group, big, group.histories | big.histories)
    joined = [group.add(member) for member in Group.draw("New", ["Una", "Vic", "Wim"]).handlers]
    assert len(joined) == 3
    new = [one for one in group.roster.recipients if one.pseudonym in {"Una", "Vic", "Wim"}]
    ours = group.histories[group.id.hex()]
    assert actions.forward(desk(group), case, group.histories, ours, new[:2], "")
    with pytest.raises(Refused, match="could be written to no more"):
        actions.forward(desk(group), case, group.histories, ours, new, "")


def test_after_each_forward_that_is_done_a_letter_can_be_written() -> None:
    """To as many groups as may be, until it is refused: not by a letter that nobody can send any more."""
    group = Group.draw("Aurora", names(20))
    case, others = case_of(group), [Group.draw(f"Other {number}", names(12)) for number in range(9)]
    histories = dict(group.histories)
    for other in others:
        histories |= other.histories
    for other in others[:6]:
        case = forwarded(case, group, other, histories)
        assert actions.write_letter(desk(group), case, histories, "Ω" * 1_800)
    with pytest.raises(Refused, match="could be written to no more"):
        forwarded(case, group, others[6], histories)
