"""`sottovoce trustee …`: hold a share of a board's key, and open polls together with the other trustees.

Each command does what is due, can be repeated, and says what it did and what it waits for. The key stays in the folder,
under a passphrase.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from polls.agreement import board_words
from service.booth.trustees import CARD_FILE, HOME, TrusteeHome
from service.booth.trustees_work import Done, Trustee
from service.console import (
    command,
    emit,
    hex_id,
    json_option,
    passphrase_option,
    poll_id,
    server_options,
    shown,
)
from service.wire.client import Client
from service.wire.poll_boards import card_words, trustees_listed, trustees_told

_poll_option = click.option("--poll", "poll_hex", required=True, help="The poll's id: 64 hex digits.")


@click.group()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=HOME,
    show_default="~/.sottovoce/trustee",
    help="Folder of the key.",
)
@passphrase_option
@click.pass_context
def trustee(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Be a trustee: make a key with the others, show that you have it, and open polls when they close."""
    context.obj = TrusteeHome(home, passphrase_file)


@trustee.command()
@click.option("--name", required=True, help="Name under which the board lists you.")
@json_option
@click.pass_obj
@command
def new(home: TrusteeHome, name: str, as_json: bool) -> None:
    """Make your key, and the card for who creates the board. Back the folder up: a share can't be made again."""
    card = home.new(name)
    words = card_words(card)
    path = str(home.folder / CARD_FILE)
    emit(
        {"card": path, "key": card.key.hex(), "fingerprint": words},
        as_json,
        f"Your card is {path}. Give it to who creates the board, and read these words to each other:\n  {words}",
    )


@trustee.command()
@click.option("--board", "board_hex", required=True, help="The board's id: 32 hex digits.")
@server_options
@json_option
@click.pass_obj
@command
def step(home: TrusteeHome, board_hex: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Send whatever the ceremony waits for from you. Repeat it until it says that all is done."""
    board = hex_id(board_hex, 16, "a board's id")
    with _open(home, server, proxy) as unlocked:
        say(unlocked.step(board), as_json)


@trustee.command()
@_poll_option
@server_options
@json_option
@click.pass_obj
@command
def prove(home: TrusteeHome, poll_hex: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Show, before a poll opens, that you still have your share."""
    phi = poll_id(poll_hex)
    with _open(home, server, proxy) as unlocked:
        say(unlocked.prove(phi), as_json)


@trustee.command()
@_poll_option
@click.option(
    "--words-compared",
    is_flag=True,
    help="Only when trustees are lost: I have compared this board's words by voice with every trustee who will "
    "decrypt. Then a threshold of trustees is enough.",
)
@server_options
@json_option
@click.pass_obj
@command
def decrypt(
    home: TrusteeHome, poll_hex: str, words_compared: bool, server: str, proxy: str | None, as_json: bool
) -> None:
    """After the close: verify everything, agree on the board, decrypt, sign the outcome, seal it to the council.

    Nothing is decrypted before enough trustees have signed that they verified the same board: more than a threshold, so
    that no server can show two boards and learn a vote from the difference. Below the quorum nothing is decrypted, and
    enough have to have verified that. Repeat it until it waits for nothing.

    If so many trustees are lost that it waits for ever, the others can read the printed words to each other, on the
    phone or face to face, and run it with --words-compared. That protects single votes only if all who decrypt did so,
    and if those who are said to be lost are.
    """
    phi = poll_id(poll_hex)
    with _open(home, server, proxy) as unlocked:
        say(unlocked.decrypt(phi, now_s(), words_compared=words_compared), as_json)


@trustee.command()
@json_option
@click.pass_obj
@command
def status(home: TrusteeHome, as_json: bool) -> None:
    """Show your card and what you said so far. Needs no passphrase and no server."""
    card, memory = home.card(), home.memory()
    boards = {board: list(said) for board, said in memory.said.items()}
    polls = {
        phi: {
            "decrypted or verified": told.tally is not None,
            "agreed": told.agreement is not None,
            "signed": told.outcome is not None,
            "words": "" if told.agreement is None else " ".join(board_words(told.agreement)),
        }
        for phi, told in memory.polls.items()
    }
    lines = [f"{card.name}, key {card.key.hex()}", f"your words: {card_words(card)}"]
    lines += [f"board {board}: sent {', '.join(said)}" for board, said in boards.items()]
    for phi, told in polls.items():
        verified = "board agreed to" if told["agreed"] else "verified"
        lines.append(f"poll {phi}: {'outcome signed' if told['signed'] else f'{verified}, not signed yet'}")
        lines += [f"  the board's words: {told['words']}"] if told["agreed"] else []
    emit(
        {
            "name": card.name,
            "key": card.key.hex(),
            "fingerprint": card_words(card),
            "boards": boards,
            "polls": polls,
        },
        as_json,
        shown("\n".join(lines)),
    )


def now_s() -> int:
    """This machine's time, seconds since 1970."""
    return int(time.time())


@contextmanager
def _open(home: TrusteeHome, server: str, proxy: str | None) -> Iterator[Trustee]:
    keys = home.keys()
    with Client(server, proxy=proxy) as client:
        yield Trustee(home, keys, client)


def say(done: Done, as_json: bool) -> None:
    """Print what a command did, who holds the key, the closed board's words, and what it waits for."""
    board = done.trustees
    who = [] if board is None else trustees_told(board)
    words = [f"The board's words, for trustees to read to each other:\n  {done.words}"] if done.words else []
    told = {
        "did": done.did,
        "words": done.words,
        "waits": done.waits,
        "threshold": None if board is None else board.threshold,
        "trustees": [] if board is None else trustees_listed(board),
    }
    lines = [*(done.did or ["Nothing is due."]), *who, *words, *done.waits]
    emit(told, as_json, shown("\n".join(lines)))
