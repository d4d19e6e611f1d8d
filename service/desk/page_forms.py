"""What the forms of the desk's page ask for, as items for the outbox; each as the command of that name does it.

Guarantees: a form that is not as the page made it is refused with a sentence, and nothing of it is done. Leaves to
page.py that a form acts once, and what a handler sees afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast, get_args

from crypto.errors import Refused
from crypto.secrets import Unshown
from service.cases.letters import State
from service.cases.log import Priority
from service.desk import actions
from service.desk.casebook import Case
from service.desk.records import Waiting
from service.desk.session import Session
from service.desk.transparency import issues_of


@dataclass(frozen=True, slots=True, repr=False)
class Form(Unshown):
    """A form's fields."""

    fields: Mapping[str, tuple[str, ...]]

    @property
    def text(self) -> str:
        """What was typed."""
        return self.one("text")

    def one(self, name: str) -> str:
        """A field's first value; empty where there is none."""
        return self.fields.get(name, ("",))[0]


def letter(session: Session, case: Case, form: Form, now_s: int) -> list[Waiting]:
    """Write to the reporter."""
    question = form.one("question") == "yes"
    return actions.write_letter(session.desk(now_s), case, session.histories(), form.text, question=question)


def note(session: Session, case: Case, form: Form, now_s: int) -> list[Waiting]:
    """Leave a note for the other handlers."""
    return actions.note(session.desk(now_s), case, form.text)


def triage(session: Session, case: Case, form: Form, now_s: int) -> list[Waiting]:
    """Set a priority, and say what it is about."""
    priority = form.one("priority")
    if priority not in get_args(Priority):
        raise Refused("choose a priority")
    known = issues_of(session.histories().get(case.first.group))
    issues = form.fields.get("issue", ())
    return actions.triage(session.desk(now_s), case, known, cast(Priority, priority), issues)


def state(session: Session, case: Case, form: Form, now_s: int) -> list[Waiting]:
    """Move the case; the reporter is told unless the form says not to."""
    wanted = form.one("state")
    if wanted not in get_args(State):
        raise Refused("choose where the case goes")
    tell = form.one("quietly") != "yes"
    return actions.set_state(session.desk(now_s), case, session.histories(), cast(State, wanted), tell=tell)


def leave(session: Session, case: Case, form: Form, now_s: int) -> list[Waiting]:
    """Step out of the report for good."""
    if form.one("sure") != "yes":
        raise Refused("tick that you are sure: it can't be undone")
    return actions.recuse(session.desk(now_s), case, form.text)


ACTS: Final[Mapping[str, Callable[[Session, Case, Form, int], list[Waiting]]]] = {
    "letter": letter,
    "note": note,
    "triage": triage,
    "state": state,
    "leave": leave,
}
