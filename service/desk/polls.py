"""Making a poll at a mediator's desk: from poll.toml to a manifest and a summary sealed to the electorate.

Guarantees: "No action" and "Abstain" are always there; the conduct issues are the group's published ones; the people
named as left out are in neither ring nor summary. What is sent is kept first, so that a repeat sends the same poll
and not a second one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.signatures import VerifyKey
from polls.electorate import Disclosure, Electorate, most_disclosed
from polls.encoding import hash_hex
from polls.group import ED25519
from polls.manifest import ABSTAIN, NO_ACTION, Conduct, Manifest, Option, Urgent, parse_manifest
from polls.outcome import Rule
from polls.transcript import Step
from service.cases.policies import baseline
from service.cases.registry import Registry
from service.cases.rosters import Roster
from service.cases.snapshots import Snapshot
from service.cases.summaries import seal_summary
from service.chain_files import read_whole, write_whole
from service.console import hex_id
from service.desk.polls_file import PollFile, read_poll_file
from service.desk.session import Session
from service.wire import calls, pins, poll_calls
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.poll_shapes import MAX_VOTERS
from service.wire.registry_pins import fetch

_DAY: Final = 86_400
_MAX_FILE: Final = 64 * 1_024
_MAX_PREPARED: Final = 8 * 1_024 * 1_024


class Prepared(Struct, frozen=True, forbid_unknown_fields=True):
    """A poll as it was, or is about to be, sent."""

    manifest: bytes
    summary: bytes


@dataclass(frozen=True)
class Created:
    """A poll that the server has."""

    manifest: Manifest
    left_out: tuple[str, ...]


def create(session: Session, client: Client, home: Path, path: Path) -> Created:
    """Create the poll of a poll.toml, as a mediator or the council. A repeat sends what was kept."""
    raw = read_whole(path, _MAX_FILE)
    file, text = read_poll_file(raw, path.parent)
    board = hex_id(file.board, 16, "poll.toml: board")
    kept = home / "polls" / f"{_digest(raw, text).hex()}.json"
    roster = session.roster_of(session.group)
    if roster.registry is None:
        raise Refused(
            "as this desk knows the group, its root key names no registry of members: run `sottovoce desk sync`, and "
            "if it stays so, ask who holds the root key for `sottovoce group members`"
        )
    if kept.exists():
        prepared = _read_prepared(kept)
    else:
        prepared = _prepare(session, client, home, file, text, board, roster, roster.registry)
        write_whole(kept, msgspec.json.encode(prepared))
    manifest = parse_manifest(prepared.manifest)
    call = poll_calls.create_poll(
        session.signer,
        manifest,
        board=board,
        registry=roster.registry,
        snapshot=file.snapshot,
        left_out=file.left_out,
        summary=prepared.summary,
    )
    try:
        client.do(call)
    except Declined as declined:
        if declined.status < 500 and declined.retry_after_s is None:
            kept.unlink(missing_ok=True)  # the server has nothing of it, and what was wrong may be put right
        raise
    return Created(manifest, tuple(sorted(set(file.left_out))))


def _read_prepared(kept: Path) -> Prepared:
    """Read a poll that was about to be sent. Refused when it is damaged: another one would be a second poll."""
    try:
        return msgspec.json.decode(read_whole(kept, _MAX_PREPARED), type=Prepared)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(
            f"the poll that was prepared from this file is damaged, in polls/{kept.name} of your desk's folder: "
            "restore it, or, if the server has no such poll, delete it and run this again"
        ) from None


def _prepare(
    session: Session,
    client: Client,
    home: Path,
    file: PollFile,
    text: str,
    board: bytes,
    roster: Roster,
    registry: bytes,
) -> Prepared:
    opens_at = _opening(file, client.now_s())
    transcript = client.do(poll_calls.board(board)).transcript
    if not transcript.complete(Step.OUTPUT):
        raise Refused(
            "the board has no key yet: each trustee runs `sottovoce trustee step` until it waits for nothing, then "
            "run this again"
        )
    trustees = transcript.board()
    snapshot = _frozen(fetch(client, registry, home), file)
    electorate = Electorate(snapshot.rings(file.left_out))
    if electorate.size > MAX_VOTERS:
        raise Refused(f"a poll has at most {MAX_VOTERS:,} voters; this snapshot gives {electorate.size:,}")
    matter = hex_id(file.matter, 32, "poll.toml: matter")
    summary = b""
    if text:
        keys = [each.seal_key for each in snapshot.members if each.account not in file.left_out]
        summary = seal_summary(text, keys, group=session.group, matter=matter, entropy=session.entropy)
    elif file.urgent is None:
        raise Refused("a poll needs the mediator's summary, unless it is urgent")
    closes_at, cooling_off_s = _seconds(file.closes_at), file.cooling_off_days * _DAY
    archive_at = closes_at + cooling_off_s if file.archive_at is None else _seconds(file.archive_at)
    disclosure = most_disclosed(electorate.size) if file.disclosure is None else Disclosure(file.disclosure)
    measures = [Option(each.text, each.review_after_days) for each in file.measures]
    manifest = Manifest(
        version=1,
        group_id=session.group.hex(),
        matter=matter.hex(),
        question=file.question,
        options=(Option(NO_ACTION, 0), *measures, Option(ABSTAIN, 0)),
        rule=Rule(file.rule),
        quorum=file.quorum,
        disclosure=disclosure,
        basis=_basis(file, roster),
        summary=hash_hex(summary),
        opens_at=opens_at,
        closes_at=closes_at,
        cooling_off_s=cooling_off_s,
        archive_at=archive_at,
        page_s=file.page_minutes * 60,
        electorate=electorate.digest.hex(),
        electorate_size=electorate.size,
        trustees=trustees.hash,
        public_key=ED25519.text(trustees.public_key),
        server_key=_server_key(session, client),
    )
    return Prepared(manifest.raw, summary)


def _opening(file: PollFile, now_s: int) -> int:
    """Say when it opens. Refused in the past, where a poll made from the example as it stands would."""
    opens_at = _seconds(file.opens_at)
    if opens_at <= now_s:
        raise Refused("poll.toml: opens_at is over already: trustees show their shares before a poll opens")
    return opens_at


def _frozen(members: Registry, file: PollFile) -> Snapshot:
    """Find the snapshot that is polled, with all who are left out in it: a mistyped account would let them vote."""
    found = next((one for one in members.snapshots if one.name == file.snapshot), None)
    if found is None:
        known = ", ".join(one.name for one in members.snapshots) or "none: its keeper runs `registry freeze`"
        raise Refused(f"poll.toml: snapshot: the registry has none of that name; it has {known}")
    accounts = {each.account for each in found.members}
    strange = [str(place) for place, account in enumerate(file.left_out, 1) if account not in accounts]
    if strange:
        raise Refused(
            f"poll.toml: left_out: of its accounts, number {', '.join(strange)} is not in the snapshot"
        )
    return found


def _basis(file: PollFile, roster: Roster) -> Conduct | Urgent:
    if file.urgent is not None:
        if file.conduct:
            raise Refused("a poll names conduct issues or is urgent, not both")
        return Urgent(file.urgent.measure, _seconds(file.urgent.ends_at))
    published = {item.id: item.title for item in (roster.policy or baseline()).issues}
    if not file.conduct or not set(file.conduct) <= set(published):
        raise Refused(
            "poll.toml: conduct: name published conduct issues of the group by their ids, at least one; they are "
            + ", ".join(published)
        )
    return Conduct(tuple(published[each] for each in file.conduct))


def _server_key(session: Session, client: Client) -> str:
    """Ask for the server's key, and remember it. Raises pins.OtherServer when it changed."""
    key = client.do(calls.server_info())
    raw = session.vault.read("pins", b"")
    known = pins.Pins() if raw is None else pins.Pins.from_bytes(raw)
    accepted = known.accept_server(session.setup.server, VerifyKey(key.verify_key))
    with session.vault.transaction():
        session.vault.put("pins", b"", accepted.to_bytes())
    return key.verify_key.hex()


def _digest(raw: bytes, text: str) -> bytes:
    return digest(Label.MANIFEST, b"poll file", raw, text.encode(), size=16)


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise Refused("poll.toml: a time needs its zone, as 2026-03-01T12:00:00Z")
    return int(moment.timestamp())
