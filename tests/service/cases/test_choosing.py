"""Who receives a report: nobody who was left out, by whichever group and under whichever name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.cases.choosing import (
    NoSuchHandler,
    ToAlternate,
    ToGroup,
    TooFewLeft,
    choose,
    of_alternate,
    of_name,
)
from service.cases.rosters import Handler
from tests.support.groups import Group

GROUP = Group.draw("Aurora", ["Ada", "Bo", "Cy"]).roster
ELSEWHERE = Group.draw("Borealis", ["Dan", "Eve", "ada"]).roster
OTHER = bytes(16)


def named(*names: str) -> ToAlternate[Handler]:
    chosen = choose(GROUP.recipients, 2, OTHER, names)
    assert isinstance(chosen, ToAlternate)
    return chosen


def test_all_but_those_left_out() -> None:
    assert choose(GROUP.recipients, 2, None, []) == ToGroup(GROUP.recipients)
    left = choose(GROUP.recipients, 2, None, [" bo "])
    assert isinstance(left, ToGroup)
    assert [handler.pseudonym for handler in left.handlers] == ["Ada", "Cy"]


def test_too_few_go_to_the_other_group_or_nowhere() -> None:
    chosen = named("Ada", "Bo")
    assert chosen.group_id == OTHER
    assert [handler.pseudonym for handler in chosen.left_out] == ["Ada", "Bo"]
    with pytest.raises(TooFewLeft):
        choose(GROUP.recipients, 2, None, ["Ada", "Bo"])


def test_a_name_that_nobody_has_is_refused() -> None:
    """Misspelt, it would reach who was to be left out."""
    with pytest.raises(NoSuchHandler):
        choose(GROUP.recipients, 2, OTHER, ["Adda"])


def test_who_was_left_out_stays_out_of_the_other_group_by_name() -> None:
    people = of_alternate(named("Ada", "Bo"), ELSEWHERE.recipients, 2)
    assert [handler.pseudonym for handler in people] == ["Dan", "Eve"]


def test_who_was_left_out_stays_out_of_the_other_group_by_key() -> None:
    """Somebody who works there under another name."""
    ada = GROUP.recipients[0]
    under_cover = replace(
        ELSEWHERE.recipients[1], verify_keys=(*ELSEWHERE.recipients[1].verify_keys, *ada.verify_keys)
    )
    people = of_alternate(named("Ada", "Bo"), (ELSEWHERE.recipients[0], under_cover), 1)
    assert people == (ELSEWHERE.recipients[0],)


def test_too_few_there_as_well_is_refused() -> None:
    with pytest.raises(TooFewLeft, match="other group"):
        of_alternate(named("Ada", "Bo"), ELSEWHERE.recipients, 3)
    with pytest.raises(TooFewLeft):
        of_alternate(named("Ada", "Bo"), (), 0)


TWINS = Group.draw("Crux", ["José", "Bo", "Cy"])
TWINS.add_old("Jose\u0301")
TWINS.add_old("Ali\u200bce")


@pytest.mark.parametrize("typed", ["JOSÉ", "jose\u0301", " jos\u00e9 ", "Jo\u200bsé", "Ｊosé"])
def test_every_spelling_leaves_out_everybody_of_a_name(typed: str) -> None:
    """An old roster may have two whom nobody can tell apart by name: neither of them receives it."""
    left = choose(TWINS.roster.recipients, 1, None, [typed])
    assert isinstance(left, ToGroup)
    assert [handler.pseudonym for handler in left.handlers] == ["Bo", "Cy", "Ali\u200bce"]


def test_who_was_left_out_stays_out_of_the_other_group_under_any_spelling() -> None:
    elsewhere = Group.draw("Draco", ["Jose\u0301", "Alice", "Eve"]).roster
    chosen = choose(TWINS.roster.recipients, 9, OTHER, ["José", "alice"])
    assert isinstance(chosen, ToAlternate)
    assert [handler.pseudonym for handler in of_alternate(chosen, elsewhere.recipients, 1)] == ["Eve"]


def test_one_of_a_name_is_found_by_it_and_of_two_the_one_to_the_letter() -> None:
    """So that whoever holds the root key can retire either."""
    people = TWINS.roster.active
    assert of_name(people, "BO") == people[1]
    assert of_name(people, "alice") == people[4]
    assert of_name(people, "José") == people[0]
    assert of_name(people, "Jose\u0301") == people[3]
    assert of_name(people, "josé") is None
    assert of_name(people, "Adda") is None
