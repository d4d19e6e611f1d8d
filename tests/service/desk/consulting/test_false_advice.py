"""Advice that a colleague made up, changed, moved, or gave another's name: no desk shows it as what it is not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from service.cases.consultations import Asked
from service.cases.log import Advised
from service.cases.rosters import Rotate
from tests.support.consulting import World, advised, answer_file
from tests.support.groups import Group, Member

pytestmark = pytest.mark.xdist_group("false advice")

NOT_SIGNED = "wrote this down as advice; nobody who was asked has signed it, so it does not count: "
NOT_CHECKED = (
    "took in advice, by their own word of {}: it is signed, but this desk has no list of the group that was asked, and "
    "could not check whose key that is: "
)
FORMER = (
    "took in the advice of {}, signed by a key that is not in force any more: "
    "that it came before then is their word: "
)


@pytest.fixture
def council(world: World) -> Group:
    """Whose list no desk has yet but that of who asks them."""
    return world.group_with("Olga", "Pia")


def asked_of(world: World, council: Group, *names: str) -> tuple[str, Asked]:
    """Have Ada ask these about a new report, and give its id and what the log says."""
    report = world.report()
    world.asked(*names, report=report, group=council)
    [asked] = world.asked_at("Ada", report)
    for name in ("Ada", "Bo"):
        world.does(name, "sync")
    return report, asked


def counted(world: World, name: str, report: str) -> list[list[tuple[str | None, str]]]:
    """Who gave which advice to each question, as a desk has it; see that it says what it waits for, and no more."""
    consultations = world.does(name, "show", report)["consultations"]
    [row] = (one for one in world.does(name, "list") if one["id"] == report)
    waits = [not one["advice"] for one in consultations]
    assert [one["open"] for one in consultations] == waits
    assert row["advice_waited_for"] == sum(waits)
    assert ("Advice is waited for from" in world(name, "show", report).stdout) is any(waits)
    return [[(given["adviser"], given["text"]) for given in one["advice"]] for one in consultations]


def unsigned(asked: Asked, council: Group) -> Advised:
    return msgspec.structs.replace(advised(asked, council.member("Olga")), signature=bytes(64))


def other_text(asked: Asked, council: Group) -> Advised:
    return msgspec.structs.replace(advised(asked, council.member("Olga")), text="Ban them.")


def by_their_own_key(asked: Asked, council: Group) -> Advised:
    return advised(asked, Member.draw("Bo"), name="Olga")


def by_who_was_not_asked(asked: Asked, council: Group) -> Advised:
    return advised(asked, council.member("Pia"), name="Olga")


@pytest.mark.parametrize("false", [unsigned, other_text, by_their_own_key, by_who_was_not_asked])
def test_what_nobody_who_was_asked_has_signed_is_no_advice(
    world: World, council: Group, false: Callable[[Asked, Group], Advised]
) -> None:
    """The desk that asked goes on waiting, and its log says what that entry is worth; what is true counts beside it."""
    report, asked = asked_of(world, council, "Olga")
    made_up = false(asked, council)
    world.writes("Bo", report, made_up)
    assert counted(world, "Ada", report) == [[]]
    assert world.said("Ada", report)[1:] == [NOT_SIGNED + made_up.text]
    assert NOT_SIGNED + made_up.text in world("Ada", "show", report).stdout
    world.writes("Bo", report, advised(asked, council.member("Olga")))
    assert counted(world, "Ada", report) == [[("Olga", "Yes.")]]
    assert world.said("Ada", report)[1:] == [NOT_SIGNED + made_up.text, "took in the advice of Olga: Yes."]


@pytest.mark.parametrize("false", [unsigned, other_text])
def test_what_nobody_signed_is_none_without_their_list_either(
    world: World, council: Group, false: Callable[[Asked, Group], Advised]
) -> None:
    """No list is needed to see that the key in an entry did not sign it."""
    report, asked = asked_of(world, council, "Olga")
    world.writes("Ada", report, made_up := false(asked, council))
    assert counted(world, "Bo", report) == [[]]
    assert world.said("Bo", report)[1:] == [NOT_SIGNED + made_up.text]


def test_advice_on_one_question_is_none_on_another(world: World, council: Group) -> None:
    """It says yes to the second step; whoever takes it in can't have it say yes to the third."""
    report, _ = asked_of(world, council, "Olga")
    world.asked("Olga", report=report, group=council, text="May we go to the third step?")
    world.does("Ada", "sync")
    second, third = world.asked_at("Ada", report)
    true = advised(second, council.member("Olga"))
    world.writes("Bo", report, msgspec.structs.replace(true, consultation=third.act.consultation))
    for name in ("Ada", "Bo"):
        assert counted(world, name, report) == [[], []]
    world.writes("Bo", report, true)
    assert counted(world, "Ada", report) == [[("Olga", "Yes.")], []]


def test_a_false_name_is_shown_as_a_colleague_s_word(world: World, council: Group) -> None:
    """Where a desk has no list of those asked it says so; where it has one, the name is the list's."""
    report, asked = asked_of(world, council, "Olga", "Pia")
    world.writes("Ada", report, advised(asked, council.member("Olga"), name="Pia"))
    assert counted(world, "Bo", report) == [[(None, "Yes.")]]
    [[given]] = (one["advice"] for one in world.does("Bo", "show", report)["consultations"])
    assert (given["adviser_checked"], given["key_in_force"]) == (False, None)
    assert given["taken_in"] == [{"by": "Ada", "as_from": "Pia"}]
    assert world.said("Bo", report)[1:] == [NOT_CHECKED.format("Pia") + "Yes."]
    assert NOT_CHECKED.format("Pia") in world("Bo", "show", report).stdout

    world.writes("Bo", report, advised(asked, council.member("Olga")))  # once more, with the true name
    [[given]] = (one["advice"] for one in world.does("Bo", "show", report)["consultations"])
    assert given["taken_in"] == [{"by": "Ada", "as_from": "Pia"}, {"by": "Bo", "as_from": "Olga"}]

    world.asked("Pia", by="Bo", group=council)  # about another report, for which that list is fetched
    for name in ("Ada", "Bo"):
        assert counted(world, name, report) == [[("Olga", "Yes.")]]
        [[given]] = (one["advice"] for one in world.does(name, "show", report)["consultations"])
        assert (given["adviser_checked"], given["key_in_force"]) == (True, True)
        assert world.said(name, report)[1:] == ["took in the advice of Olga: Yes."] * 2


def test_a_colleague_s_own_key_is_found_out_once_the_list_is_there(world: World, council: Group) -> None:
    """Until then it is shown as not checked; with the list the question is open again."""
    report, asked = asked_of(world, council, "Olga")
    world.writes("Ada", report, by_their_own_key(asked, council))
    assert counted(world, "Bo", report) == [[(None, "Yes.")]]
    world.asked("Olga", by="Bo", group=council)
    assert counted(world, "Bo", report) == [[]]
    assert world.said("Bo", report)[1:] == [NOT_SIGNED + "Yes."]


def test_advice_that_was_taken_in_stays_when_its_author_has_new_keys_or_leaves(
    world: World, council: Group
) -> None:
    """And says that these keys are not in force: whoever got hold of former ones can write advice down with them."""
    report, asked = asked_of(world, council, "Olga", "Pia")
    olga, pia = council.member("Olga"), council.member("Pia")
    world.writes("Ada", report, advised(asked, olga), advised(asked, pia, text="No."))
    assert world.said("Ada", report)[1:] == [
        "took in the advice of Olga: Yes.",
        "took in the advice of Pia: No.",
    ]
    council.say(Rotate(handler=olga.id.hex(), card=Member.draw("Olga Rose").card()))
    council.retire("Pia")
    council.found(world.client)
    world.does("Ada", "sync")
    assert counted(world, "Ada", report) == [[("Olga Rose", "Yes."), ("Pia", "No.")]]
    [consultation] = world.does("Ada", "show", report)["consultations"]
    assert [(one["adviser_checked"], one["key_in_force"]) for one in consultation["advice"]] == [
        (True, False)
    ] * 2
    assert world.said("Ada", report)[1:] == [
        FORMER.format("Olga Rose") + "Yes.",
        FORMER.format("Pia") + "No.",
    ]


def test_true_advice_is_taken_under_its_name_after_a_false_one(world: World, council: Group) -> None:
    """So that colleagues without the list see both names, and the desk that takes it in has said its own."""
    report, asked = asked_of(world, council, "Olga")
    olga = council.member("Olga")
    world.writes("Bo", report, advised(asked, olga, name="Pia"))
    file = world.file(answer_file(asked, olga))
    assert [world.does("Ada", "take-advice", file)["queued"] for _ in range(2)] == [1, 0]
    [[given]] = (one["advice"] for one in world.does("Ada", "show", report)["consultations"])
    assert [one["as_from"] for one in given["taken_in"]] == ["Pia", "Olga"]
