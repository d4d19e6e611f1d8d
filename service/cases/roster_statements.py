"""What the root key of a working group can say: the statements of its chain, in their one written form, and cards.

Guarantees: one meaning has one byte string, fields have their sizes, a card's proof binds its pseudonym and keys.
Leaves what may follow what to `service.cases.rosters`, and signatures over statements to crypto.chains.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, cast

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused
from crypto.labels import Label
from crypto.seal import PublicKey
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from service.cases.names import MAX_NAME, checked_name, readable_name
from service.cases.policies import MAX_LANGUAGES, LanguageTag, Policy

MAX_RECIPIENTS: Final = 32  # what an envelope can hold
MAX_PAYLOAD: Final = 512 * 1024

Role = Literal["handler", "council", "mediator"]
Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Languages = Annotated[tuple[LanguageTag, ...], Meta(min_length=1, max_length=MAX_LANGUAGES)]
Minimum = Annotated[int, Meta(ge=1, le=MAX_RECIPIENTS)]
Verify = Annotated[bytes, Meta(min_length=32, max_length=32)]
Seal = Annotated[bytes, Meta(min_length=1216, max_length=1216)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]


class HandlerCard(Struct, frozen=True, forbid_unknown_fields=True):
    """What a handler gives to who holds the root key: public, made by `sottovoce desk init`.

    The signature shows that whoever made the card holds the signing key, and binds pseudonym and sealing key to it.
    It can't show possession of the sealing key: a handler with a wrong one reads nothing, and nobody else does.
    """

    pseudonym: Name
    verify_key: Verify
    seal_key: Seal
    proof: Signature


class Found(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="found"):
    """The first statement. The root key makes the group's id."""

    name: Name
    languages: Languages
    minimum: Minimum
    alternate: Hex16 | None
    root: Verify


class Settings(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="settings"):
    """The group's name, languages, minimum of recipients and alternate group, all anew."""

    name: Name
    languages: Languages
    minimum: Minimum
    alternate: Hex16 | None


class Add(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="add"):
    """A handler, council member or mediator joins with the card they made."""

    handler: Hex16
    role: Role
    card: HandlerCard


class Rotate(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="rotate"):
    """A handler changes to new keys; what was sealed to the old ones stays theirs to fetch."""

    handler: Hex16
    card: HandlerCard


class Retire(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="retire"):
    """A handler leaves. Their keys can't come back."""

    handler: Hex16


class Publish(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="policy"):
    """The group's policy, whole."""

    policy: Policy


class Members(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="members"):
    """Whose voices count for this group: the registry of members it trusts, or none any more.

    Signed by the group's root, so that no server can make a group believe a registry full of made-up members.
    """

    registry: Hex32 | None


Statement = Found | Settings | Add | Rotate | Retire | Publish | Members


def make_card(pseudonym: str, signing: SigningKey, seal_key: PublicKey) -> HandlerCard:
    """Make the card that a handler hands to the group's root. Refused for a name that `checked_name` refuses."""
    name = checked_name(pseudonym)
    key = signing.verify_key()
    proof = sign(signing, Label.HANDLER_CARD, name.encode(), key.raw, seal_key.raw)
    return HandlerCard(name, key.raw, seal_key.raw, proof)


def checked_card(card: HandlerCard) -> HandlerCard:
    """Give the card back when its proof holds; else Refused."""
    readable_name(card.pseudonym)
    verify(
        VerifyKey(card.verify_key),
        Label.HANDLER_CARD,
        card.proof,
        card.pseudonym.encode(),
        card.verify_key,
        card.seal_key,
    )
    PublicKey(card.seal_key)
    return card


def encode_statement(statement: Statement) -> bytes:
    """Give the payload that is signed: JSON in declared order without white space."""
    return msgspec.json.encode(statement)


def decode_statement(payload: bytes) -> Statement:
    """Parse a payload. Refused unless it is just what `encode_statement` writes: one meaning has one form."""
    if len(payload) > MAX_PAYLOAD:
        raise Refused("roster: a statement is too long")
    try:
        statement = msgspec.json.decode(payload, type=Statement)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("roster: not a statement") from None
    if msgspec.json.encode(statement) != payload:
        raise Refused("roster: a statement is not in its one form")
    return cast("Statement", statement)
