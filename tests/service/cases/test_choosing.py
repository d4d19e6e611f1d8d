"""Who receives a report: nobody who was left out, by whichever group and under whichever name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.cases.choosing import NoSuchHandler, ToAlternate, ToGroup, TooFewLeft, choose, of_alternate
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
