"""Who is in a working group: a fold over the chain of statements that the group's root key signed.

Guarantees: a `Roster` can't exist with two handlers of one name or one key, with a group that was not founded, or with
a policy below the universal baseline; the same statements give the same roster everywhere. The digest of a roster
is the digest of its head link. Leaves signatures and links to crypto.chains, and to service.wire.pins the
remembering of heads, by which a rollback or a split view is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta, Struct

from crypto import chains
from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.seal import PublicKey
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from service.cases.policies import MAX_LANGUAGES, LanguageTag, Policy, checked_policy
from service.cases.texts import checked_text

MAX_NAME = 120
MAX_RECIPIENTS = 32  # what an envelope can hold
MAX_HANDLERS = 256  # over a group's life
MAX_STATEMENTS = 1_024
MAX_PAYLOAD = 512 * 1024

Role = Literal["handler", "council", "mediator"]
Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
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


Statement = Found | Settings | Add | Rotate | Retire | Publish


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


def group_id_of(root: VerifyKey) -> bytes:
    """Give the 16-byte id of the group of a root key."""
    return digest(Label.GROUP_ID, root.raw, size=16)


def make_card(pseudonym: str, signing: SigningKey, seal_key: PublicKey) -> HandlerCard:
    """Make the card that a handler hands to the group's root."""
    name = _named(pseudonym)
    key = signing.verify_key()
    proof = sign(signing, Label.HANDLER_CARD, name.encode(), key.raw, seal_key.raw)
    return HandlerCard(name, key.raw, seal_key.raw, proof)


def checked_card(card: HandlerCard) -> HandlerCard:
    """Give the card back when its proof holds; else Refused."""
    _named(card.pseudonym)
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


def verified_history(group: bytes, statements: Sequence[bytes]) -> RosterHistory:
    """Verify a group's chain of raw statements and fold it. `group`: the id that stands for its root key.

    Raises the Refused of crypto.chains for a forged or broken chain, and Refused for one that says what can't be.
    """
    root = root_of(group, statements)
    chain = chains.verify_chain(statements, root, Label.ROSTER)
    return fold([(s.payload, s.digest) for s in chain.statements], root)


def root_of(group: bytes, statements: Sequence[bytes]) -> VerifyKey:
    """Find the root key in a group's first statement: the one that the group's id stands for. Refused otherwise."""
    if not 0 < len(statements) <= MAX_STATEMENTS:
        raise Refused("roster: the chain is empty or too long")
    first = decode_statement(chains.Statement.parse(statements[0], Label.ROSTER).payload)
    if not isinstance(first, Found):
        raise Refused("roster: the first statement has to found the group")
    root = VerifyKey(first.root)
    if group_id_of(root) != group:
        raise Refused("roster: it is another group's")
    return root


def fold(links: Sequence[tuple[bytes, bytes]], root: VerifyKey) -> RosterHistory:
    """Fold verified links (payload, link digest), oldest first, into the group's history.

    Refused when a statement can't follow the ones before it; nothing is skipped.
    """
    if not 0 < len(links) <= MAX_STATEMENTS:
        raise Refused("roster: the chain is empty or too long")
    rosters: list[Roster] = []
    for seq, (payload, link) in enumerate(links):
        statement = decode_statement(payload)
        if seq == 0:
            rosters.append(_found(statement, root, link))
        else:
            rosters.append(step(rosters[-1], statement, link))
    return RosterHistory(tuple(rosters))


def step(roster: Roster, statement: Statement, link: bytes) -> Roster:
    """Apply one more statement. Refused when it can't follow."""
    roster = replace(roster, seq=roster.seq + 1, digest=link)
    match statement:
        case Found():
            raise Refused("roster: a group can't be founded twice")
        case Settings():
            return replace(
                roster,
                alternate=_checked_settings(statement, roster.group),
                name=statement.name,
                languages=statement.languages,
                minimum=statement.minimum,
            )
        case Add():
            return _add(roster, statement)
        case Rotate():
            return _rotate(roster, statement)
        case Retire():
            return _change(roster, statement.handler, lambda handler: replace(handler, active=False))
        case Publish():
            return replace(roster, policy=checked_policy(statement.policy))


def _found(statement: Statement, root: VerifyKey, link: bytes) -> Roster:
    if not isinstance(statement, Found):
        raise Refused("roster: the first statement has to found the group")
    if statement.root != root.raw:
        raise Refused("roster: the group was founded by another root key")
    group = group_id_of(root)
    return Roster(
        group=group,
        root=root,
        seq=0,
        digest=link,
        name=statement.name,
        languages=statement.languages,
        minimum=statement.minimum,
        alternate=_checked_settings(statement, group),
    )


def _checked_settings(statement: Found | Settings, group: bytes) -> bytes | None:
    """Check a group's name, languages and alternate; give the alternate group's id."""
    _named(statement.name)
    if len(set(statement.languages)) != len(statement.languages):
        raise Refused("roster: a language is listed twice")
    alternate = None if statement.alternate is None else bytes.fromhex(statement.alternate)
    if alternate == group:
        raise Refused("roster: a group can't be its own alternate")
    return alternate


def _add(roster: Roster, statement: Add) -> Roster:
    if len(roster.handlers) >= MAX_HANDLERS:
        raise Refused("roster: the group has too many handlers")
    handler_id = bytes.fromhex(statement.handler)
    if any(handler.id == handler_id for handler in roster.handlers):
        raise Refused("roster: a handler is added twice")
    card = _fresh(roster, statement.card, None)
    sealed = PublicKey(card.seal_key)
    handler = Handler(
        id=handler_id,
        pseudonym=card.pseudonym,
        role=statement.role,
        verify_keys=(VerifyKey(card.verify_key),),
        seal_key=sealed,
        key_ids=(sealed.key_id,),
    )
    return replace(roster, handlers=(*roster.handlers, handler))


def _rotate(roster: Roster, statement: Rotate) -> Roster:
    card = _fresh(roster, statement.card, bytes.fromhex(statement.handler))
    sealed = PublicKey(card.seal_key)

    def rotated(handler: Handler) -> Handler:
        return replace(
            handler,
            pseudonym=card.pseudonym,
            verify_keys=(*handler.verify_keys, VerifyKey(card.verify_key)),
            seal_key=sealed,
            key_ids=(*handler.key_ids, sealed.key_id),
        )

    return _change(roster, statement.handler, rotated)


def _change(roster: Roster, handler_hex: str, change: Callable[[Handler], Handler]) -> Roster:
    handler_id = bytes.fromhex(handler_hex)
    if not any(handler.id == handler_id and handler.active for handler in roster.handlers):
        raise Refused("roster: no such active handler")
    return replace(
        roster,
        handlers=tuple(
            change(handler) if handler.id == handler_id else handler for handler in roster.handlers
        ),
    )


def _fresh(roster: Roster, card: HandlerCard, owner: bytes | None) -> HandlerCard:
    """Check a card's proof, that its keys were never used in this group, and that its name is free."""
    checked_card(card)
    key_id = PublicKey(card.seal_key).key_id
    for handler in roster.handlers:
        if key_id in handler.key_ids or any(card.verify_key == key.raw for key in handler.verify_keys):
            raise Refused("roster: a key is used twice")
        # Two handlers of one name would let a reporter leave out the wrong one.
        if (
            handler.id != owner
            and handler.active
            and handler.pseudonym.casefold() == card.pseudonym.casefold()
        ):
            raise Refused("roster: two handlers have the same name")
    return card


def _named(name: str) -> str:
    checked_text(name, MAX_NAME, "a name")
    if not name.strip() or name != name.strip() or re.search(r"[\n\t]", name):
        raise Refused("a name has to be one line of text without spaces around it")
    return name
