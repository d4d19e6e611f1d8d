"""`sottovoce poll board | create | deliver`: the commands that make a poll. Importing this completes the group."""

from __future__ import annotations

from pathlib import Path

import click

from crypto.entropy import system
from crypto.errors import Refused
from service.booth import trustee_cli
from service.booth.trustees import HOME as TRUSTEE_HOME
from service.booth.trustees import TrusteeHome, read_card
from service.booth.trustees_work import Trustee
from service.console import command, compared, emit, json_option, poll_id, say, server_options, shown
from service.desk import polls as making
from service.desk import polls_file
from service.desk.cli import client_of, opened
from service.poll_cli import needs_record, poll, view_of, when
from service.poll_receipts import check_one
from service.poll_reports import file_report, reports
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.poll_boards import trustees_listed, trustees_told
from service.wire.poll_shapes import DefineBoard
from service.wire.poll_views import quorum_told

poll.add_command(check_one)
poll.add_command(file_report)
poll.add_command(reports)


@poll.command()
@click.option("--name", required=True, help="Name of the board.")
@click.option("--threshold", required=True, type=int, help="How many trustees open a poll together.")
@click.option(
    "--card", "cards", multiple=True, required=True, type=click.Path(path_type=Path), help="A trustee's card."
)
@json_option
@click.pass_context
@command
def board(context: click.Context, name: str, threshold: int, cards: tuple[Path, ...], as_json: bool) -> None:
    """Define a board of trustees from their cards. They then run `sottovoce trustee step --board ID`."""
    trustees = tuple(read_card(path) for path in cards)
    if not 3 <= len(trustees) <= 15 or not 2 <= threshold < len(trustees) or not 1 <= len(name) <= 120:
        raise Refused("a board has a name, 3 to 15 trustees, and a threshold from 2 to one fewer than all")
    if len({card.key for card in trustees}) != len(trustees):
        raise Refused("a trustee is named twice")
    compared([(card.name, card.key) for card in trustees])
    with opened(context) as session, client_of(session) as client:
        definition = DefineBoard(name, threshold, trustees)
        made = client.do(poll_calls.define_board(session.signer, definition))
    lines = [
        f"Board {made.hex()}",
        *trustees_told(definition),
        f"Each trustee now runs: sottovoce trustee step --board {made.hex()} --server …",
    ]
    told = {"board": made.hex(), "threshold": threshold, "trustees": trustees_listed(definition)}
    emit(told, as_json, shown("\n".join(lines)))


@poll.command()
@click.option("--file", "file", type=click.Path(path_type=Path, dir_okay=False), help="A poll.toml.")
@click.option("--example", is_flag=True, help="Print a poll.toml to start from, and do nothing else.")
@json_option
@click.pass_context
@command
def create(context: click.Context, file: Path | None, example: bool, as_json: bool) -> None:
    """Create a poll, as a mediator or the council. The same file again makes no second poll."""
    if example:
        say(polls_file.example(system(32).hex()).removesuffix("\n"))
        return
    if file is None:
        raise Refused("give --file, or --example for one to start from")
    home: Path = context.obj[0]
    with opened(context) as session, client_of(session) as client:
        made = making.create(session, client, home, file)
    manifest, phi = made.manifest, made.manifest.phi.hex()
    lines = [
        f"Poll {phi}",
        f"{manifest.electorate_size} members may vote; {len(made.left_out)} are left out.",
        quorum_told(manifest),
        f"Opens by itself at {when(manifest.opens_at)} if enough trustees have run `sottovoce trustee prove`.",
    ]
    emit(
        {"poll": phi, "electorate": manifest.electorate_size, "opens_at": manifest.opens_at},
        as_json,
        shown("\n".join(lines)),
    )


@poll.command()
@click.argument("poll_hex", metavar="POLL")
@click.option(
    "--trustee-home",
    type=click.Path(path_type=Path, file_okay=False),
    default=TRUSTEE_HOME,
    show_default="~/.sottovoce/trustee",
    help="Folder of your trustee's key.",
)
@server_options
@json_option
@click.pass_context
@command
def deliver(
    context: click.Context,
    poll_hex: str,
    trustee_home: Path,
    server: str,
    proxy: str | None,
    as_json: bool,
) -> None:
    """As a trustee: sign the result and seal it to the council. The same as the end of `trustee decrypt`."""
    phi, view = poll_id(poll_hex), view_of(poll_hex, server, proxy)
    needs_record(view)
    home = TrusteeHome(trustee_home, context.obj[1])
    keys = home.keys()
    with Client(server, proxy=proxy) as client:
        done = Trustee(home, keys, client).decrypt(phi, trustee_cli.now_s())
    trustee_cli.say(done, as_json)
