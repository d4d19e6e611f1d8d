"""Recording a report for someone who came by another way: sealed and filed like any other, with its own reply code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from crypto.codes import ReplyCode, to_words
from crypto.errors import Refused
from crypto.signatures import VerifyKey
from service.cases.answers import Answers
from service.cases.choosing import ToAlternate, choose, of_alternate
from service.cases.filing import Recipients, file_report
from service.cases.reports import File
from service.cases.rosters import Handler, Roster
from service.desk.rosters import pull_roster
from service.desk.session import Session
from service.wire import calls
from service.wire.admitting import Admission
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
from service.wire.patience import Attempts, patiently


@dataclass(frozen=True, slots=True)
class Going:
    """To whom a report is about to go."""

    roster: Roster
    handlers: tuple[Handler, ...]
    elsewhere: bool
    """Whether too few would be left of the handler's own group, so that it goes to that group's alternate."""

    @property
    def names(self) -> tuple[str, ...]:
        """The handlers, as their list has them."""
        return tuple(handler.pseudonym for handler in self.handlers)

    def recipients(self) -> Recipients:
        """Give what a report is sealed to."""
        return Recipients(self.roster.group, self.roster.digest, tuple(one.seal_key for one in self.handlers))


def record_report(
    session: Session,
    client: Client,
    answers: Answers,
    files: Sequence[File],
    left_out: Sequence[str],
    now_s: int,
    unsure: Callable[[tuple[str, ...]], None] = lambda _words: None,
    told: Callable[[Going], None] = lambda _going: None,
) -> tuple[tuple[str, ...], Going]:
    """File a recorded report: the twelve words of its reply code, which belong to the person concerned, and who has it.

    It takes the same road as any report, so the server can't tell that a handler wrote it; the desk reads it at the
    next sync. Raises Refused, also for a list of handlers that contradicts what this desk has seen, Unreachable or
    Declined. unsure: is given the code first when the report may have been filed all the same. told: is given who
    receives it before anything is sent, and may refuse.
    """
    going = _going(session, client, left_out)
    to = going.recipients()
    if answers.voice:
        raise Refused("a voice is its member's own: they file with `sottovoce report --voice`")
    today = datetime.fromtimestamp(now_s, UTC).date()
    report = answers.to_report(tuple(files), today, recorded=True)
    told(going)
    code = ReplyCode(session.entropy(ReplyCode.SIZE))
    filed = file_report(report, files, to, code, session.entropy)
    server = VerifyKey(client.do(calls.server_info()).verify_key)
    urgent = answers.urgency == "danger"
    attempts = Attempts(
        lambda token: calls.submit(to.group_id, filed.envelope, server, admission=token, urgent=urgent)
    )
    with Admission(client, to.group_id) as admission:
        try:
            patiently(client, admission, attempts)
        except (Unreachable, Declined, Refused, KeyboardInterrupt):
            if attempts.may_have_arrived:
                unsure(to_words(code))
            raise
    return to_words(code), going


def _going(session: Session, client: Client, left_out: Sequence[str]) -> Going:
    roster = pull_roster(session, client, session.group).latest
    match choose(roster.recipients, roster.minimum, roster.alternate, left_out):
        case ToAlternate() as other:
            alternate = pull_roster(session, client, other.group_id).latest
            kept = of_alternate(other, alternate.recipients, alternate.minimum)
            return Going(alternate, kept, elsewhere=True)
        case chosen:
            return Going(roster, chosen.handlers, elsewhere=False)
