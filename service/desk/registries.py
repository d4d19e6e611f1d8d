"""The registries of members that this desk's groups name: fetched at sync, kept, and never taken back.

Guarantees: what a desk has seen of a registry is the beginning of whatever it accepts later, since it keeps the chain
and asks only for what follows its last statement; a server that shows an older or another chain is told of, and no
voice is heard by it. The registry's id comes from the group's roster, which its root signed.
Leaves to reading.py the hearing of voices, which needs the registry this gives.
"""

from __future__ import annotations

from msgspec import Struct

from crypto.chains import Statement as Link
from crypto.errors import Refused
from crypto.labels import Label
from service.cases.registry import MAX_STATEMENTS, Registry, registry_root, verified_registry
from service.desk.reading import listen, up_to_date
from service.desk.records import Held
from service.desk.session import Session
from service.wire import registry_calls
from service.wire.client import Client, Declined

GONE = "the registry of members that the group names is not on this server: no new voice can be checked"


class RolledBack(Refused):
    """The server shows less of a registry than this desk has seen."""

    def __init__(self) -> None:
        super().__init__(
            "The server shows an older list of members than this desk has seen before. Someone may be hiding a "
            "change. No voice is checked by it; ask the registry's keeper over another way."
        )


class Forked(Refused):
    """The server shows a registry that contradicts what this desk has seen."""

    def __init__(self) -> None:
        super().__init__(
            "The server shows a list of members that contradicts the one this desk has seen before. The registry's "
            "key signed two histories, or was stolen. No voice is checked by it; ask its keeper over another way."
        )


class _Kept(Struct, frozen=True):
    """A registry's chain as far as this desk has verified it."""

    registry: str
    statements: tuple[bytes, ...] = ()


def pull_registries(session: Session, client: Client) -> list[str]:
    """Fetch the registry of every group with reports here, and hear what was not heard yet. Gives warnings.

    Raises Unreachable, or Declined for anything but a registry that the server doesn't have.
    """
    groups = {session.group} | {bytes.fromhex(held.group) for held in session.vault.every("held", Held)}
    histories = session.histories()
    warnings: list[str] = []
    for group in sorted(groups):
        history = histories.get(group.hex())
        if history is None or history.latest.registry is None:
            continue
        try:
            statements = _pulled(session, client, group, history.latest.registry)
            if up_to_date(session, group, history.latest.registry, _head(statements)):
                continue  # verifying a registry of a thousand takes a second
            registry = _verified(history.latest.registry, statements)
            session.vault.put("registry", group, _Kept(registry.id.hex(), statements))
        except Declined as problem:
            if problem.status != 404:
                raise
            warnings.append(GONE)
        except Refused as refused:
            warnings.append(refused.reason)
        else:
            listened = listen(session, group, registry)
            if listened.waiting:
                warnings.append(f"{listened.waiting} reports with a voice are left to check: sync again")
    return warnings


def _pulled(session: Session, client: Client, group: bytes, registry: bytes) -> tuple[bytes, ...]:
    """Fetch what is new of a registry, and give the whole; the new part is not verified yet."""
    kept = session.vault.get("registry", group, _Kept)
    if kept is None or kept.registry != registry.hex():
        kept = _Kept(registry.hex())
    known = list(kept.statements)
    # The last known statement is asked for again: it shows that the server goes on from where this desk is.
    after = max(len(known) - 1, 0)
    sent: list[bytes] = []
    while True:
        page = client.do(registry_calls.statements(registry, after + len(sent)))
        sent += page.statements
        if not page.more:
            break
        if after + len(sent) > MAX_STATEMENTS:
            raise Refused("the registry of members is too long")
    if known and not sent:
        raise RolledBack
    if known and sent[0] != known[-1]:
        raise Forked
    statements = (*known[:after], *sent)
    if not statements:
        raise Refused("the server answered with an empty registry of members")
    return statements


def _head(statements: tuple[bytes, ...]) -> bytes:
    return Link.parse(statements[-1], Label.REGISTRY).digest


def _verified(registry: bytes, statements: tuple[bytes, ...]) -> Registry:
    return verified_registry(statements, registry_root(registry, statements[0]))
