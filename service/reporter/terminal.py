"""What `sottovoce report` and `mailbox` share: options, files, the shown code, and lines about waiting.

Nothing is written to disk unless asked for, so that the machine doesn't show that the command was used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from crypto.errors import Refused
from crypto.words import LANGUAGES
from service.cases.reports import File
from service.cases.texts import decoded
from service.console import hex_id, json_option
from service.files import read_file
from service.wire.admitting import PARTS

FILE: Final = click.Path(path_type=Path, dir_okay=False)
FILE_OR_DASH: Final = click.Path(path_type=Path, allow_dash=True)
_KEEP: Final = (
    "Write these words down now. They are shown once, and open the answers once; then you get new ones.\n"
    "Whoever has them can read the answers. Nobody can give them to you again."
)


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that both commands have."""
    for option in (
        click.option("--server", required=True, help="Address of the server, such as https://example.org."),
        click.option(
            "--group", required=True, help="Id of the group (32 hex digits), as the project publishes it."
        ),
        click.option("--proxy", help="SOCKS proxy for Tor, such as socks5h://127.0.0.1:9050."),
        click.option(
            "--words", type=click.Choice(LANGUAGES), default="english", help="Language of the reply code."
        ),
        click.option(
            "--attach",
            multiple=True,
            type=FILE,
            help="A file, cleaned.",
        ),
        click.option(
            "--attach-original",
            multiple=True,
            type=FILE,
            help="A file as it is, with its metadata, as evidence.",
        ),
        json_option,
    ):
        function = option(function)
    return function


def group_id(text: str) -> bytes:
    """Read a group's id. Refused when it isn't one."""
    return hex_id(text, 16, "a group's id")


def files_of(cleaned: Sequence[Path], originals: Sequence[Path]) -> tuple[tuple[File, ...], list[str]]:
    """Read files to attach; give them, and what was removed from them in plain words."""
    read = [read_file(path, original=False) for path in cleaned] + [
        read_file(path, original=True) for path in originals
    ]
    return tuple(file for file, _ in read), sorted({what for _, told in read for what in told})


def read_text(path: Path) -> str:
    """Read a text from a file, or from standard input (`-`)."""
    try:
        raw = sys.stdin.buffer.read(400_000) if str(path) == "-" else path.read_bytes()
        return decoded(raw)
    except OSError as error:
        raise Refused(f"a file can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused("a file is not UTF-8 text") from None


def shown_code(code: Sequence[str]) -> list[str]:
    """Number the words of a reply code, with what to do with them."""
    numbered = [f"  {number:2}. {word}" for number, word in enumerate(code, 1)]
    return ["", _KEEP, "", *numbered, ""]


def confirm_sending(*, typed: bool) -> None:
    """Ask whether to send; Refused when not. typed: what somebody typed is thrown away only when they say so."""
    while not click.confirm("Send it?", default=True, err=True):
        if not typed or click.confirm("Discard what you wrote?", default=False, err=True):
            raise Refused("nothing was sent")


class Waiting:
    """Says, on a terminal's standard error, that a puzzle is being solved or that the server is under pressure."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._told = False

    def solving(self, parts: int) -> None:
        """Show a bar while somebody waits for a puzzle; `parts` of PARTS are solved."""
        if self._bar is None:
            if parts >= PARTS or not sys.stderr.isatty():
                return
            self._bar = click.progressbar(length=PARTS, label="A puzzle keeps floods away", file=sys.stderr)
            self._bar.__enter__()
        self._bar.update(parts - self._bar.pos)
        if parts >= PARTS:
            self.done()

    def under_pressure(self) -> None:
        """Say once that it takes longer, and that nothing is lost."""
        if not self._told:
            self._told = True
            click.echo("Much comes in at the moment; yours waits its turn. Leave this running.", err=True)

    def done(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
