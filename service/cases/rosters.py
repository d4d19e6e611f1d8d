"""Who is in a working group: a fold over the chain of statements that the group's root key signed.

Guarantees: a `Roster` can't exist with two handlers of one name or one key, with a group that was not founded, or with
a policy below the universal baseline; the same statements give the same roster everywhere. The digest of a roster
is the digest of its head link. Leaves signatures and links to crypto.chains, and to service.wire.pins the
remembering of heads, by which a rollback or a split view is noticed. Two names are one when they differ in case only;
what is said anew is held to more: `check_new`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from crypto import chains
from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.seal import PublicKey
from crypto.signatures import VerifyKey
from service.cases.names import MAX_NAME, checked_name, folded, readable_name
from service.cases.policies import checked_policy
from service.cases.roster_history import Handler, Roster, RosterHistory
from service.cases.roster_statements import (
    MAX_PAYLOAD,
    MAX_RECIPIENTS,
    Add,
    Found,
    HandlerCard,
    Members,
    Publish,
    Retire,
    Role,
    Rotate,
    Settings,
    Statement,
    checked_card,
    decode_statement,
    encode_statement,
    make_card,
)

__all__ = [
    "MAX_HANDLERS",
    "MAX_NAME",
    "MAX_PAYLOAD",
    "MAX_RECIPIENTS",
    "MAX_STATEMENTS",
    "Add",
    "Found",
    "Handler",
    "HandlerCard",
    "Members",
    "Publish",
    "Retire",
    "Role",
    "Roster",
    "RosterHistory",
    "Rotate",
    "Settings",
    "Statement",
    "check_new",
    "checked_card",
    "decode_statement",
    "encode_statement",
    "fold",
    "group_id_of",
    "make_card",
    "root_of",
    "step",
    "verified_history",
]

MAX_HANDLERS: Final = 256  # over a group's life
MAX_STATEMENTS: Final = 1_024


def group_id_of(root: VerifyKey) -> bytes:
    """Give the 16-byte id of the group of a root key."""
    return digest(Label.GROUP_ID, root.raw, size=16)


def verified_history(group: bytes, statements: Sequence[bytes]) -> RosterHistory:
    """Verify a group's chain of raw statements and fold it. `group`: the id that stands for its root key.

    Raises the Refused of crypto.chains for a forged or broken chain, and Refused for one that says what can't be.
    A desk meets the same few chains with every sync and page: those that were verified last are not verified again.
    """
    return _verified(group, tuple(statements))


@lru_cache(maxsize=16)
def _verified(group: bytes, statements: tuple[bytes, ...]) -> RosterHistory:
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
        case Members(registry=registry):
            return replace(roster, registry=None if registry is None else bytes.fromhex(registry))


def check_new(roster: Roster | None, statement: Statement) -> None:
    """Refuse a statement that is about to be signed or accepted for its names, where an old chain is still read.

    roster: what it follows; None for the first. Names keep to `checked_name`, and no two active handlers have names
    that fold to the same. SPEC.md §4 says why chains are read by less.
    """
    match statement:
        case Found(name=name):
            checked_name(name)
        case Settings(name=name) if roster is None or name != roster.name:
            checked_name(name)
        case Add(handler=owner, card=card) | Rotate(handler=owner, card=card):
            wanted = folded(checked_name(card.pseudonym))
            others = () if roster is None else roster.active
            if any(other.id.hex() != owner and folded(other.pseudonym) == wanted for other in others):
                raise Refused("roster: two handlers would have the same name, or names that look the same")
        case _:
            pass


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
    readable_name(statement.name)
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
        # Two handlers of one name would let a reporter leave out the wrong one. Read as chains always were: `check_new`
        # holds new statements to more, and `choosing` leaves out everybody of a name.
        if (
            handler.id != owner
            and handler.active
            and handler.pseudonym.casefold() == card.pseudonym.casefold()
        ):
            raise Refused("roster: two handlers have the same name")
    return card
