"""The registries of members that this desk's groups name: fetched at sync, kept, and never taken back.

Guarantees: what a desk has seen of a registry is the beginning of whatever it accepts later, since it keeps the chain;
a server that shows an older or another one is told of, and no voice is heard by it. The registry's id comes from the
group's roster, which its root signed.
Leaves to reading.py the hearing of voices, which needs the registry this gives.
"""

from __future__ import annotations

from msgspec import Struct

from crypto.errors import Refused
from service.cases.registry import Registry
from service.desk.reading import listen
from service.desk.records import Held
from service.desk.session import Session
from service.desk.sync_failures import TELL, Failures
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.registry_pins import follow

GONE = "the registry of members that the group names is not on this server: no new voice can be checked"
FAILED = "the server fails with the registry of members that the group names, so no new voice is checked"


class _Kept(Struct, frozen=True):
    """A registry's chain as far as this desk has verified it."""

    registry: str
    statements: tuple[bytes, ...] = ()


def pull_registries(session: Session, client: Client, failures: Failures) -> tuple[int, list[str]]:
    """Fetch the registry of every group with reports here, and hear what was not heard yet.

    Gives in how many reports voices were checked, and warnings. Raises Unreachable or Declined.
    """
    groups = {session.group} | {bytes.fromhex(held.group) for held in session.vault.every("held", Held)}
    histories = session.histories()
    heard, warnings = 0, list[str]()
    for group in sorted(groups):
        history = histories.get(group.hex())
        if history is None or history.latest.registry is None:
            continue
        try:
            registry = _pulled(session, client, group, history.latest.registry)
        except Declined as problem:
            if problem.status == 404:
                warnings.append(GONE)
            else:
                failures.one(problem)
                warnings.append(f"{FAILED}: {TELL}")
        except Refused as refused:
            warnings.append(refused.reason)
        else:
            listened = listen(session, group, registry)
            heard += listened.heard
            if listened.waiting:
                warnings.append(f"{listened.waiting} reports with a voice are left to check: sync again")
    return heard, warnings


def _pulled(session: Session, client: Client, group: bytes, registry: bytes) -> Registry:
    """Fetch what is new of a registry, verify the whole, and keep it."""
    kept = session.vault.get("registry", group, _Kept)
    have = () if kept is None or kept.registry != registry.hex() else kept.statements
    downloaded = follow(client, registry, have)
    if downloaded.statements != have:
        session.vault.put("registry", group, _Kept(registry.hex(), downloaded.statements))
    return downloaded.registry
