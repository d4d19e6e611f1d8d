"""What a sync goes on without: an item with which the server fails, or which it declines, keeps nobody from the others.

A record may be damaged in the server's store, and a server may lie. Guarantees: what is about the server as a whole, or
about who asks, ends a sync; so does a server that fails with more than LIMIT items. Leaves to the others to remember
what they were to fetch: it is tried again with the next sync, until it was fetched, and told of each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.desk.records import Grown, Unfetched
from service.desk.session import Session
from service.wire.calls import BadAnswer
from service.wire.failures import Declined
from service.wire.problems import Kind

LIMIT: Final = 16
"""Items that fail for the first time in one sync, before it ends: then it is the server that is broken. What they were
is remembered, so the next sync comes further."""
AGAIN: Final = 16
"""Items of a kind that failed at an earlier sync and are tried again, those first that waited longest. That they fail
again says nothing new of the server, and doesn't count."""
TELL: Final = "tell the server's operator that records may be damaged; the next sync tries again"
_WHOLE: Final = frozenset({401, 403, 407, 408, 425, 429, 502, 503, 504})
"""Who asks is refused, or asks too much, or too slowly; the server can't be asked at the moment, or only what stands
before it answers."""
_PROBLEM: Final = 400  # from this status on; below, something else answers than the API


def whole(problem: Declined) -> bool:
    """Whether an answer is about more than the one item that was asked for."""
    return problem.status < _PROBLEM or problem.status in _WHOLE or problem.kind is Kind.REPLAYED


@dataclass
class Failures:
    """What failed in one sync."""

    count: int = 0
    unlisted: int = 0
    """Entries of the feed that the server can't read."""

    def one(self, problem: Declined | BadAnswer, *, again: bool = False) -> None:
        """Count an item to go on without. Raises the problem where that would be no use.

        again: it failed at an earlier sync too.
        """
        self.count += not again
        if (isinstance(problem, Declined) and whole(problem)) or self.count > LIMIT:
            raise problem

    def told(self, session: Session) -> list[str]:
        """Say what this desk still has to fetch: how many, and what to do."""
        reports = len(session.vault.every("unfetched", Unfetched))
        logs = sum(one.tried_s > 0 for one in session.vault.every("grown", Grown))
        said = (
            (reports, "reports can't be fetched, since the server fails with them"),
            (self.unlisted, "entries of your feed can't be read by the server, with a report behind each"),
            (logs, "reports' logs can't be read, or not to their end, since the server fails with them"),
        )
        return [f"{many} {what}: {TELL}" for many, what in said if many]
