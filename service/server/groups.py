"""The groups of this server: their chains as stored, verified and folded once, and kept in memory by head.

A chain only grows, so a roster found in the memory was in force once and stays known. Founding and appending are one
atomic change each, compared with the head; repeating one is harmless.
"""

from __future__ import annotations

from typing import Final

from crypto.chains import Statement, verify_statement
from crypto.errors import Refused
from crypto.labels import Label
from service.cases.rosters import (
    MAX_STATEMENTS,
    Roster,
    RosterHistory,
    check_new,
    decode_statement,
    step,
    verified_history,
)
from service.server.listing import enlist
from service.server.records import SERVER, GroupEntry, Head, decode, encode, group_partition
from service.storage.protocol import Append, Conflict, Insert, Replace, Store
from service.wire.problems import Kind, ProblemError

_HEAD: Final = b"head"
_LOG: Final = b"roster"
_MEMORY: Final = 1_024  # groups


class Groups:
    """Rosters by group."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, RosterHistory] = {}

    def remembered(self, group: bytes) -> RosterHistory | None:
        """The history as last read here; another process may have added to it."""
        return self._known.get(group)

    async def history(self, group: bytes) -> RosterHistory | None:
        """The history as it stands now; None for a group this server doesn't have."""
        raw = await self._store.read(group_partition(group), _HEAD)
        if raw is None:
            return None
        head = decode(raw, Head).digest
        if (known := self._at(group, head)) is not None:
            return known
        statements = await self.statements(group)
        # After a start many ask at once: whoever comes second finds it verified.
        return self._at(group, head) or self._remember(group, statements)

    def _at(self, group: bytes, head: bytes) -> RosterHistory | None:
        known = self._known.get(group)
        return known if known is not None and known.latest.digest == head else None

    async def statements(self, group: bytes) -> list[bytes]:
        """The group's raw statements, oldest first."""
        found: list[bytes] = []
        after = b""
        while len(found) <= MAX_STATEMENTS:
            page = await self._store.scan(group_partition(group), _LOG + b"/", after, 200)
            if not page:
                break
            found.extend(value for _, value in page)
            after = page[-1][0]
        return found

    async def append(self, group: bytes, statement: bytes, *, may_found: bool) -> RosterHistory:
        """Add a statement and give the history that ends with it.

        Raises FOUNDING_CLOSED, ROSTER_REFUSED (it can't follow), ROSTER_CONFLICT (it follows an older head).
        """
        history = await self.history(group)
        if history is None and not may_found:
            raise ProblemError(Kind.FOUNDING_CLOSED)
        if history is not None and (known := _known(history, statement)) is not None:
            if known != history.latest:
                raise ProblemError(Kind.ROSTER_CONFLICT)
            return await self._listed(group, history)
        extended = _extended(group, history, statement)
        head = encode(Head(extended.latest.seq, extended.latest.digest))
        if history is None:
            condition: Insert | Replace = Insert(_HEAD, head)
        else:
            condition = Replace(_HEAD, encode(Head(history.latest.seq, history.latest.digest)), head)
        outcome = await self._store.commit(group_partition(group), [condition, Append(_LOG, statement)])
        if isinstance(outcome, Conflict):
            raise ProblemError(Kind.ROSTER_CONFLICT)
        self._known[group] = extended
        return await self._listed(group, extended)

    async def listed(self) -> list[tuple[bytes, GroupEntry]]:
        """All groups of the server, in the order of their ids."""
        found: list[tuple[bytes, GroupEntry]] = []
        after = b""
        while page := await self._store.scan(SERVER, b"group/", after, 200):
            found.extend((name[len(b"group/") :], decode(value, GroupEntry)) for name, value in page)
            after = page[-1][0]
        return found

    async def _listed(self, group: bytes, history: RosterHistory) -> RosterHistory:
        """Put the group into the server's list. Another partition: a crash in between is healed by the repeat."""
        latest = history.latest
        await enlist(self._store, b"group/" + group, encode(GroupEntry(latest.name, latest.languages)))
        return history

    def _remember(self, group: bytes, statements: list[bytes]) -> RosterHistory:
        try:
            history = verified_history(group, statements)
        except Refused as refused:
            raise RuntimeError("a stored roster does not verify") from refused
        if len(self._known) >= _MEMORY:
            self._known.clear()
        self._known[group] = history
        return history


def _known(history: RosterHistory, statement: bytes) -> Roster | None:
    """Find the roster that this very statement led to."""
    try:
        return history.at(Statement.parse(statement, Label.ROSTER).digest)
    except Refused:
        raise ProblemError(Kind.ROSTER_REFUSED) from None


def _extended(group: bytes, history: RosterHistory | None, statement: bytes) -> RosterHistory:
    """Verify one statement and apply it. A stranger's costs one check of a signature."""
    try:
        if history is None:
            founded = verified_history(group, [statement])
            check_new(None, decode_statement(Statement.parse(statement, Label.ROSTER).payload))
            return founded
        latest = history.latest
        signed = verify_statement(statement, latest.root, Label.ROSTER)
        if (signed.seq, signed.previous) != (latest.seq + 1, latest.digest):
            raise ProblemError(Kind.ROSTER_CONFLICT)  # the root signed it on another head
        if signed.seq >= MAX_STATEMENTS:
            raise ProblemError(Kind.ROSTER_REFUSED)
        said = decode_statement(signed.payload)
        check_new(latest, said)
        return RosterHistory((*history.rosters, step(latest, said, signed.digest)))
    except Refused:
        raise ProblemError(Kind.ROSTER_REFUSED) from None
