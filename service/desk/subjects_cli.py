"""`sottovoce desk subjects | subject | compare | verify-link | merge | split | plot`: which reports stand on their own
feet. Links are never opened here: whoever runs the page would see that a report exists, and when it is read.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from abuse.subjects import read_subject
from crypto.errors import Refused
from service.cases.log import Checked, Finding, SubjectMerged, SubjectSplit
from service.chain_files import write_private
from service.console import command, emit, json_option, one_line, shown
from service.desk import actions
from service.desk.casebook import Case
from service.desk.cli import desk, opened
from service.desk.persons import persons, unreported
from service.desk.reading import reading_of, remember
from service.desk.records import link_named
from service.desk.session import Session
from service.desk.subjects import About, about, abouts, comparison
from service.desk.subjects_told import subject_text, subject_view
from service.desk.writing import remark

_KEPT: Final = "Kept. It goes out with the next sync."
_FOUND: Final[dict[str, Finding]] = {
    "confirmed": "verified",
    "contradicts": "contradicted",
    "unclear": "unclear",
    "gone": "gone",
    "withdrawn": "withdrawn",
}


def _one(session: Session, name: str) -> About:
    found = about(reading_of(session), read_subject(name))
    if found is None:
        raise Refused("no report at this desk is about that account")
    remember(session, [found])
    return found


@desk.command()
@json_option
@click.pass_context
@command
def subjects(context: click.Context, as_json: bool) -> None:
    """List whom reports are about, with how far the reports are independent. No guilt is computed, ever."""
    with opened(context) as session:
        found = abouts(reading_of(session))
        remember(session, found)
    view = [subject_view(about) for about in found] if as_json else []
    emit(view, as_json, shown("\n\n".join(map(subject_text, found)) or "Nobody yet."))


@desk.command()
@click.argument("name")
@json_option
@click.pass_context
@command
def subject(context: click.Context, name: str, as_json: bool) -> None:
    """Show one account, such as github:somebody or the address of a profile."""
    with opened(context) as session:
        found = _one(session, name)
    emit(subject_view(found), as_json, shown(subject_text(found)))


@desk.command()
@click.argument("report")
@click.argument("other")
@json_option
@click.pass_context
@command
def compare(context: click.Context, report: str, other: str, as_json: bool) -> None:
    """Say how far two reports are one account, with every term."""
    with opened(context) as session:
        result = comparison(reading_of(session), session.find(report), session.find(other))
    wording = [f"  both say \u201c{each}\u201d" for each in result.shared]
    emit(asdict(result), as_json, shown("\n".join([result.sentence(), *wording])))


@desk.command("verify-link")
@click.argument("report")
@click.argument("link")
@click.argument("found", type=click.Choice(list(_FOUND)))
@click.option(
    "--note-file",
    "note",
    type=click.Path(path_type=Path, allow_dash=True),
    help="What you saw, and when (pages change), from a file or - . Default: ask.",
)
@json_option
@click.pass_context
@command
def verify_link(
    context: click.Context, report: str, link: str, found: str, note: Path | None, as_json: bool
) -> None:
    """Keep what you found at a link of a report: its address as `show` or `subjects` print it, or its number in `show`.

    You look yourself, with a browser you choose; nothing here opens a link. `withdrawn` takes a finding back.
    """
    with opened(context) as session:
        case = session.find_to_act(report)
        item = _link_of(case, link)
        act = Checked(item=item, finding=_FOUND[found], note=remark(note, "What did you see, and when?"))
        session.enqueue([actions.log(session.desk(int(time.time())), case.first, act)])
    emit(
        {"queued": 1, "link": act.item, "finding": act.finding},
        as_json,
        shown(f"{_KEPT} It is about {one_line(act.item)}"),
    )


def _link_of(case: Case, wanted: str) -> str:
    """Find a link among those that a report names, so that a finding on a misspelt one doesn't count."""
    if (link := link_named(case.first, wanted)) is not None:
        return link
    raise Refused(
        "the report names no such link: copy it from `sottovoce desk show`, or give its number there"
    )


@desk.command()
@click.argument("report")
@click.argument("name")
@click.argument("other")
@json_option
@click.pass_context
@command
def merge(context: click.Context, report: str, name: str, other: str, as_json: bool) -> None:
    """Say, in a report's log, that two accounts are one person; `split` undoes it.

    A report must name one of them. The other may be one that you know of and that is reported later.
    """
    both = [read_subject(name), read_subject(other)]
    if both[0] == both[1]:
        raise Refused("those two are one account already")
    with opened(context) as session:
        case = session.find_to_act(report)
        new = unreported(session.cases().values(), both)
        if len(new) == len(both):
            raise Refused(
                "no report at this desk names either of those accounts: `sottovoce desk subjects` lists those that are "
                "named"
            )
        session.enqueue([actions.log(session.desk(int(time.time())), case.first, SubjectMerged(name, other))])
    told = [f"No report at this desk names {one} yet: `desk split` if you mistyped it." for one in new]
    emit({"queued": 1, "unreported": [str(one) for one in new]}, as_json, shown("\n".join([_KEPT, *told])))


@desk.command()
@click.argument("report")
@click.argument("name")
@click.argument("other")
@json_option
@click.pass_context
@command
def split(context: click.Context, report: str, name: str, other: str, as_json: bool) -> None:
    """Undo what was said with `merge` about these two accounts, by anybody and in any report's log."""
    both = {read_subject(name), read_subject(other)}
    with opened(context) as session:
        case = session.find_to_act(report)
        known = persons(session.cases().values())
        if not any({merged.one, merged.other} == both for merged in known.standing):
            if known.aliases(read_subject(name)) >= both and len(both) == 2:
                raise Refused(
                    "those two are one person only through other accounts: split a pair that was merged, "
                    "as `sottovoce desk show` has it in the reports' logs"
                )
            raise Refused("those two are not merged")
        session.enqueue([actions.log(session.desk(int(time.time())), case.first, SubjectSplit(name, other))])
    emit({"queued": 1}, as_json, _KEPT)


@desk.command()
@click.argument("name")
@click.argument("to", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_context
@command
def plot(context: click.Context, name: str, to: Path, as_json: bool) -> None:
    """Write a picture (SVG) of an account's reports: when they came, and which share wording."""
    from abuse.plot import plot as drawn

    with opened(context) as session:
        found = _one(session, name)
    picture = drawn(found.accounts, found.score, title=str(found.subject), burst=found.burst)
    write_private(to, picture.encode())
    emit({"written": str(to)}, as_json, "Written.")
