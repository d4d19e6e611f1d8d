"""Where a handler's text comes from, a file or the editor, and that none is lost on its way into the outbox."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click

from crypto.entropy import system
from crypto.errors import Refused
from service.cases.texts import LONG_TEXT, decoded, tidy
from service.chain_files import write_private
from service.console import can_ask, shown
from service.desk.records import Waiting
from service.desk.session import Session

T = TypeVar("T")
MAX_TEXT: Final = 4 * LONG_TEXT
"""Bytes that a text has at most: no place takes longer ones. Stops the wrong file from filling memory."""


def enqueued(
    home: Path, session: Session, path: Path | None, make: Callable[[str], list[Waiting]]
) -> list[Waiting]:
    """Put what is made of a text, from a file (`-` for standard input) or the editor, into the outbox.

    home: where a text is kept that was not taken. Called with the desk open and the case found, so that nobody writes a
    letter that a mistyped id or passphrase loses.
    """

    def queued(text: str) -> list[Waiting]:
        items = make(text)
        session.enqueue(items)
        return items

    return taken(home, path, queued)


def taken(home: Path, path: Path | None, take: Callable[[str], T]) -> T:
    """Give what becomes of a text, from a file (`-` for standard input) or the editor. home: as for `enqueued`."""
    if path is not None:
        return take(text_of(path))
    if not can_ask():
        raise Refused("no terminal to write on: give the text with --text-file")
    return _edited(home, take)


def _edited(home: Path, take: Callable[[str], T]) -> T:
    """Have a text written in the editor. One that is refused goes back there or into a file: none is lost."""
    written = _editor("")
    if written is None:
        raise Refused("nothing was written")
    if not written.strip():
        return take("")  # which says that it is empty
    try:
        while True:
            try:
                return take(tidy(written))
            except Refused as refused:
                click.echo(f"sottovoce: {refused.reason}", err=True)
                if not _wants_to_go_on():
                    raise
                written = _editor(written) or written
    except Refused as refused:
        raise Refused(f"{refused.reason}. {_kept(home, written)}") from None
    except BaseException:
        click.echo(_kept(home, written), err=True)
        raise


def _editor(text: str) -> str | None:
    try:
        return click.edit(text)
    except click.ClickException as error:  # there is no such editor, or it failed
        raise Refused(
            f"{error.message}: set EDITOR to one that is there, or give the text in a file"
        ) from None


def remark(path: Path | None, question: str) -> str:
    """Get a few words for the other handlers: from a file (`-` for standard input), else by asking; empty is allowed.

    Never from an argument: others on this machine see commands, and shells keep them.
    """
    if path is not None:
        return text_of(path)
    if not sys.stdin.isatty():
        return ""
    said: str = click.prompt(f"{question} (Enter: nothing)", default="", show_default=False, err=True)
    return tidy(said)


def sure(question: str) -> None:
    """Ask, at a terminal, before what can't be undone: an id may be mistyped. Refused when it was not meant."""
    if sys.stdin.isatty() and not click.confirm(shown(question), err=True):
        raise Refused("nothing was done")


def _wants_to_go_on() -> bool:
    try:
        return click.confirm("Open the editor again with your text?", default=True, err=True)
    except click.Abort:  # also where there is nobody to ask
        return False


def _kept(home: Path, written: str) -> str:
    """Keep a text that was not taken in a new file, or on the screen where even that fails; say where."""
    path = home / f"not-sent-{system(4).hex()}.txt"
    try:
        write_private(path, written.encode("utf-8", "replace"))
    except Refused:
        return f"Your text can't be kept in a file; here it is:\n{shown(written)}"
    return f"Your text is kept in {path}: use it with --text-file, then delete it"


def text_of(path: Path) -> str:
    """Read a text from a file, or from standard input (`-`). Refused when it can't be read, is too long, or no text."""
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(MAX_TEXT + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(MAX_TEXT + 1)
        if len(raw) > MAX_TEXT:
            raise Refused(f"the text is longer than {MAX_TEXT:,} bytes")
        return tidy(decoded(raw))
    except OSError as error:
        raise Refused(f"the text can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused("the text is not UTF-8") from None
