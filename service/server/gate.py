"""Admission at the API's door: turns what service.server.admission decides into answers of the problem table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from abuse.admission import Why
from abuse.difficulty import Effort, Wait
from abuse.limits import Bucket, Rate
from abuse.plan import Limits
from abuse.routes import NO_GROUP, Route
from service.server.admission import Admission, Admitted, Again, Waiting
from service.server.settings import AdmissionSettings, SettingsRefused
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import (
    SEALED_ENTRY_SIZES,
    Action,
    AppendLog,
    ChallengeShape,
    Grant,
    PostLetter,
)

MAX_HEADER: Final = 512  # characters; a token has 152 at most
MAX_BURST: Final = 4_096  # of abuse.limits
LARGE_ENTRY: Final = 16  # a log entry of the larger size counts as so many of the smaller
ROUTES: Final = {"reports": Route.REPORTS, "mailbox": Route.MAILBOX, "casts": Route.CASTS}

_KINDS: Final = {
    Why.MISSING: Kind.ADMISSION_MISSING,
    Why.UNUSABLE: Kind.ADMISSION_REFUSED,
    Why.STALE: Kind.ADMISSION_REFUSED,
    Why.EXPIRED: Kind.ADMISSION_REFUSED,
    Why.EARLY: Kind.ADMISSION_EARLY,
    Why.SPENT: Kind.ADMISSION_SPENT,
    Why.NOT_DRAWN: Kind.ADMISSION_NOT_DRAWN,
}


class Gate:
    """Lets requests in. What it raises is always a ProblemError or LimiterUnavailable."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission

    async def challenge(self, group: bytes, route: Route) -> ChallengeShape:
        """Make a challenge. group: one that exists; ignored for mailboxes."""
        made = await self.admission.challenge(_room(group, route), route)
        return ChallengeShape(
            puzzle=made.puzzle,
            difficulty=made.difficulty,
            puzzle_expires_in_s=made.puzzle_expires_in_s,
            ticket=made.ticket,
            ticket_ripens_in_s=made.ticket_ripens_in_s,
            ticket_expires_in_s=made.ticket_expires_in_s,
        )

    async def admit(self, group: bytes, route: Route, token: str | None, size: int) -> None:
        """Spend a token, or raise the problem that says what to do. group: one that exists."""
        if token is not None and len(token) > MAX_HEADER:
            raise ProblemError(Kind.ADMISSION_REFUSED)
        match await self.admission.admit(_room(group, route), route, token, size=size):
            case Admitted():
                return
            case Waiting(retry_after_s):
                raise ProblemError(Kind.BUSY, retry_after_s=retry_after_s)
            case Again(why, retry_after_s, _):
                raise ProblemError(_KINDS[why], retry_after_s=retry_after_s or None)

    async def act(self, caller: bytes, actions: Sequence[Action], settings: AdmissionSettings) -> None:
        """Count what a handler's batch is about to store, or raise BUSY: then nothing of it is to be done.

        caller: names the handler across groups. A batch that is sent again is counted again. To step out of a report
        is never counted.
        """
        letters = Rate.hourly(settings.handler_letters_per_hour, settings.handler_letters_burst)
        entries = Rate.hourly(settings.handler_entries_per_hour, settings.handler_entries_burst)
        wanted = {
            Bucket(f"letters:{caller.hex()}", letters): sum(isinstance(each, PostLetter) for each in actions),
            Bucket(f"entries:{caller.hex()}", entries): sum(_weight(each) for each in actions),
        }
        retry_after_s = await self.admission.debit({at: many for at, many in wanted.items() if many})
        if retry_after_s is not None:
            raise ProblemError(Kind.BUSY, retry_after_s=retry_after_s)


def limits_of(settings: AdmissionSettings) -> Limits:
    """Turn an operator's settings into limits. Raises SettingsRefused when they don't fit together."""
    if settings.group_reports_burst + settings.group_bulk_burst > MAX_BURST:
        raise SettingsRefused("The bursts of a group, small and large reports together, are over 4096.")
    return Limits(
        server_reports_per_hour=settings.reports_per_hour,
        server_reports_burst=settings.reports_burst,
        group_reports_per_hour=settings.group_reports_per_hour,
        group_reports_burst=settings.group_reports_burst,
        group_bulk_per_hour=settings.group_bulk_per_hour,
        group_bulk_burst=settings.group_bulk_burst,
        mailbox_opens_per_hour=settings.mailbox_opens_per_hour,
        mailbox_opens_burst=settings.mailbox_opens_burst,
        casts_per_hour=settings.casts_per_hour,
        casts_burst=settings.casts_burst,
        report_effort=Effort(settings.report_work, settings.report_work * 8),
        mailbox_effort=Effort(settings.mailbox_work, settings.mailbox_work * 8),
        cast_effort=Effort(settings.cast_work, settings.cast_work * 8),
        report_wait=Wait(settings.report_wait_s, settings.report_wait_s * 6),
        mailbox_wait=Wait(settings.mailbox_wait_s, settings.mailbox_wait_s * 6),
        cast_wait=Wait(settings.cast_wait_s, settings.cast_wait_s * 6),
    )


def _weight(action: Action) -> int:
    """How many entries of 1 KiB an action counts for."""
    match action:
        case AppendLog(entry=entry):
            return 1 if len(entry) <= SEALED_ENTRY_SIZES[0] else LARGE_ENTRY
        case Grant():
            return 1
        case _:
            return 0


def _room(group: bytes, route: Route) -> bytes:
    return NO_GROUP if route is Route.MAILBOX else group
