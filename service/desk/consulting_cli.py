"""`sottovoce desk consult | advise | take-advice`: people outside of a report are asked, and see what is put to them.

Question and answer are files, sealed to those they are for and carried by whatever means; the server has no part in
them. That somebody was asked, with all they were shown, and what they answered goes into the case's log.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from crypto.errors import Refused
from service.cases.consultations import MAX_FILE
from service.cases.receipts import day_told
from service.chain_files import check_new, read_whole, write_private
from service.console import command, emit, hex_id, json_option, one_line, shown
from service.desk.acting_cli import KEPT, TEXT_FILE
from service.desk.cli import desk, opened
from service.desk.consulting import (
    People,
    advice_file,
    adviser_of,
    asker_of,
    consult,
    opened_answer,
    opened_question,
    people_to_ask,
    question_lines,
    taking,
)
from service.desk.handing_cli import group_history
from service.desk.session import handlers_named
from service.desk.show import ID_SHOWN, set_in
from service.desk.writing import sure, taken

_PATH = click.Path(path_type=Path, dir_okay=False)


@desk.command("consult")
@click.argument("report")
@click.option("--group", required=True, help="Id of the group (32 hex digits), on the same server.")
@click.option(
    "--to",
    "names",
    multiple=True,
    help="Only this member of it (repeat for more). Default: its handlers but those whom the reporter left out.",
)
@click.option(
    "--text-file", type=TEXT_FILE, help="What they are shown, from a file, or - . Default: the editor."
)
@click.option("--out", required=True, type=_PATH, help="Where to write the file for them.")
@json_option
@click.pass_context
@command
def consult_(
    context: click.Context,
    report: str,
    group: str,
    names: tuple[str, ...],
    text_file: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Ask people of another group about a case: they see the text that you write for them, and nothing of the report.

    Give them the file by whatever means; they answer with `advise`. The log says whom you asked and what they saw.
    """
    to = hex_id(group, 16, "a group's id")
    check_new(out)
    with opened(context) as session:
        case = session.find_to_act(report)
        history = group_history(session, to)
        wanted = handlers_named(history.latest, names) if names else None
        people = people_to_ask(session, case, history, wanted)

        def written(text: str) -> str:
            asked, entry, file = consult(session, case, people, text, int(time.time()))
            click.echo(shown("\n".join(_preview(people, text))), err=True)
            sure("Write that for them?")
            # The file first: where none can be written, the log says nothing. And where the log takes nothing there is
            # no file: nobody could open its answers.
            write_private(out, file)
            try:
                session.enqueue([entry])
            except BaseException:
                out.unlink(missing_ok=True)
                raise
            return asked.act.consultation

        consultation = taken(context.obj[0], text_file, written)
    view = {
        "written": str(out),
        "consultation": consultation,
        "group_name": people.roster.name,
        "asked": [one.pseudonym for one in people.asked],
        "not_asked": list(people.not_asked),
        "queued": 1,
    }
    emit(view, as_json, shown(f"Written: give them {out}.\n{KEPT}"))


def _preview(people: People, text: str) -> list[str]:
    names = ", ".join(one.pseudonym for one in people.asked)
    return [
        f"{one_line(names)} ({one_line(people.roster.name)}) will see this, your name, and nothing of the report:",
        "",
        *set_in("", text),
        "",
        *(
            f"Not asked: {one_line(name)}, who must not know of the report: left out of it, or stepped out."
            for name in people.not_asked
        ),
    ]


@desk.command()
@click.argument("file", type=_PATH)
@click.option(
    "--out", type=_PATH, help="Answer, and write the answer here. Without it the question is shown."
)
@click.option("--text-file", type=TEXT_FILE, help="The answer, from a file, or - . Default: the editor.")
@json_option
@click.pass_context
@command
def advise(
    context: click.Context, file: Path, out: Path | None, text_file: Path | None, as_json: bool
) -> None:
    """Read what people of another group ask you in a file that `consult` wrote; with --out, answer them.

    Give them the answer by whatever means: whoever has the case there can open it, and nobody else. Your desk keeps
    neither.
    """
    if out is None and text_file is not None:
        raise Refused("to answer, say with --out where to write the file for them")
    if out is not None:
        check_new(out)
    with opened(context) as session:
        question = opened_question(session, read_whole(file, MAX_FILE))
        roster = group_history(session, bytes.fromhex(question.group)).latest
        asker = asker_of(question, roster)
        lines = shown("\n".join(question_lines(question, asker.pseudonym, roster.name)))
        if out is not None:
            to = out
            click.echo(lines, err=True)
            taken(
                context.obj[0],
                text_file,
                lambda text: write_private(to, advice_file(session, question, text, int(time.time()))),
            )
    view = {
        "asked_by": asker.pseudonym,
        "group": question.group,
        "group_name": roster.name,
        "asked_on": day_told(question.day),
        "text": question.text,
        "written": None if out is None else str(out),
    }
    answered = f"Written: give {out} to those who asked."
    emit(view, as_json, lines if out is None else shown(answered))


@desk.command("take-advice")
@click.argument("answer", type=_PATH)
@json_option
@click.pass_context
@command
def take_advice(context: click.Context, answer: Path, as_json: bool) -> None:
    """Take an answer that `advise` wrote into the log of the case it is about: whoever has the case may."""
    with opened(context) as session:
        answered = opened_answer(session, read_whole(answer, MAX_FILE))
        roster = group_history(session, bytes.fromhex(answered.advice.group)).latest
        adviser = adviser_of(answered, roster)
        items = taking(session, answered, adviser, int(time.time()))
        session.enqueue(items)
    advice, report = answered.advice, answered.case.first.id
    text = [
        f"{one_line(adviser.pseudonym)} ({one_line(roster.name)}) on {report[:ID_SHOWN]}, {day_told(advice.day)}:",
        "",
        *set_in("", advice.text),
        "",
        KEPT if items else "Nothing was changed: the case's log has it.",
    ]
    view = {
        "report": report,
        "consultation": advice.id,
        "adviser": adviser.pseudonym,
        "group_name": roster.name,
        "day": day_told(advice.day),
        "text": advice.text,
        "queued": len(items),
    }
    emit(view, as_json, shown("\n".join(text)))
