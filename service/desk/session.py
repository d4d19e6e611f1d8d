"""A handler's desk, open: keys unlocked, the local store at hand, the rosters it has verified.

The keys live here for as long as one command runs, or the local page is open. Talks to no server; sync.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from crypto.entropy import Entropy
from crypto.errors import Refused
from service.cases.choosing import of_name
from service.cases.rosters import Handler, Roster, RosterHistory, verified_history
from service.console import hex_id
from service.desk.actions import Author, Desk
from service.desk.casebook import Case, assemble
from service.desk.keys import HandlerKey, Pair
from service.desk.records import Body, Cursors, Held, LogLine, Unreadable, Waiting
from service.desk.vault import Vault
from service.wire.pins import Pins
from service.wire.signing import Signer

_NOT_STORED_YET = 2**60  # after everything the server has stored


class Setup(Struct, frozen=True):
    """Where this desk belongs."""

    server: str
    group: str
    pseudonym: str
    proxy: str | None = None


class Chain(Struct, frozen=True):
    """A group's verified statements, kept so that the desk works offline."""

    group: str
    statements: tuple[bytes, ...]


@dataclass
class Session:
    """One open desk."""

    vault: Vault
    key: HandlerKey
    setup: Setup
    entropy: Entropy
    _histories: dict[str, RosterHistory] = field(default_factory=dict, repr=False)

    @property
    def group(self) -> bytes:
        """Id of the handler's own group."""
        return bytes.fromhex(self.setup.group)

    @property
    def own_roster(self) -> Roster | None:
        """The roster in force of the handler's own group; None before the first sync."""
        return None if self.vault.read("chain", self.group) is None else self.roster_of(self.group)

    @property
    def in_force(self) -> Pair:
        """The keys that the group's roster names: the former ones, until new ones are in the chain that was synced."""
        return self.key.in_force(self.own_roster if self.key.former else None)

    @property
    def signer(self) -> Signer:
        """Who signs this desk's requests."""
        pair = self.in_force
        return Signer(self.group, pair.key_id, pair.signing)

    def desk(self, now_s: int) -> Desk:
        """Give what every act needs."""
        return Desk(Author(self.setup.pseudonym, self.in_force.signing), now_s, self.entropy)

    # Rosters

    def roster_of(self, group: bytes) -> Roster:
        """Give the roster in force of a group. Raises Refused when this desk has not synced it."""
        return self.history_of(group).latest

    def history_of(self, group: bytes) -> RosterHistory:
        """Give a group's verified history from the local store."""
        known = self._histories.get(group.hex())
        if known is not None:
            return known
        chain = self.vault.get("chain", group, Chain)
        if chain is None:
            raise Refused("this desk doesn't know that group yet: run `sottovoce desk sync`")
        history = verified_history(group, chain.statements)
        self._histories[group.hex()] = history
        return history

    def known_history(self, group: str) -> RosterHistory | None:
        """Give a group's verified history by its hex id; None where this desk never fetched its list."""
        raw = bytes.fromhex(group)
        return None if self.vault.read("chain", raw) is None else self.history_of(raw)

    def histories(self) -> dict[str, RosterHistory]:
        """Give all verified histories by the group's hex id."""
        for chain in self.vault.every("chain", Chain):
            self.history_of(bytes.fromhex(chain.group))
        return dict(self._histories)

    def keep_chain(self, group: bytes, statements: Iterable[bytes], history: RosterHistory) -> None:
        """Accept a fetched chain. Raises pins.RolledBack or pins.Forked when it contradicts what was seen before."""
        raw = self.vault.read("pins", b"")
        pins = (Pins() if raw is None else Pins.from_bytes(raw)).accept(history).to_bytes()
        chain = Chain(group.hex(), tuple(statements))
        if pins != raw or self.vault.get("chain", group, Chain) != chain:
            with self.vault.transaction():
                self.vault.put("pins", b"", pins)
                self.vault.put("chain", group, chain)
        self._histories[group.hex()] = history

    # Cases

    def cases(self) -> dict[str, Case]:
        """Assemble all cases, with what waits in the outbox already counted in."""
        logs: dict[str, list[LogLine]] = {}
        for line in self.vault.every("log", LogLine):
            logs.setdefault(line.report, []).append(line)
        for place, item in enumerate(self.outbox()):
            if item.what == "entry":
                mine = LogLine(item.report, _NOT_STORED_YET + place, item.signed, trusted=True)
                logs.setdefault(item.report, []).append(mine)
        return assemble(self.vault.every("held", Held), logs, self.known_history)

    def unreadable(self) -> list[Unreadable]:
        """What came and didn't open, in the order of its days."""
        return sorted(self.vault.every("unreadable", Unreadable), key=lambda one: (one.day or 0, one.id))

    def find(self, prefix: str, among: Mapping[str, Case] | None = None) -> Case:
        """Find a case by the beginning of its id (at least four characters). Refused unless it is one, and opened.

        among: all cases, where they are at hand.
        """
        wanted = prefix.strip().lower()
        if len(wanted) < 4:
            raise Refused("give at least four characters of the report's id")
        cases = self.cases() if among is None else among
        found = [case for case_id, case in cases.items() if case_id.startswith(wanted)]
        if not found:
            for one in self.unreadable():
                if one.id.startswith(wanted):
                    raise Refused(f"that one could not be opened: {one.reason}")
            raise Refused("no such report at this desk: `sottovoce desk list` shows them")
        if len(found) > 1:
            raise Refused("more than one report begins like that: give more characters of the id")
        return found[0]

    def find_to_act(self, prefix: str) -> Case:
        """Find a case as `find` does, to act on it. Refused too once this handler stepped out of it."""
        return self.still_in(self.find(prefix))

    def still_in(self, case: Case) -> Case:
        """Give the case. Refused where this handler stepped out of it: what they did since would stand below that."""
        if self.stepped_out(case):
            raise Refused("you stepped out of this report: the next sync takes it from this desk")
        return case

    def stepped_out(self, case: Case) -> bool:
        """Whether this handler stepped out of a case that the next sync takes from this desk, by any of its keys."""
        return any(pair.signing.verify_key().raw.hex() in case.state.recused for pair in self.key.pairs)

    def body_of(self, held: Held) -> Body:
        """Give the texts of an opened envelope."""
        body = self.vault.get("body", bytes.fromhex(held.id), Body)
        if body is None:
            raise Refused("the texts of this report are not here any more")
        return body

    def file_of(self, held: Held, number: int) -> bytes:
        """Give the bytes of an attachment, counted from 0."""
        raw = self.vault.read("file", bytes.fromhex(held.id) + number.to_bytes(2, "big"))
        if raw is None:
            raise Refused("there is no such attachment")
        return raw

    def cursors(self, group: bytes) -> Cursors:
        """How far this desk has read."""
        return self.vault.get("cursors", group, Cursors) or Cursors()

    # Outbox

    def enqueue(self, items: Iterable[Waiting]) -> None:
        """Put items into the outbox, all or none."""
        with self.vault.transaction():
            kept = self.vault.read("lastplace", b"")
            # The last place is kept: to look for it in the outbox would take thousands of acts their square of time.
            place = (
                max((item.place for item in self.outbox()), default=0)
                if kept is None
                else int.from_bytes(kept, "big")
            )
            for item in items:
                place += 1
                self.vault.put("outbox", bytes.fromhex(item.item), msgspec.structs.replace(item, place=place))
            self.vault.put("lastplace", b"", place.to_bytes(8, "big"))

    def outbox(self) -> list[Waiting]:
        """What waits to be sent, oldest first."""
        return sorted(
            self.vault.every("outbox", Waiting), key=lambda item: (item.made_s, item.place, item.item)
        )


def handlers_named(roster: Roster, names: Iterable[str]) -> list[Handler]:
    """Find active handlers by pseudonym; all recipients when no name is given. Refused unless each is one person's."""
    wanted = list(names)
    if not wanted:
        return list(roster.recipients)
    found = []
    for name in wanted:
        handler = of_name(roster.active, name.strip())
        if handler is None:
            raise Refused("one of the names is not in that group's list, or more than one have it")
        found.append(handler)
    return found


def read_part(path: Path, absent: str) -> bytes:
    """Read a file of a desk. absent: what to say when there is none. Raises Refused."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Refused(absent) from None
    except OSError as error:
        raise Refused(f"a file of the desk can't be read: {error.strerror}") from None


def read_setup(path: Path) -> Setup:
    """Read a desk.json. Refused when there is no desk, or when it is damaged."""
    raw = read_part(path, "there is no desk here yet: run `sottovoce desk init`")
    try:
        setup = msgspec.json.decode(raw, type=Setup)
        hex_id(setup.group, 16, "a group's id")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Refused):
        raise Refused("desk.json is damaged: restore it") from None
    return setup
