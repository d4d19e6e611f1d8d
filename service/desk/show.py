"""How cases look: as lines for a terminal and as plain structures for --json and the local page. Pure.

Guarantees: on a terminal no line of what a reporter or a colleague wrote begins as ours do. A text of several lines is
set in by four spaces, where none of ours begins; what stands in a list is one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from service.cases.log import (
    LAST_SECOND,
    Advised,
    Checked,
    Consulted,
    Entry,
    Forwarded,
    LetterSent,
    Note,
    Recused,
    StateSet,
    SubjectMerged,
    SubjectSplit,
    Triaged,
)
from service.cases.receipts import day_told
from service.cases.reports import Content, FollowUp, Report
from service.console import one_line
from service.desk.advisers import Given
from service.desk.casebook import Case
from service.desk.consulted import advised_said, given_by_entry, waited_for, waited_lines, waited_since
from service.desk.records import Body, Unreadable
from service.desk.touch import days_without_letter, letter_due

ID_SHOWN = 8
_SET_IN = " " * 4
KINDS = {
    "help": "needs help",
    "conduct": "report",
    "record": "for the record",
    "followup": "lone message",
    "unreadable": "can't be opened",
}
_STRAY = (
    "This message continues no report that is here: its report went to others, its sender mistyped the code, or "
    "somebody made it up. Don't take its sender for the reporter of a case that you have. "
    "A letter goes to the code that its sender has now."
)
_USED = "It was sent with a code that had been used before: perhaps by someone who found it."


def _when(at_s: int) -> str:
    return datetime.fromtimestamp(min(at_s, LAST_SECOND), UTC).strftime("%Y-%m-%d %H:%M")


def list_view(case: Case, today: int) -> dict[str, Any]:
    """One row of the list, for --json. today: days since 1970-01-01 UTC."""
    return {
        "id": case.first.id,
        "day": day_told(case.first.day),
        "kind": case.first.kind,
        "urgency": case.first.urgency,
        "state": case.state.state,
        "priority": case.state.priority,
        "issues": list(case.state.issues),
        "headline": case.first.headline,
        "language": case.first.language,
        "about": [f"{person.handle} ({person.platform})" for person in case.first.who],
        "follow_ups": len(case.follow_ups),
        "letters": len(case.state.letters),
        "waiting_for_answer": case.waiting_for_answer,
        "letter_due": letter_due(case, today),
        "days_without_letter": days_without_letter(case, today),
        "advice_waited_for": len(waited_for(case)),
        "advice_waited_since": waited_since(case),
        "voice": case.first.has_voice,
        "forwarded_here": case.first.forwarded,
        "warnings": list(_warnings(case)),
    }


def list_lines(cases: list[Case], today: int) -> list[str]:
    """Rows for a terminal, most urgent first as given. today: days since 1970-01-01 UTC."""
    lines = []
    for case in cases:
        mark = "!" if case.first.urgency == "danger" else "*" if case.waiting_for_answer else " "
        lines.append(
            f"{mark} {case.first.id[:ID_SHOWN]}  {day_told(case.first.day)}  {case.state.priority or '--'}  "
            f"{case.state.state:<9}  {KINDS.get(case.first.kind, case.first.kind):<14}  {case.first.headline}"
        )
        lines += [f"{'':12}{told}" for told in (*_due_lines(case, today), *waited_lines(case))]
    return lines


def _due_lines(case: Case, today: int) -> list[str]:
    told = f"A letter is due: {days_without_letter(case, today)} days without a word to its reporter."
    return [told] if letter_due(case, today) else []


def unreadable_view(one: Unreadable) -> dict[str, Any]:
    """One row of the list for what came and didn't open, for --json."""
    return {
        "id": one.id,
        "day": None if one.day is None else day_told(one.day),
        "kind": "unreadable",
        "reason": one.reason,
    }


def unreadable_lines(some: Sequence[Unreadable], *, everything: bool) -> list[str]:
    """Rows for a terminal; one line for all of them unless `everything` is wanted."""
    if some and not everything:
        return [f"Could not be opened: {len(some)}. `sottovoce desk list --all` says which, and why."]
    return [
        f"? {one.id[:ID_SHOWN]}  {'-' * 10 if one.day is None else day_told(one.day)}  --  "
        f"{KINDS['unreadable']}: {one.reason}"
        for one in some
    ]


def case_view(case: Case, bodies: dict[str, Body], today: int, voices: Sequence[str] = ()) -> dict[str, Any]:
    """A whole case, for --json and the local page. voices: what became of its voices (`voices.told`).

    today: days since 1970-01-01 UTC.
    """
    return {
        **list_view(case, today),
        "report": _report_view(case, bodies[case.first.id].content),
        "voices": list(voices),
        "conversation": _conversation(case, bodies),
        "log": _log_view(case),
        "untrusted_entries": case.untrusted,
        "doubtful_follow_ups": len(case.doubtful),
    }


def _report_view(case: Case, content: Content) -> dict[str, Any]:
    """Show what a case begins with. A lone message fills the fields that it has."""
    what, when, where, wants, fears = (
        (content.what, content.when, content.where, content.wants, content.fears)
        if isinstance(content, Report)
        else (content.message, "", "", "", "")
    )
    return {
        "what": what,
        "when": when,
        "where": where,
        "who": [{"platform": person.platform, "handle": person.handle} for person in case.first.who],
        "links": list(case.first.links),
        "witnesses": list(case.first.witnesses),
        "wants": wants,
        "fears": fears,
        "recorded_for_someone": case.first.recorded,
        "attachments": _files(content),
    }


def case_lines(case: Case, bodies: dict[str, Body], today: int, voices: Sequence[str] = ()) -> list[str]:
    """A whole case for a terminal. today: days since 1970-01-01 UTC."""
    view = case_view(case, bodies, today, voices)
    report = view["report"]
    lines = [
        f"{case.first.id}",
        f"{KINDS.get(case.first.kind, case.first.kind)} of {view['day']}, {view['state']}"
        + "".join(f", {one}" for one in (view["priority"], *view["issues"]) if one)
        + (", SOMEONE IS IN DANGER" if case.first.urgency == "danger" else ""),
        *_due_lines(case, today),
        *(f"WARNING: {warning}" for warning in view["warnings"]),
        "",
        *set_in("", report["what"]),
    ]
    for label, name in (("When", "when"), ("Where", "where"), ("Wants", "wants"), ("Fears", "fears")):
        if report[name]:
            lines += ["", *set_in(f"{label}: ", report[name])]
    for label, items in (
        ("About", view["about"]),
        (
            "Visible at (not opened for you: see who asks before you look)",
            [f"{number}: {link}" for number, link in enumerate(report["links"], 1)],
        ),
        ("Voices", view["voices"]),
        ("Others who may know", report["witnesses"]),
        ("Files", [_file_line(attachment) for attachment in report["attachments"]]),
    ):
        if items:
            lines += ["", f"{label}:", *(f"  - {one_line(item)}" for item in items)]
    if view["conversation"]:
        lines += ["", "Conversation:"]
        for turn in view["conversation"]:
            lines += ["", f"  {one_line(turn['who'])} ({turn['when']}){turn['mark']}:"]
            lines += set_in("", turn["text"])
    if view["log"]:
        lines += ["", "Log:"]
        for one in view["log"]:
            lines += set_in(f"  {one['when']}  {one_line(one['who'])}: ", one["said"])
    return lines


def set_in(begin: str, text: str) -> list[str]:
    """Write a text of somebody else's behind `begin`, and what is under it, or all without one, set in."""
    first, *rest = text.split("\n")
    return [f"{begin or _SET_IN}{first}", *(f"{_SET_IN}{line}" for line in rest)]


def _file_line(attachment: dict[str, Any]) -> str:
    kept = ", with its metadata" if attachment["original"] else ""
    size = f"{attachment['size']} bytes{kept}"
    return f"{attachment['number']}: {attachment['name']} ({attachment['media_type']}, {size})"


def _files(content: Report | FollowUp) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "name": attachment.name,
            "media_type": attachment.media_type,
            "size": attachment.size,
            "original": attachment.original,
        }
        for number, attachment in enumerate(content.attachments)
    ]


def _conversation(case: Case, bodies: dict[str, Body]) -> list[dict[str, Any]]:
    """Order what was said by mailboxes: a word of the reporter, then the letters to the mailbox that came with it.

    Times would not do: of a word, each desk knows the day and when it fetched it itself.
    """
    words = (case.first, *case.follow_ups)
    places = {held.mailbox_address: place for place, held in enumerate(words)}
    turns: list[tuple[int, int, dict[str, Any]]] = []
    told = [(held, False) for held in case.follow_ups] + [(held, True) for held in case.doubtful]
    for held, doubtful in told:
        body = bodies.get(held.id)
        if body is None or not isinstance(body.content, FollowUp):
            continue
        mark = " [sent with a code that had been used before]" if doubtful else ""
        files = _files(body.content)
        if body.content.message or files:
            turn = {"who": "reporter", "when": day_told(held.day), "text": body.content.message, "mark": mark}
            place = places.get(held.follows or "", 0) if doubtful else places[held.mailbox_address]
            turns.append((place, 2 * doubtful, {**turn, "report": held.id, "attachments": files}))
    for entry in case.state.letters:
        if isinstance(entry.act, LetterSent):
            text = entry.act.text or f"[told: {entry.act.state}]"
            mark = " asks" if entry.act.question else ""
            turn = {"who": entry.author, "when": _when(entry.at_s), "text": text, "mark": mark}
            place = places.get(entry.act.address, len(words))
            turns.append((place, 1, {**turn, "report": case.first.id, "attachments": []}))
    return [turn for _, _, turn in sorted(turns, key=lambda one: one[:2])]


def _log_view(case: Case) -> list[dict[str, Any]]:
    late = set(case.state.out_of_order)
    given = given_by_entry(case)
    return [_entry_view(entry, given.get(entry), late=entry in late) for entry in case.state.entries]


def _entry_view(entry: Entry, given: Given | None, *, late: bool) -> dict[str, Any]:
    match entry.act:
        case LetterSent(state=state, text=text):
            said = f"wrote a letter{f' ({state})' if state else ''}{'' if text else ' without further words'}"
        case Note(text=text):
            said = f"note: {text}"
        case Recused(reason=reason):
            said = f"stepped out{f': {reason}' if reason else ''}"
        case Forwarded(handlers=handlers, reason=reason):
            said = f"forwarded to {', '.join(handlers)}{f': {reason}' if reason else ''}"
        case Consulted(group_name=group, handlers=handlers, text=text):
            said = f"asked {', '.join(handlers)} ({group}) for advice, showing them this and nothing else: {text}"
        case Advised() as advised:
            said = advised_said(advised, given)
        case StateSet(state=state):
            said = f"set the case to {state}"
        case Triaged(priority=priority, issues=issues):
            said = ": ".join([f"triaged as {priority}", *([", ".join(issues)] if issues else [])])
        case Checked(item=item, finding=finding, note=note):
            said = f"checked {item}: {finding}{f' ({note})' if note else ''}"
        case SubjectMerged(subject=subject, other=other):
            said = f"merged {subject} and {other}"
        case SubjectSplit(subject=subject, other=other):
            said = f"split {subject} and {other}"
        case act:
            said = type(act).__name__.lower()
    mark = " (could not apply: somebody else had moved the case)" if late else ""
    return {"id": entry.id, "who": entry.author, "when": _when(entry.at_s), "said": said + mark}


def _warnings(case: Case) -> list[str]:
    found = [warning for one in (case.first, *case.follow_ups) for warning in one.warnings]
    if case.stray:
        found.append(_STRAY if case.first.first_use else f"{_STRAY} {_USED}")
    if case.untrusted:
        found.append(
            f"{case.untrusted} log entries were signed by nobody this desk knows by the name in them; "
            "they are not shown."
        )
    return found
