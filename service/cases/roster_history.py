"""What a roster is: the people of a working group at one moment, and all the rosters that a group had.

These are values: that they say what the group's root key signed is `service.cases.rosters`' to see to.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from crypto.errors import Refused
from crypto.seal import PublicKey
from crypto.signatures import VerifyKey
from service.cases.policies import Policy
from service.cases.roster_statements import Role


@dataclass(frozen=True, slots=True)
class Handler:
    """A member of the group with the keys that hold now and the ids of all they ever had."""

    id: bytes
    pseudonym: str
    role: Role
    verify_keys: tuple[VerifyKey, ...]
    seal_key: PublicKey
    key_ids: tuple[bytes, ...]
    """Of the sealing keys. Newest last, as in `verify_keys`; what an old key signed or could open stays theirs."""
    active: bool = True

    @property
    def verify_key(self) -> VerifyKey:
        """The signing key in force."""
        return self.verify_keys[-1]

    @property
    def key_id(self) -> bytes:
        """16-byte id of the sealing key in force."""
        return self.key_ids[-1]


@dataclass(frozen=True)
class Roster:
    """The group as of one statement."""

    group: bytes
    root: VerifyKey
    seq: int
    digest: bytes
    name: str
    languages: tuple[str, ...]
    minimum: int
    alternate: bytes | None
    handlers: tuple[Handler, ...] = ()
    policy: Policy | None = None
    registry: bytes | None = None
    """The 32-byte id of the registry whose members' voices count here."""

    @property
    def active(self) -> tuple[Handler, ...]:
        """All who have not retired, in the order they came."""
        return tuple(h for h in self.handlers if h.active)

    @property
    def recipients(self) -> tuple[Handler, ...]:
        """Those a report goes to unless the reporter leaves them out: active, in the role of handler."""
        return tuple(h for h in self.handlers if h.active and h.role == "handler")

    def by_key(self, key_id: bytes) -> Handler | None:
        """Find who has or had a key, active or not."""
        return self._by_key.get(key_id)

    @cached_property
    def _by_key(self) -> dict[bytes, Handler]:
        return {key_id: handler for handler in self.handlers for key_id in handler.key_ids}

    @cached_property
    def recipient_keys(self) -> frozenset[bytes]:
        """Key ids of the recipients, as a report may name them."""
        return frozenset(handler.key_id for handler in self.recipients)

    def by_verify_key(self, raw: bytes) -> Handler | None:
        """Find whose signing key this is or was, active or not."""
        return next((h for h in self.handlers if any(raw == key.raw for key in h.verify_keys)), None)


@dataclass(frozen=True, slots=True)
class RosterHistory:
    """All rosters of a group, oldest first; the last is in force."""

    rosters: tuple[Roster, ...]
    _by_digest: dict[bytes, Roster] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.rosters:
            raise Refused("roster: the chain is empty")
        self._by_digest.update({roster.digest: roster for roster in self.rosters})

    @property
    def latest(self) -> Roster:
        """The roster in force."""
        return self.rosters[-1]

    def at(self, roster_digest: bytes) -> Roster | None:
        """Find the roster with this digest, if it was ever in force."""
        return self._by_digest.get(roster_digest)

    def left_out(self, then: Roster, recipients: Collection[bytes]) -> tuple[Handler, ...]:
        """Give whom a reporter saw in `then` and left out, as each roster since has them: by all their names and keys.

        then: the roster, of this history, that the report names; recipients: the key ids in its header.
        """
        ids = {handler.id for handler in then.recipients if handler.key_id not in recipients}
        since = (roster.handlers for roster in self.rosters[then.seq :])
        return tuple(dict.fromkeys(one for handlers in since for one in handlers if one.id in ids))
