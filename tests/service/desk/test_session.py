"""Whom a handler names: one person each, however the name is spelt."""

from __future__ import annotations

import pytest

from crypto.errors import Refused
from service.desk.session import handlers_named
from tests.support.groups import Group


def test_a_name_is_one_persons_in_any_spelling() -> None:
    """A report is handed on to nobody by mistake."""
    roster = Group.draw("Aurora", ["José", "Bo"], council=["Zoe"]).roster
    assert handlers_named(roster, ["jose\u0301 ", "ＺＯＥ"]) == [roster.active[0], roster.active[2]]
    assert handlers_named(roster, []) == list(roster.recipients)
    with pytest.raises(Refused):
        handlers_named(roster, ["Jose"])


def test_a_name_that_two_have_is_refused() -> None:
    """In an old roster; to the letter, it is one's."""
    group = Group.draw("Aurora", ["José", "Bo"])
    group.add_old("Jose\u0301")
    with pytest.raises(Refused, match="more than one"):
        handlers_named(group.roster, ["josé"])
    assert handlers_named(group.roster, ["Jose\u0301"]) == [group.roster.active[2]]
