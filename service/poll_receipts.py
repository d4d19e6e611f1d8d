"""`sottovoce poll check-receipt`: what became of a ballot, for whoever holds its receipt. polls/SPEC.md §3.4, §3.5."""

from __future__ import annotations

from pathlib import Path

import click

from crypto.errors import Refused
from polls.board import Found, check_receipt
from polls.casting import Receipt, page_due, read_receipt
from polls.encoding import decode
from polls.manifest import parse_manifest
from service.booth.receipts import (
    MAX_FILE,
    Kept,
    broken,
    check_receipts,
    read_kept,
    told_of,
    words_of,
)
from service.chain_files import read_whole
from service.console import command, emit, json_option, poll_id, server_options
from service.poll_cli import when
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.poll_views import signed_board


@click.command("check-receipt")
@click.argument("receipt", type=click.Path(path_type=Path, dir_okay=False))
@server_options
@json_option
@command
def check_one(receipt: Path, server: str, proxy: str | None, as_json: bool) -> None:
    """Say what became of the ballot of a receipt. After the close: counted, replaced, or proof that it was dropped."""
    raw = read_whole(receipt, MAX_FILE)
    if b'"receipts"' in raw[: 256 * 1_024]:
        _check_kept(read_kept(raw), server, proxy, as_json)
        return
    phi = _named_in(raw)
    with Client(server, proxy=proxy) as client:
        view = client.do(poll_calls.poll(phi))
        read = read_receipt(view.manifest, raw)
        if view.state in {"waiting", "open"}:
            due = page_due(view.manifest, read.page)
            sealed = due <= view.shape.now
            said = f"page {read.page} is sealed" if sealed else f"page {read.page} is sealed at {when(due)}"
        elif view.state == "archived":
            said = "the board was destroyed after the cooling-off"
        else:
            pages = client.do(poll_calls.opened_board(view.manifest))
            said = words_of(check_receipt(pages.board, read), signed=signed_board(view, pages))
    text = f"The server's signature holds; {said}."
    emit({"poll": phi.hex(), "page": read.page, "found": said}, as_json, text)
    if said == Found.DROPPED.value:
        raise Refused("the ballot is not on the board: this receipt proves that the server dropped it")


def _check_kept(kept: Kept, server: str, proxy: str | None, as_json: bool) -> None:
    """Check a file that `sottovoce vote` keeps: all receipts of one voter, who may have voted again."""
    if not kept.receipts:
        raise Refused("this file has no receipt in it")
    manifest = parse_manifest(kept.manifest)
    with Client(server, proxy=proxy) as client:
        found, _ = check_receipts(client, manifest, kept)
    items, text = told_of(found)
    emit({"poll": manifest.phi.hex(), "receipts": items}, as_json, text)
    if broken(found):
        raise Refused("a ballot is not on the board: its receipt proves that the server dropped it")


def _named_in(raw: bytes) -> bytes:
    return poll_id(decode(raw, Receipt, "receipt").poll)
