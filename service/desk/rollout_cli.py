"""`sottovoce desk rollout`: the list and the letters by which the council carries a decision out, filled in.

It sends nothing and changes nothing anywhere: people send the letters, with what no machine may know put in by them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

from crypto.errors import Refused
from service.cases.receipts import day_told
from service.chain_files import write_private
from service.console import command, emit, json_option, one_line, poll_id, shown
from service.desk.cli import client_of, desk, opened
from service.desk.polls_cli import day_named
from service.desk.rollout import Rollout, checklist, fetched, measure_file
from service.desk.rollout_letters import LETTERS, OURS, blanks, fill, load

_YOURS: Final = "Nothing is sent or changed by this command: you do, with every <…> filled in."
_FOR_COUNCILS: Final = "To the councils of other projects, with `sottovoce desk share-measure`"
_FOLDER = click.Path(path_type=Path, file_okay=False)


@desk.command("rollout")
@click.argument("poll", required=False)
@click.option(
    "--letter", "only", type=click.Choice(list(LETTERS)), help="This letter alone, without the list."
)
@click.option(
    "--letters",
    "folder",
    type=_FOLDER,
    default=OURS,
    show_default="built in",
    help="Folder of your own letters.",
)
@click.option("--ends", help="The day on which the measure is to end, as 2026-12-31, until it is recorded.")
@click.option(
    "--out", type=_FOLDER, help="Write a file for each into this new folder, instead of printing them."
)
@click.option(
    "--example", is_flag=True, help="Give the letters with their {fields}, to change or translate them."
)
@json_option
@click.pass_context
@command
def rollout(
    context: click.Context,
    poll: str | None,
    only: str | None,
    folder: Path,
    ends: str | None,
    out: Path | None,
    example: bool,
    as_json: bool,
) -> None:
    """Print who is told what of a poll's decision, as a council member: a list to go by, and the letters, filled in.

    What is known and signed is put in; what isn't stands as <…>, people's names always. You send the letters: nothing
    is sent by itself.
    """
    letters = load(folder)
    if out is not None and os.path.lexists(out):
        raise Refused("--out: something of that name exists already, and was not touched; name a new folder")
    if example:
        texts = letters if only is None else {only: letters[only]}
        _give({}, "", texts, None, out, as_json, alone=only is not None)
        return
    if poll is None:
        raise Refused("give the poll's id; --example shows the letters without one")
    phi, ends_on = poll_id(poll), None if ends is None else day_named(ends)
    with opened(context) as session, client_of(session) as client:
        found = fetched(session, client, phi, ends_on)
    if only is not None and only not in found.letters:
        raise Refused(f"that letter isn't needed here; these are: {', '.join(found.letters)}")
    values = found.values()
    texts = {name: fill(letters[name], values) for name in (found.letters if only is None else [only])}
    _give(_view(found), _list(found), texts, measure_file(found), out, as_json, alone=only is not None)


def _give(
    view: dict[str, Any],
    head: str,
    texts: dict[str, str],
    measure: str | None,
    out: Path | None,
    as_json: bool,
    *,
    alone: bool,
) -> None:
    """Print all of it, or write it into files. head: the list, or nothing. alone: one letter, and nothing else."""
    view["letters"] = [
        {"name": name, "to": LETTERS[name], "text": text, "blanks": blanks(text)}
        for name, text in texts.items()
    ]
    files = {f"{name}.txt": text for name, text in texts.items()}
    if not alone:
        files = {"checklist.txt": head, **files, "measure.toml": measure or ""}
        files = {name: text for name, text in files.items() if text}
    if out is not None:
        for name, text in files.items():
            write_private(out / name, f"{text}\n".encode())
        view["written"] = [str(out / name) for name in files]
        then = _YOURS if "poll" in view else "Change them, and give the folder with --letters."
        emit(view, as_json, shown(f"Written into {out}: {', '.join(files)}.\n{then}"))
    elif alone:
        emit(view, as_json, "".join(texts.values()))
    else:
        parts = [f"== {name}: {LETTERS[name]}\n\n{text}" for name, text in texts.items()]
        parts += [] if measure is None else [f"== measure.toml: {_FOR_COUNCILS}\n\n{measure}"]
        emit(view, as_json, "\n\n".join([head, *parts] if head else parts))


def _list(found: Rollout) -> str:
    """Write what was decided, and what to do in which order. The words are a mediator's: each stands on one line."""
    days = [] if found.ends_on is None else [f"it ends on {day_told(found.ends_on)}"]
    days += [] if found.review_on is None else [f"it is looked at again on {day_told(found.review_on)}"]
    said = {
        "measure": f"Decided on {day_told(found.closed_on)}: {found.measure}",
        "meanwhile": f"Until the members have decided: {found.measure}",
        "lifted": f"Decided on {day_told(found.closed_on)}: no action. There is nothing to roll out but the end of "
        f"what held until then, {found.temporary}",
        "none": f"Decided on {day_told(found.closed_on)}: no action. There is nothing to roll out",
    }[found.kind]
    told = one_line("; ".join([said, *days]))
    steps = [f"{number}. {step}" for number, step in enumerate(checklist(found), 1)]
    return shown("\n".join([one_line(found.question), f"{told}.", "", *steps, "", _YOURS]))


def _view(found: Rollout) -> dict[str, Any]:
    days = {"ends": found.ends_on, "review": found.review_on}
    return {
        "poll": found.poll,
        "what": found.kind,
        "group_name": found.group,
        "question": found.question,
        "measure": found.measure,
        "temporary": found.temporary,
        "issues": list(found.issues),
        "closed": day_told(found.closed_on),
        **{name: None if day is None else day_told(day) for name, day in days.items()},
        "checklist": checklist(found),
        "measure_file": measure_file(found),
    }
