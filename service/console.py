"""What all commands share: secrets from prompt, file or standard input; --json; exit codes; errors a person can use.

Exit codes: 0 done, 2 wrong usage, 3 refused (bad input, forged or contradicting data), 4 wrong passphrase or damaged
key file, 5 server unreachable, 6 declined by the server, 7 standard output takes nothing, 130 interrupted. Results go
to standard output, all else to standard error, so that `--json` can be piped.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
import msgspec

from crypto.codes import fingerprint_words
from crypto.errors import Refused
from crypto.keyfiles import DamagedKeyFile, WrongPassphrase
from crypto.secrets import Passphrase
from crypto.words import word_list
from service.cases.names import under_words
from service.wire.failures import Declined, Unreachable

P = ParamSpec("P")
R = TypeVar("R")
MAX_PASSPHRASE_FILE = 4_096

REFUSED, KEY, UNREACHABLE, DECLINED, UNWRITTEN, INTERRUPTED = 3, 4, 5, 6, 7, 130


class Unwritten(Exception):
    """Standard output takes nothing: the disk is full, the pipe or the stream was closed. The message says which."""


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turn expected errors into a sentence and an exit code. Anything else is a bug and shows as one."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (WrongPassphrase, DamagedKeyFile) as error:
            fail(str(error), KEY)
        except Refused as error:
            fail(error.reason, REFUSED)
        except Unreachable as error:
            fail(str(error), UNREACHABLE)
        except Declined as error:
            later = f" Try again in {error.retry_after_s} seconds." if error.retry_after_s else ""
            fail(f"{error}{later}", DECLINED)
        except Unwritten as error:
            fail(f"standard output takes nothing: {error}", UNWRITTEN)
        except PermissionError:  # of a folder that this user may not enter: even asking what is in it raises
            fail("this user may not enter or read a folder that this needs, such as that of --home", REFUSED)
        except (click.Abort, KeyboardInterrupt):
            fail_interrupted("interrupted")

    return guarded


class Place(click.IntRange):
    """A number by which somebody chooses from a list; what is none is called that."""

    name = "number"


def fail(message: str, code: int) -> NoReturn:
    """Say what happened, to standard error (as JSON where --json was given), and exit."""
    context = click.get_current_context(silent=True)
    as_json = bool(context and context.params.get("as_json"))
    if as_json:
        click.echo(msgspec.json.encode({"error": message, "exit": code}).decode(), err=True)
    else:
        click.echo(f"sottovoce: {message}", err=True)
    sys.exit(code)


def fail_interrupted(message: str) -> NoReturn:
    """End after Ctrl-C, or Ctrl-D at a question, on a line of its own."""
    if sys.stderr.isatty():
        click.echo(err=True)
    fail(message, INTERRUPTED)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json, passed as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(function)


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --server and --proxy."""
    proxy = click.option("--proxy", help="SOCKS proxy for Tor, such as socks5h://127.0.0.1:9050.")
    server = click.option(
        "--server", required=True, help="Address of the server, such as https://example.org."
    )
    return server(proxy(function))


def hex_id(text: str, size: int, what: str) -> bytes:
    """Read an id of `size` bytes as a person types it, in any case. what: "a board's id". Refused when it is none."""
    text = text.strip().lower()
    if len(text) != 2 * size or any(digit not in "0123456789abcdef" for digit in text):
        raise Refused(f"{what} is {2 * size} hexadecimal digits")
    return bytes.fromhex(text)


def wrong_form(error: msgspec.ValidationError) -> Refused:
    """Say which of a command's values has the wrong form, and not what it is."""
    place = re.search(r"`\$\.([a-z_]+)", str(error))
    named = "" if place is None else f" ({place[1].replace('_', '-')})"
    return Refused(f"a value has the wrong form{named}: see --help for what each option takes")


def poll_id(text: str) -> bytes:
    """Read a poll's id as a person gives it. Refused when it is none."""
    return hex_id(text, 32, "a poll's id")


def passphrase_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --passphrase-file, passed as `passphrase_file`: a path, or - for standard input."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, allow_dash=True),
        help="Read the passphrase from this file, or from standard input with -. Default: ask.",
    )(function)


def read_passphrase(
    path: Path | None,
    prompt: str = "Passphrase",
    *,
    confirm: bool = False,
    option: str = "--passphrase-file",
) -> Passphrase:
    """Get a passphrase from a file, from standard input (`-`), or by asking without echo. Never from an argument.

    option: what gives the file, to name it where there is no terminal to ask on.
    """
    if path is None:
        if not can_ask():
            raise Refused(f"no terminal to ask on: give the passphrase with {option}")
        try:
            text: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
        except UnicodeDecodeError:
            raise Refused(
                "what the terminal sent is not UTF-8 text: type the passphrase in another one"
            ) from None
        return Passphrase(text)
    try:
        raw = sys.stdin.buffer.readline(MAX_PASSPHRASE_FILE) if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise Refused(f"the passphrase file can't be read: {error.strerror}") from None
    try:
        text = raw[:MAX_PASSPHRASE_FILE].decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refused("the passphrase file is not UTF-8 text") from None
    if not text:
        raise Refused("the passphrase is empty")
    return Passphrase(text)


def can_ask() -> bool:
    """Whether somebody sits at a terminal to be asked, or a test that answers."""
    # click's CliRunner replaces standard input by a pipe and still answers prompts.
    return sys.stdin.isatty() or sys.stdin.__class__.__module__.startswith("click.")


def compared(cards: Sequence[tuple[str, bytes]]) -> list[dict[str, str]]:
    """Show cards' names and keys (32 bytes) in words; at a terminal, ask whether those are what the people read out.

    A card that was exchanged on its way makes a stranger a handler or a trustee. Gives names and words. Refused when
    they were not compared.
    """
    people = [{"name": name, "words": " ".join(fingerprint_words(key))} for name, key in cards]
    click.echo("Keys in words, and the name on each card:", err=True)
    for person in people:
        click.echo(shown(f"  {under_words(person['words'], person['name'])}"), err=True)
    if sys.stdin.isatty() and not click.confirm("Is that what they read to you?", err=True):
        raise Refused("compare the words first, by a call or face to face; nothing was done")
    return people


def emit(result: object, as_json: bool, text: str, *, once: bool = False) -> None:
    """Print a result: as one line of JSON, or as text for a person. Raises Unwritten.

    once: it can't be had again, such as a reply code. Where standard output takes nothing, it goes to standard error.
    """
    out = _json_of(result) if as_json else text
    if as_json and not _has_letters_of(out):
        out = json.dumps(json.loads(out))  # in letters that every encoding has, and still JSON
    try:
        say(out)
    except Unwritten as error:
        if not once:
            raise
        click.echo("Standard output takes nothing. This can't be shown again:", err=True)
        click.echo(out, err=True)
        raise Unwritten(f"{error}; what was asked for is done") from None


def _json_of(result: object) -> str:
    try:
        return msgspec.json.encode(result).decode()
    except UnicodeEncodeError:  # in the name of a file that is not UTF-8
        return json.dumps(msgspec.to_builtins(result))


def say(text: str) -> None:
    """Write to standard output. Raises Unwritten."""
    if sys.stdout is None:
        raise Unwritten("it is closed")
    try:
        click.echo(text)
    except OSError as error:
        _drop_the_rest()
        raise Unwritten(error.strerror or "it failed") from None


def _drop_the_rest() -> None:
    """Let what is still in standard output's buffer go nowhere, or ending would fail over it once more."""
    with suppress(OSError, ValueError):  # a test's standard output has no number
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)


def check_shows(language: str, *, as_json: bool = False) -> None:
    """Refuse a standard output that can't show the words of a code in a language, before anything depends on it."""
    if sys.stdout is None:
        raise Refused("standard output is closed, so no code could be shown: nothing was sent")
    if not as_json and not _has_letters_of("".join(word_list(language).shown)):
        raise Refused(
            f"this terminal has no letters for words in {language}, so nothing was sent: "
            "choose others with --words, or set PYTHONIOENCODING=utf-8"
        )


def _has_letters_of(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def shown(text: str) -> str:
    """Make a stranger's text safe for a terminal: no control or direction characters besides newline and tab.

    Reports are checked when they are opened; this is the last door (markup and escape sequences in every text a
    handler sees, design.md §12).
    """
    if text.replace("\n", " ").replace("\t", " ").isprintable():
        return text  # no step for each character of a list of thousands
    return "".join(c if c in "\n\t" or (c.isprintable() or c == "\u200d") else "\ufffd" for c in text)


def one_line(text: str) -> str:
    """Write a stranger's text on one line, so that no part of it begins a line as if it were ours."""
    return " ".join(text.split())
