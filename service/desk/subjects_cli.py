"""`sottovoce desk subjects | subject | compare | merge | split | plot`: which reports stand on their own feet."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from abuse.plot import plot as drawn
from abuse.subjects import read_subject
from crypto.errors import Refused
from service.cases.log import SubjectMerged, SubjectSplit
from service.console import command, emit, json_option, shown, write_private
from service.desk import actions
from service.desk.cli import desk, opened
from service.desk.records import Body
from service.desk.session import Session
from service.desk.subjects import About, abouts, account_of, comparison, persons


def _all(session: Session) -> list[About]:
    cases = session.cases()
    bodies = _bodies(session)
    since = min((case.first.fetched_s for case in cases.values()), default=0)
    return abouts(cases, bodies, float(since))


def _bodies(session: Session) -> dict[str, Body]:
    cases = session.cases().values()
    held = [one for case in cases for one in (case.first, *case.follow_ups)]
    return {one.id: session.body_of(one) for one in held}


def _view(about: About) -> dict[str, object]:
    return {
        "subject": str(about.subject),
        "aliases": [str(alias) for alias in about.aliases],
        "cases": list(about.cases),
        "score": about.score.as_json(),
        "sentences": list(about.sentences()),
        "waves": [asdict(wave) for wave in about.waves],
    }


def _text(about: About) -> str:
    names = ", ".join(str(alias) for alias in about.aliases)
    checks = [f"    check next: {check.kind} {check.evidence}" for check in about.score.checks[:5]]
    lines = [f"{names}", *(f"  {sentence}" for sentence in about.sentences()), *checks]
    return "\n".join([*lines, f"    reports: {', '.join(case[:8] for case in about.cases)}"])


def _one(session: Session, name: str) -> About:
    wanted = read_subject(name)
    found = next((about for about in _all(session) if wanted in (about.subject, *about.aliases)), None)
    if found is None:
        raise Refused("no report at this desk is about that account")
    return found


@desk.command()
@json_option
@click.pass_context
@command
def subjects(context: click.Context, as_json: bool) -> None:
    """List whom reports are about, with how far the reports are independent. No guilt is computed, ever."""
    with opened(context) as session:
        found = _all(session)
    emit([_view(about) for about in found], as_json, shown("\n\n".join(map(_text, found)) or "Nobody yet."))


@desk.command()
@click.argument("name")
@json_option
@click.pass_context
@command
def subject(context: click.Context, name: str, as_json: bool) -> None:
    """Show one account, such as github:somebody or the address of a profile."""
    with opened(context) as session:
        about = _one(session, name)
    emit(_view(about), as_json, shown(_text(about)))


@desk.command()
@click.argument("report")
@click.argument("other")
@json_option
@click.pass_context
@command
def compare(context: click.Context, report: str, other: str, as_json: bool) -> None:
    """Say how far two reports are one account, with every term."""
    with opened(context) as session:
        result = comparison(session.find(report), session.find(other), _bodies(session))
    emit(asdict(result), as_json, shown(result.sentence()))


@desk.command()
@click.argument("report")
@click.argument("name")
@click.argument("other")
@json_option
@click.pass_context
@command
def merge(context: click.Context, report: str, name: str, other: str, as_json: bool) -> None:
    """Say, in a report's log, that two accounts are one person; `split` undoes it."""
    for text in (name, other):
        read_subject(text)
    with opened(context) as session:
        case = session.find(report)
        session.enqueue([actions.log(session.desk(int(time.time())), case.first, SubjectMerged(name, other))])
    emit({"queued": 1}, as_json, "Kept. It goes out with the next sync.")


@desk.command()
@click.argument("report")
@click.argument("name")
@click.argument("other")
@json_option
@click.pass_context
@command
def split(context: click.Context, report: str, name: str, other: str, as_json: bool) -> None:
    """Undo a merge."""
    with opened(context) as session:
        case = session.find(report)
        if read_subject(other) not in persons(session.cases().values()).aliases(read_subject(name)):
            raise Refused("those two are not merged")
        session.enqueue([actions.log(session.desk(int(time.time())), case.first, SubjectSplit(name, other))])
    emit({"queued": 1}, as_json, "Kept. It goes out with the next sync.")


@desk.command()
@click.argument("name")
@click.argument("to", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
@command
def plot(context: click.Context, name: str, to: Path) -> None:
    """Write a picture (SVG) of an account's reports: when they came, and which share wording."""
    with opened(context) as session:
        about = _one(session, name)
        cases, bodies = session.cases(), _bodies(session)
        accounts = [account_of(cases[case], bodies) for case in about.cases]
    picture = drawn(accounts, about.score, title=str(about.subject), burst=about.burst)
    write_private(to, picture.encode())
    click.echo("Written.", err=True)
