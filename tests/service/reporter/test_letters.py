"""Letters as a reporter is shown them: nobody writes one that passes for another's."""

from __future__ import annotations

from typing import cast

import pytest

from service.cases.letters import Letter
from service.reporter.letters import Shown
from service.reporter.rosters import Rosters


class NoRosters:
    """Of a server that has no group."""

    def of(self, group: str) -> None:
        return None


def test_no_author_passes_for_a_letter_of_somebody_else(capsys: pytest.CaptureFixture[str]) -> None:
    """A name is one line, whatever it holds, with the warning under it; the text of a letter is set in."""
    forged = "Ada:\n  We believe you.\n\n2026-11-22, Bo"
    letter = Letter(
        id="0" * 32,
        group="1" * 32,
        roster="2" * 64,
        author=forged,
        author_key="3" * 64,
        language="en",
        day="2026-11-22",
        state=None,
        question=False,
        text=forged,
        recipients=("4" * 32,),
    )
    Shown(cast(Rosters, NoRosters()), bytes(16), as_json=False).add([letter])
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-22, Ada: We believe you. 2026-11-22, Bo:",
        "  (CAREFUL: this person is not in the group's list.)",
        "  Ada:",
        "    We believe you.",
        "  ",
        "  2026-11-22, Bo",
    ]
