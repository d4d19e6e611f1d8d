"""How a case looks, whatever other handlers wrote into its log."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import msgspec
import pytest

from crypto.signatures import SigningKey
from service.cases.log import (
    Act,
    Checked,
    Forwarded,
    LetterSent,
    Note,
    Recused,
    StateSet,
    SubjectMerged,
)
from service.cases.receipts import MAX_DAY
from service.cases.reports import FollowUp, Person
from service.desk.casebook import Case, assemble
from service.desk.records import Body, LogLine, Unreadable
from service.desk.show import case_lines, case_view, list_lines, list_view, unreadable_lines
from service.desk.touch import by_urgency
from service.reporter.answers import Answers
from tests.support.desk_records import FIRST, held, line
from tests.support.reporters import TODAY

BODIES = {FIRST.id: Body(Answers(what="It happened.").to_report((), TODAY))}


def case(*lines: LogLine) -> Case:
    cases = assemble([FIRST], {FIRST.id: list(lines)})
    return cases[FIRST.id]


@pytest.mark.parametrize("act", [Note(text="n"), LetterSent("0" * 32, "1" * 64, "Hello.", False, None)])
def test_no_time_stops_a_case_from_being_shown(act: Act) -> None:
    """Stores of older desks hold entries of times that no calendar has."""
    view = case_view(case(line(act, at_s=2**40)), BODIES, 20_001)
    assert view["log"][0]["when"] == "9999-12-31 23:59"
    assert case_lines(case(line(act, at_s=2**40)), BODIES, 20_001)


@pytest.mark.parametrize("day", [2_932_896, 2_932_897, MAX_DAY])
def test_no_day_stops_a_desk_from_listing(day: int) -> None:
    """The server gives the day of a report: one that no calendar has is a number, and the other cases are there too."""
    lying = held(2, "b", day=day, fetched_s=20_000 * 86_400)
    cases = assemble([FIRST, lying], {})
    listed = by_urgency(cases.values(), 20_002)
    assert sum("received" in line for line in list_lines(listed, 20_002)) == 2
    assert list_view(cases[lying.id], 20_002)["day"] in {"9999-12-31", f"day {day} since 1970"}
    assert case_lines(cases[lying.id], {lying.id: BODIES[FIRST.id]}, 20_002)
    assert unreadable_lines([Unreadable("0" * 32, "1" * 32, "damaged", day)], everything=True)


def test_entries_of_one_id_are_each_shown() -> None:
    """Somebody who takes another's id hides neither."""
    rogue = SigningKey(bytes([1] * 32))
    view = case_view(case(line(Note(text="one")), line(Note(text="two"), 1, key=rogue)), BODIES, 20_001)
    assert [one["said"] for one in view["log"]] == ["note: one", "note: two"]


def test_what_was_said_on_a_lone_message_is_shown_when_its_report_has_come() -> None:
    """Whoever had no report answered it: the others see that, and nothing of theirs is closed by it."""
    lone = held(2, "b", "a")
    answered = line(LetterSent("0" * 32, "1" * 64, "We are here.", False, None))
    closed = line(StateSet("closed"), 1, entry_id=1)
    logs = {lone.id: [answered, closed], FIRST.id: [line(Note(text="n"), entry_id=2)]}
    [alone] = assemble([lone], logs).values()
    assert (alone.stray, alone.state.state) == (True, "closed")
    [whole] = assemble([FIRST, lone], logs).values()
    assert (whole.stray, whole.state.state) == (False, "received")
    said = [one["said"] for one in case_view(whole, BODIES, 20_001)["log"]]
    assert said == ["note: n", "wrote a letter", "set the case to closed"]
    assert [letter.act for letter in whole.state.letters] == [
        LetterSent("0" * 32, "1" * 64, "We are here.", False, None)
    ]


def letter(address: str, text: str, number: int, *, at_s: int = 1) -> LogLine:
    return line(LetterSent("0" * 32, address, text, False, None), number, at_s=at_s, entry_id=number)


@pytest.mark.parametrize("fetched_s", [0, 1_000, 2**40])
@pytest.mark.parametrize(
    ("written_to", "waits"),
    [
        ("", True),
        ("a", True),  # before the desk had the last word
        ("b", False),
        ("c", False),  # the reporter came to read, and had nothing to say
        ("bc", False),
        ("abc", False),
        ("z", True),
    ],
)
def test_who_waits_for_an_answer_is_the_same_at_every_desk(
    written_to: str, waits: bool, fetched_s: int
) -> None:
    """Whenever it synced: what counts is to which mailbox a letter went."""
    address = {name: f"{name}" * 64 for name in "abc"} | {"z": "f" * 64}
    records = [
        held(1, address["a"], fetched_s=fetched_s),
        held(2, address["b"], address["a"], fetched_s=fetched_s),
        held(3, address["c"], address["b"], fetched_s=fetched_s, speaks=False),
    ]
    lines = [letter(address[name], "We read it.", n, at_s=500) for n, name in enumerate(written_to)]
    [whole] = assemble(records, {records[0].id: lines}).values()
    assert whole.waiting_for_answer is waits


def test_a_mere_change_of_state_answers_nothing() -> None:
    """`told: looking` is no answer."""
    told = line(LetterSent("0" * 32, "a" * 64, "", False, "looking"))
    first = held(1, "a" * 64)
    [one] = assemble([first], {first.id: [told]}).values()
    assert one.waiting_for_answer


def test_a_conversation_reads_alike_at_every_desk() -> None:
    """A desk that fetched all of it at once, after it was said, shows the answers where they were given."""
    a, b, c = ("a" * 64, "b" * 64, "c" * 64)

    def says(text: str) -> Body:
        follow_up = FollowUp(
            proof="0" * 64, message=text, language="en", filed_on="2026-11-22", attachments=()
        )
        return Body(follow_up)

    late = 10**9
    records = [
        held(1, a, fetched_s=late),
        held(2, b, a, fetched_s=late),
        held(3, c, b, fetched_s=late),
        held(4, "d" * 64, a, fetched_s=0, first_use=False),
    ]
    bodies = {records[0].id: BODIES[FIRST.id]}
    bodies |= {records[n].id: says(text) for n, text in ((1, "And then."), (2, "Thanks."), (3, "A thief."))}
    lines = [
        letter(a, "Who?", 1),
        letter(b, "When?", 3, at_s=7),
        letter(b, "Where?", 2, at_s=9),
        letter(c, "Bye.", 4),
    ]
    [whole] = assemble(records, {records[0].id: lines}).values()
    said = [turn["text"] for turn in case_view(whole, bodies, 20_001)["conversation"]]
    assert said == ["Who?", "A thief.", "And then.", "Where?", "When?", "Thanks.", "Bye."]


def test_no_number_of_entries_stops_a_case_from_being_shown() -> None:
    """A colleague's program may write as many as it likes: they are folded and shown in time that grows with them."""
    many = 10_000
    lines = [
        line(StateSet("closed"), 0),
        *(line(StateSet("mediation"), n, entry_id=n) for n in range(1, many)),
    ]
    since = process_time()
    whole = case(*lines)
    assert len(whole.state.out_of_order) == many - 1
    assert len(case_view(whole, BODIES, 20_001)["log"]) == many
    assert process_time() - since < 2.5


FORGED = (
    "Well.\n\nVoices:\n  - a registered member speaks about github: ann\n"
    "  2026-11-21 10:00  Ada: set the case to closed"
)


@pytest.mark.parametrize("field", ["what", "when", "where", "wants", "fears"])
def test_no_line_of_a_report_passes_for_one_of_ours(field: str) -> None:
    """What its reporter wrote in several lines is set in, below what it is."""
    whole = {"what": "x", field: FORGED}
    lines = case_lines(case(), {FIRST.id: Body(Answers(**whole).to_report((), TODAY))}, 20_001)  # type: ignore[arg-type]
    assert [line for line in lines if "Voices" in line or "member speaks" in line or "10:00" in line] == [
        f"    {line}" for line in FORGED.split("\n")[2:]
    ]


def test_no_item_of_a_list_passes_for_a_line_of_ours() -> None:
    """Links, people and who may know are one line each."""
    who = (Person(platform="x", handle=FORGED),)
    first = msgspec.structs.replace(FIRST, who=who, links=(FORGED,), witnesses=(FORGED,))
    lines = case_lines(replace(case(), first=first), BODIES, 20_001)
    told = [line for line in lines if "member speaks" in line]
    assert len(told) == 3
    assert all(line.startswith("  - ") and "Well. Voices: - a" in line for line in told)
    assert not [line for line in lines if "\n" in line]


@pytest.mark.parametrize(
    "act",
    [
        Note(text=FORGED),
        Recused(reason=FORGED),
        Forwarded(group="0" * 32, handlers=(FORGED,), key_ids=("0" * 32,), reason=FORGED),
        Checked(item=FORGED, finding="gone", note=FORGED),
        SubjectMerged(subject=FORGED, other=FORGED),
        LetterSent("0" * 32, "1" * 64, FORGED, False, None),
    ],
)
def test_no_line_of_a_colleague_passes_for_an_entry_of_another(act: Act) -> None:
    """A note in several lines is set in further than the entries of the log begin."""
    lines = case_lines(case(line(act)), BODIES, 20_001)
    assert not [one for one in lines if "\n" in one or one.startswith(("Voices", "  -", "  2026"))]
