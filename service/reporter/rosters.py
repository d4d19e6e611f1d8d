"""The rosters by which letters are believed and answers addressed, fetched without telling which of them are needed.

A letter names the groups that its report was forwarded to. The server knows of every report who was handed it, so a
request for those groups alone would tell it whose mailbox was opened. So all rosters are fetched, or none.
"""

from __future__ import annotations

from crypto.errors import Refused
from service.cases.rosters import Roster
from service.wire import calls
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.problems import Kind


class Rosters:
    """The rosters in force of all groups that a server lists, fetched together when the first is looked at."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._all: dict[str, Roster | Refused | Declined | None] | None = None

    def of(self, group: str) -> Roster | None:
        """Give a group's roster, by the group's id in hex; None when the server lists no such group.

        Raises Refused or Declined where that one was not to be had, and Unreachable.
        """
        if self._all is None:
            listed = self._client.do(calls.groups()).groups
            self._all = {head.group: self._asked(head.group) for head in listed}
        found = self._all.get(group)
        if isinstance(found, Refused | Declined):
            raise found
        return found

    def _asked(self, group: str) -> Roster | Refused | Declined | None:
        """Fetch one. What is wrong with it is no matter unless a letter names it."""
        try:
            return self._client.do(calls.roster(bytes.fromhex(group))).latest
        except Declined as problem:
            return None if problem.kind is Kind.NOT_FOUND else problem
        except Refused as refused:
            return refused
