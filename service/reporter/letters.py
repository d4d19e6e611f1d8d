"""Letters as their reporter is shown them: with who wrote them, as far as the lists of the groups tell.

Whether a letter is one, and of this mailbox, says service.cases.letters; that its author is in a group that it names,
the rosters that the groups' roots signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from service.cases.letters import Letter, reach_of
from service.console import one_line, say, shown
from service.reporter.rosters import Rosters

STATES: Final = {
    "received": "Your report was received.",
    "looking": "Your report is being looked at.",
    "mediation": "Somebody is talking with the people concerned (mediation).",
    "decided": "A decision was made.",
    "closed": "The case was closed.",
}


class Shown:
    """What a reporter was shown so far. `views`: the same for a program. group: the one they reported to."""

    def __init__(self, rosters: Rosters, group: bytes, *, as_json: bool) -> None:
        self._rosters, self._group, self._as_json = rosters, group, as_json
        self.views: list[dict[str, object]] = []

    def add(self, letters: Sequence[Letter]) -> None:
        """Show letters, at once unless a program reads them at the end."""
        views = [self._view(letter) for letter in letters]
        self.views += views
        if views and not self._as_json:
            say(shown("\n\n".join(_text(view) for view in views)))

    def _view(self, letter: Letter) -> dict[str, object]:
        """Show a letter. `known`: whether its author is, under that name, in a group that it names."""
        key = bytes.fromhex(letter.author_key)
        known = [
            (one, one.by_verify_key(key))
            for group in reach_of(letter)
            if (one := self._rosters.of(group)) is not None
        ]
        theirs = next((one for one, author in known if author and author.pseudonym == letter.author), None)
        their_group = bytes.fromhex(letter.group) if theirs is None else theirs.group
        return {
            "day": letter.day,
            "author": letter.author,
            "known": theirs is not None,
            "other_group": their_group != self._group,
            "author_group": None if theirs is None else theirs.name,
            "state": letter.state,
            "question": letter.question,
            "text": letter.text,
        }


def _text(view: dict[str, object]) -> str:
    where = f" ({view['author_group']})" if view["known"] and view["other_group"] else ""
    lines = [f"{view['day']}, {one_line(str(view['author']))}{where}{' asks' if view['question'] else ''}:"]
    if not view["known"]:
        lines.append("  (CAREFUL: this person is not in the group's list.)")
    if view["state"]:
        lines.append(f"  {STATES[str(view['state'])]}")
    return "\n".join([*lines, *(f"  {line}" for line in str(view["text"]).split("\n") if view["text"])])
