"""`sottovoce poll check-receipt`: what became of a ballot, for whoever holds its receipt. polls/SPEC.md §3.4, §3.5."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

import click

from crypto.errors import Refused
from polls.casting import Receipt, page_due, read_receipt
from polls.encoding import decode
from polls.manifest import parse_manifest
from service.booth.receipts import (
    MAX_FILE,
    NOT_SEALED,
    Kept,
    broken,
    check_receipts,
    check_whole,
    read_kept,
    told_of,
)
from service.chain_files import read_whole
from service.console import command, emit, json_option, poll_id, server_options
from service.poll_cli import when
from service.wire import poll_calls
from service.wire.client import Client


@click.command("check-receipt")
@click.argument("receipt", type=click.Path(path_type=Path, dir_okay=False))
@server_options
@json_option
@command
def check_one(receipt: Path, server: str, proxy: str | None, as_json: bool) -> None:
    """Say what became of the ballot of a receipt. After the close: counted, replaced, or proof that it was dropped."""
    raw = read_whole(receipt, MAX_FILE)
    if b'"receipts"' in raw[: 256 * 1_024]:
        _check_kept(read_kept(raw), receipt.stem, server, proxy, as_json)
        return
    phi = _named_in(raw)
    with Client(server, proxy=proxy) as client:
        manifest = client.do(poll_calls.poll(phi)).manifest
        read_receipt(manifest, raw)
        ((found,), _) = check_receipts(client, manifest, Kept(manifest.raw, (raw,)))
    page = found.receipt.page
    text = f"The server's signature holds; page {page}: {found.words}."
    if found.words == NOT_SEALED:
        text += f" It is sealed at {when(page_due(manifest, page))}."
    emit({"poll": phi.hex(), "page": page, "found": found.words}, as_json, text)
    if found.broken:
        raise Refused("the ballot is not on the board: this receipt proves that the server dropped it")


def _check_kept(kept: Kept, named: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Check a file that `sottovoce vote` keeps: all receipts of one voter, who may have voted again.

    named: the file's name without its ending.
    """
    if not kept.receipts:
        raise Refused("this file has no receipt in it")
    phi = _poll_of(kept, named)
    with Client(server, proxy=proxy) as client:
        # The file's copy may be damaged; φ names this one.
        manifest = client.do(poll_calls.poll(phi)).manifest
        found, _ = check_receipts(client, manifest, kept)
    items, text = told_of(found)
    emit({"poll": manifest.phi.hex(), "receipts": items}, as_json, text)
    if broken(found):
        raise Refused("a ballot is not on the board: its receipt proves that the server dropped it")
    check_whole(manifest, kept, found)


def _poll_of(kept: Kept, named: str) -> bytes:
    """Find of which poll a file is: the receipts, the manifest and the file's name say it, and any may be damaged."""
    said: Counter[bytes] = Counter()
    for raw in kept.receipts:
        with suppress(Refused):
            said[_named_in(raw)] += 1
    with suppress(Refused):
        said[parse_manifest(kept.manifest).phi] += 1
    with suppress(Refused):
        said[poll_id(named)] += 1
    if not said:
        raise Refused("nothing in this file can be read: restore it from a backup")
    return said.most_common(1)[0][0]


def _named_in(raw: bytes) -> bytes:
    return poll_id(decode(raw, Receipt, "receipt").poll)
