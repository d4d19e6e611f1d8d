"""A poll's files on disk: exporting a closed poll, and verifying the files offline.

NAME.bel is Belenios' archive, NAME.evidence.json our certificates, board and signatures, NAME.manifest.json the
manifest, NAME.registry.json the members' chain; NAME is the election's identifier, as belenios-tool expects.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from crypto.errors import Refused
from crypto.group import Point
from polls.archive import MAX_ARCHIVE, read
from polls.electorate import Electorate
from polls.evidence import MAX_EVIDENCE, read_evidence
from polls.group import ED25519
from polls.report import Report
from polls.verify import verify
from service.cases.registry import Registry
from service.cases.verdicts import Delivered, complete
from service.chain_files import read_whole, write_whole
from service.wire.client import Client
from service.wire.poll_records import gather
from service.wire.poll_voters import download_named
from service.wire.registry_pins import save_chain, verified_chain


def export_poll(
    client: Client, phi: bytes, out: Path, delivered: Delivered | None = None
) -> dict[str, Path | str]:
    """Write a closed poll's files to a folder; gives them by what they are, and a `warning` if something is missing.

    delivered: the council's result, which adds decryptions and counts where they were told. The warning names
    trustees whose decryptions don't hold, which are left out.
    """
    found = gather(client, phi)
    downloaded = download_named(client, found.view.manifest)
    archive = found.archive()
    name = json.loads(read(archive).election)["uuid"]
    warning = None
    if delivered is None:
        evidence = found.evidence()
    else:
        completed = complete(found.view.trustees, archive, delivered)
        archive, warning = completed.archive, completed.warning
        evidence = found.evidence(delivered.outcome, completed.counts)
    files = {
        "archive": out / f"{name}.bel",
        "evidence": out / f"{name}.evidence.json",
        "manifest": out / f"{name}.manifest.json",
        "registry": out / f"{name}.registry.json",
    }
    write_whole(files["archive"], archive)
    write_whole(files["evidence"], evidence)
    write_whole(files["manifest"], found.view.manifest.raw)
    save_chain(files["registry"], downloaded.registry.id, downloaded.statements)
    return {**files, **({} if warning is None else {"warning": warning})}


def verify_files(archive: Path, evidence: Path, manifest: Path, registry: Path) -> tuple[Report, Registry]:
    """Verify an exported poll from its files alone. Refused when a file can't be read or the registry doesn't hold.

    Also gives the registry of members by which it was judged: that it is the community's no file can prove.
    """
    held = _read(evidence, MAX_EVIDENCE, "the evidence (NAME.evidence.json, or --evidence)")
    try:
        stored = verified_chain(registry)
    except Refused as refused:
        raise Refused(f"the registry (--registry): {refused.reason}") from None
    if stored is None:
        raise Refused("the registry (--registry): the file is not there")
    known = stored.registry
    members = _snapshot_of(known, held)
    report = verify(
        ED25519,
        _read(archive, MAX_ARCHIVE, "the archive (NAME.bel)"),
        held,
        manifest=_read(manifest, 64 * 1_024, "the manifest (--manifest)"),
        registry=members,
    )
    return report, known


def _read(path: Path, limit: int, what: str) -> bytes:
    try:
        return read_whole(path, limit)
    except Refused as refused:
        raise Refused(f"{what}: {refused.reason}") from None


def _snapshot_of(registry: Registry, evidence: bytes) -> Collection[Point]:
    """Give the keys of the snapshot that the electorate was made of, or of all snapshots where it is of none."""
    try:
        electorate = read_evidence(evidence).electorate
    except Refused:
        return ()  # what is wrong with the evidence is for `verify` to name
    for snapshot in registry.snapshots:
        keys = {each.member_key: each.account for each in snapshot.members}
        if electorate.members <= set(keys):
            missing = [account for key, account in keys.items() if key not in electorate.members]
            if Electorate(snapshot.rings(missing)).digest == electorate.digest:
                return set(keys)
    raise Refused("electorate: not what any snapshot of this registry gives")
