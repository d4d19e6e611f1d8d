"""What the registry of community members can say: the statements of its chain, in their one written form.

Each statement carries the evidence for itself, so that any member who downloads the chain can check every join without
asking anybody. Guarantees: one meaning has one byte string, fields have their sizes. Leaves what may follow what to
`service.cases.registry`, and making applications and invitations to `service.cases.joining`.
"""

from __future__ import annotations

from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused

MAX_PAYLOAD: Final = 32 * 1024

Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Account = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*(/[a-z0-9._~@+-]+)+\Z", max_length=120)]
"""Where and who, in small ASCII letters, as `github.com/alice`: one account has one name."""
Line = Annotated[str, Meta(min_length=1, max_length=300)]
Member = Annotated[bytes, Meta(min_length=32, max_length=32)]
Seal = Annotated[bytes, Meta(min_length=1216, max_length=1216)]
Verify = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]


class Application(Struct, frozen=True, forbid_unknown_fields=True):
    """What a member makes on their own machine, to join or to replace their key: nothing in it is secret."""

    registry: Hex32
    account: Account
    member_key: Member
    seal_key: Seal
    proof: Signature
    """Of possessing the member key, bound to registry, account and sealing key."""


class BySsh(Struct, frozen=True, forbid_unknown_fields=True, tag_field="by", tag="ssh"):
    """Identity by an SSH signature over the application's text."""

    key: Annotated[str, Meta(max_length=8192)]
    """The public key as one line, as the account publishes it."""
    published_at: Line
    """Where anyone can see that the account has this key, as https://github.com/alice.keys."""
    signature: Annotated[str, Meta(max_length=16384)]


class ByInvitation(Struct, frozen=True, forbid_unknown_fields=True, tag_field="by", tag="invitation"):
    """Identity by a registrar's word: an invitation for one account, good once, until a day."""

    nonce: Hex16
    until: Day
    registrar: Verify
    signature: Signature


class ByOldKey(Struct, frozen=True, forbid_unknown_fields=True, tag_field="by", tag="old_key"):
    """The member's own consent: a proof with the key in force, bound to what is to happen."""

    proof: Signature


class ByRegistrar(Struct, frozen=True, forbid_unknown_fields=True, tag_field="by", tag="registrar"):
    """Without the member: the root's own decision, with a reason that everyone reads."""

    reason: Line


class Found(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="found"):
    """The first statement: what the registry is called and which key signs it."""

    on: Day
    name: Line
    root: Verify


class Registrars(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="registrars"):
    """Who may invite from now on; the root key always may."""

    on: Day
    keys: Annotated[tuple[Verify, ...], Meta(max_length=32)]


class Join(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="join"):
    """An account becomes a member."""

    on: Day
    application: Application
    identity: BySsh | ByInvitation


class Rotate(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="rotate"):
    """A member replaces their key: with the old one's consent or, when it is lost, by proving who they are again."""

    on: Day
    application: Application
    identity: ByOldKey | BySsh | ByInvitation


class Leave(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="leave"):
    """A member leaves, or is removed."""

    on: Day
    account: Account
    consent: ByOldKey | ByRegistrar


class Freeze(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="freeze"):
    """All members of this moment become a snapshot, from which rings are made."""

    on: Day
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
    beacon_source: Line
    """Which public randomness of the future will deal sub-rings, said before it is known."""


class Beacon(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="beacon"):
    """The randomness that a snapshot's `beacon_source` promised."""

    on: Day
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
    value: Hex32


Statement = Found | Registrars | Join | Rotate | Leave | Freeze | Beacon


def encode_statement(statement: Statement) -> bytes:
    """Give the payload that is signed: JSON in declared order without white space."""
    return msgspec.json.encode(statement)


def decode_statement(payload: bytes) -> Statement:
    """Parse a payload. Refused unless it is exactly what `encode_statement` would write."""
    if len(payload) > MAX_PAYLOAD:
        raise Refused("registry: a statement is too long")
    try:
        statement = msgspec.json.decode(payload, type=Statement)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("registry: not a statement") from None
    if msgspec.json.encode(statement) != payload:
        raise Refused("registry: a statement is not in its one form")
    return cast("Statement", statement)


def decode_application(raw: bytes) -> Application:
    """Parse the file that a would-be member sends to a registrar (JSON). Refused when malformed."""
    if len(raw) > MAX_PAYLOAD:
        raise Refused("registry: an application is too long")
    try:
        return msgspec.json.decode(raw, type=Application)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("registry: not an application") from None
