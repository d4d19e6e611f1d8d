"""The folder of a member: their key file, what is public of it, and what they asked the registry's keeper for.

`member.key` holds the keys under a passphrase (service.member_keys); `member.json` says, in public terms, whose they
are and where, so that looking needs no passphrase; `next.key` and `next.json` are the same for keys that are to
replace them; `<registry>.json` is the chain as last accepted, which is what later ones have to go on from, and
`pins.json` the heads of the rosters of groups in whose polls this member looked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from crypto.entropy import system
from crypto.errors import Refused
from crypto.group import Point
from service import member_keys
from service.cases.registry import Registry
from service.cases.registry_statements import Account, Application, Hex32, decode_application
from service.cases.rosters import RosterHistory
from service.chain_files import alone, read_whole, write_whole
from service.console import read_passphrase
from service.member_keys import MemberKeys
from service.wire import pins
from service.wire.client import Client
from service.wire.registry_pins import fetch, verified_chain

STATE: Final = "member.json"
PINS_FILE: Final = "pins.json"
PINS_LOCK: Final = "pins.lock"
NEXT_KEY: Final = "next.key"
NEXT_STATE: Final = "next.json"
APPLICATION: Final = "application.json"
TO_SIGN: Final = "to-sign.txt"
MAX_SMALL: Final = 64 * 1_024


class MemberState(Struct, frozen=True, forbid_unknown_fields=True):
    """What is public of a member's keys, and where they were asked to be listed."""

    member_key: Hex32
    registry: Hex32 | None = None
    account: Account | None = None

    @property
    def public(self) -> Point:
        """The member key as the registry lists it."""
        return Point(bytes.fromhex(self.member_key))


@dataclass(frozen=True)
class MemberHome:
    """A member's folder. passphrase_file: as `service.console.read_passphrase` takes it."""

    folder: Path
    passphrase_file: Path | None

    def new(self, *, follows: bool = False) -> MemberKeys:
        """Make new keys; follows: to replace those that are here. Refused when such keys are here already."""
        path = self._key_file(follows)
        if path.exists():
            raise Refused("there is a member's key here already; it was not touched")
        passphrase = read_passphrase(self.passphrase_file, "New passphrase", confirm=True)
        made = member_keys.make(path, passphrase, entropy=system)
        self._remember(made, follows)
        return made

    def keys(self, *, follows: bool = False) -> MemberKeys:
        """Unlock the keys. Raises WrongPassphrase or DamagedKeyFile; Refused when there are none."""
        keys = member_keys.read(self._key_file(follows), read_passphrase(self.passphrase_file))
        if self._state(NEXT_STATE if follows else STATE) is None:
            self._remember(keys, follows)  # a crash came between the two files
        return keys

    def voting_key(self, voters: Collection[Point]) -> Path:
        """Name the key file whose key is among `voters`, by what is public: polls go by snapshots, in which it may be
        one that was replaced since, or one that is to replace the keys in force. Those in force where none is, for the
        caller to say so.
        """
        named = {self._old_file(each.raw.hex()) for each in voters}
        for path in self._old_files():
            if path in named:
                return path
        following = self._state(NEXT_STATE)
        follows = self.has_next() and following is not None and following.public in voters
        return self._key_file(follows)

    def check_there(self) -> None:
        """Refuse a folder that holds no member's keys, so that nothing is written into it: it may be the wrong one."""
        if not any(path.exists() for path in map(self._key_file, (False, True))) and not self._old_files():
            raise Refused(
                "there is no member's key file in that folder: name the one that has yours with --home, or make keys "
                "with `sottovoce member new`"
            )

    def keeps_old_of(self, listed: Iterable[Point]) -> bool:
        """Whether one of these keys was replaced and is here still: polls that list it are voted in with it."""
        old = set(self._old_files())
        return bool(old) and any(self._old_file(each.raw.hex()) in old for each in listed)

    def has_next(self) -> bool:
        """Whether there are keys that are to replace those in force."""
        return self._key_file(follows=True).exists()

    def state(self) -> MemberState:
        """Read what is public. Refused when there is nothing."""
        found = self._state(STATE)
        if found is None:
            raise Refused("there is no member's key here: make one with `sottovoce member new`")
        return found

    def following(self) -> MemberState | None:
        """Read what is public of the keys that are to replace those in force; None when there are none."""
        return self._state(NEXT_STATE)

    def check_free(self, registry: bytes, account: str) -> None:
        """Refuse keys that are listed elsewhere, or as somebody else, as this folder knows it: it would forget that."""
        state = self._state(STATE)
        if state is None or state.registry is None or state.account is None:
            return
        chain = verified_chain(self.folder / f"{state.registry}.json")
        found = None if chain is None else chain.registry.member(state.account)
        listed = found is not None and found.member_key == state.public
        if listed and (registry.hex(), account) != (state.registry, state.account):
            raise Refused(
                "these keys are listed in another registry or as another account, and this folder would forget it: "
                "make others for this one with --home and a folder of its own. If you are not listed there any more, "
                "run `sottovoce member check` first"
            )

    def belongs(self, registry: bytes, account: str) -> MemberState:
        """Remember where the keys were asked to be listed. Refused as `check_free` says."""
        self.check_free(registry, account)
        state = msgspec.structs.replace(self.state(), registry=registry.hex(), account=account)
        self._write(STATE, msgspec.json.encode(state))
        return state

    def prepare(self, application: Application, text: bytes) -> Path:
        """Keep an application until its signature comes. Gives the file to sign."""
        self._write(APPLICATION, msgspec.json.encode(application))
        self._write(TO_SIGN, text)
        return self.folder / TO_SIGN

    def prepared(self) -> Application:
        """Read the application that `prepare` kept. Refused when there is none."""
        if not (self.folder / APPLICATION).exists():
            raise Refused("prepare the application first: `sottovoce member apply --registry … --account …`")
        return decode_application(read_whole(self.folder / APPLICATION, MAX_SMALL))

    def registry(self, client: Client, state: MemberState) -> Registry:
        """Download the registry that the keys belong to, and hold it against what was accepted before."""
        if state.registry is None:
            raise Refused("these keys belong to no registry yet: `sottovoce member apply`")
        return fetch(client, bytes.fromhex(state.registry), self.folder)

    def accept(self, history: RosterHistory) -> None:
        """Pin a group's roster, for voting. Raises pins.RolledBack or pins.Forked.

        Refused when the group names another registry than the one these keys belong to: among others' members, made up
        by who asked for the vote, a member would be alone.
        """
        state, named = self._state(STATE), history.latest.registry
        if state is not None and state.registry is not None and named != bytes.fromhex(state.registry):
            raise Refused(
                "the poll's group doesn't name the registry of members that you joined: nobody in it is known to you, "
                "so your vote might not be secret. If you belong to both communities, vote with --home and the folder "
                "of the other one"
            )
        path = self.folder / PINS_FILE
        with alone(
            self.folder / PINS_LOCK
        ):  # of two commands at once, one would write over what the other pinned
            pins.save(path, pins.load(path).accept(history))

    def take_over(self) -> MemberState:
        """Put the new keys in place of the old ones, which stay beside them: they open what was sealed to them."""
        old, new = self.state(), self.following()
        if new is None:
            return old
        key, waits = self._key_file(follows=False), self._key_file(follows=True)
        if waits.exists():  # else a crash came after the files were moved
            if key.exists():
                key.replace(self._old_file(old.member_key))
            waits.replace(key)
        state = msgspec.structs.replace(new, registry=old.registry, account=old.account)
        self._write(STATE, msgspec.json.encode(state))
        (self.folder / NEXT_STATE).unlink()
        return self.state()

    def _key_file(self, follows: bool) -> Path:
        return self.folder / (NEXT_KEY if follows else member_keys.FILE)

    def _old_file(self, member_key: str) -> Path:
        return self.folder / f"old-{member_key[:16]}.key"

    def _old_files(self) -> list[Path]:
        return list(self.folder.glob("old-*.key"))

    def _remember(self, keys: MemberKeys, follows: bool) -> None:
        state = MemberState(keys.member.public().raw.hex())
        self._write(NEXT_STATE if follows else STATE, msgspec.json.encode(state))

    def _state(self, name: str) -> MemberState | None:
        path = self.folder / name
        if not path.exists():
            return None
        try:
            return msgspec.json.decode(read_whole(path, MAX_SMALL), type=MemberState)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Refused("a file of the member's folder is damaged: restore it from a backup") from None

    def _write(self, name: str, content: bytes) -> None:
        write_whole(self.folder / name, content)
