"""When a letter is due to a reporter, by the case and the day alone; and who is listed first."""

from __future__ import annotations

import itertools

import pytest

from crypto.signatures import SigningKey
from service.cases.letters import State
from service.cases.log import Act, LetterSent, Note, Recused, StateSet, Triaged
from service.desk.casebook import Case, assemble
from service.desk.records import Held, LogLine
from service.desk.touch import by_urgency, days_without_letter, letter_due
from tests.support.desk_records import held, line

CAME = 20_000
"""The day on which `held` has its reports come."""
DAY = 86_400
A, B, C = ("a" * 64, "b" * 64, "c" * 64)
BO = SigningKey(bytes([1] * 32))


def report(**changes: object) -> Held:
    return held(1, A, None, **{"fetched_s": CAME * DAY, **changes})


def follow_up(number: int, address: str, follows: str, day: int, **changes: object) -> Held:
    return held(number, address, follows, **{"day": day, "fetched_s": day * DAY, **changes})


def letter(text: str = "We read it.", address: str = A, state: State | None = None) -> LetterSent:
    return LetterSent("0" * 32, address, text, False, state)


def log(*acts: tuple[int, Act], key: SigningKey | None = None) -> list[LogLine]:
    """Lines of a log in their order: on which day, at its last second, and what."""
    signer = {} if key is None else {"key": key}
    return [
        line(act, seq, at_s=day * DAY + DAY - 1, entry_id=seq, **signer)
        for seq, (day, act) in enumerate(acts)
    ]


def only(records: list[Held], lines: list[LogLine] | None = None) -> Case:
    [case] = assemble(records, {records[0].id: lines or []}).values()
    return case


def due_on(case: Case, days: range = range(CAME, CAME + 200)) -> list[int]:
    """The days, counted from the report's, on which a letter is due."""
    return [day - CAME for day in days if letter_due(case, day)]


FROM = {n: list(range(n, 200)) for n in range(200)}


@pytest.mark.parametrize(
    ("lines", "due"),
    [
        ([], FROM[7]),
        ([(CAME, letter())], FROM[7]),
        ([(CAME + 3, letter())], FROM[10]),
        ([(CAME + 3, letter()), (CAME + 9, letter())], FROM[16]),
        ([(CAME + 9, letter()), (CAME + 3, letter())], FROM[16]),  # stored in another order than written
        ([(CAME + 3, letter("", state="looking"))], FROM[7]),  # tells of a state, in no words of anybody's
        ([(CAME + 3, letter("We look at it.", state="looking"))], FROM[10]),
        ([(CAME + 3, Note(text="n")), (CAME + 4, Triaged("P1")), (CAME + 5, Recused("r"))], FROM[7]),
        ([(CAME - 400, letter())], FROM[7]),  # its author's clock was behind
        ([(CAME + 3, letter("Farewell.", state="closed"))], []),
        ([(CAME + 3, StateSet("closed"))], []),
        ([(CAME + 3, StateSet("decided"))], FROM[7]),
    ],
)
def test_a_letter_is_due_a_week_after_the_last_one(lines: list[tuple[int, Act]], due: list[int]) -> None:
    """Or after the report; until the case is closed, whoever wrote."""
    assert due_on(only([report()], log(*lines))) == due
    assert due_on(only([report()], log(*lines, key=BO))) == due


def test_days_are_counted_from_the_last_letter_or_the_report() -> None:
    """Whole days of UTC: the second within the day, of the letter or of the reader, changes nothing."""
    assert [days_without_letter(only([report()]), CAME + n) for n in (-3, 0, 6, 7)] == [0, 0, 6, 7]
    for second in (0, DAY - 1):
        lines = [line(letter(), at_s=(CAME + 2) * DAY + second)]
        assert [days_without_letter(only([report()], lines), CAME + n) for n in (2, 8, 9)] == [0, 6, 7]
        assert due_on(only([report()], lines)) == FROM[9]


@pytest.mark.parametrize("fetched_s", [CAME * DAY - 1, CAME * DAY, (CAME + 90) * DAY])
def test_two_desks_agree_whenever_each_synced(fetched_s: int) -> None:
    """In the second before midnight by its own clock, or months later."""
    case = only([report(fetched_s=fetched_s)])
    assert due_on(case) == FROM[7]
    assert days_without_letter(case, CAME + 9) == 9


def test_a_follow_up_changes_nothing_but_what_is_written_to_it_counts() -> None:
    """The promise is a letter a week, whatever the reporter says; also one by who was told of the follow-up alone."""
    records = [report(), follow_up(2, B, A, CAME + 5), follow_up(3, C, B, CAME + 6, speaks=False)]
    assert due_on(only(records)) == FROM[7]
    [aside] = assemble(records, {records[1].id: log((CAME + 6, letter(address=B)))}).values()
    assert due_on(aside) == FROM[13]


def test_what_nobody_known_signed_silences_nothing() -> None:
    """Nor does a doubtful message."""
    [false] = log((CAME + 3, letter()))
    untrusted = LogLine(false.report, false.seq, false.raw, trusted=False)
    thief = follow_up(2, B, A, CAME + 3, first_use=False)
    assert due_on(only([report(), thief], [untrusted])) == FROM[7]


def test_a_letter_from_the_future_silences_nothing() -> None:
    """A clock may be a day ahead; beyond that it is not believed, however far, until that day has come."""
    ahead = only([report()], log((CAME + 1, letter())))
    assert days_without_letter(ahead, CAME) == 0
    for day in (CAME + 60, 2**40 // DAY - 1):
        wrong = only([report()], log((day, letter())))
        assert due_on(wrong, range(CAME, CAME + 59)) == list(range(7, 59))
        assert days_without_letter(wrong, CAME + 9) == 9
        mended = only([report()], log((day, letter()), (CAME + 8, letter())))
        assert due_on(mended, range(CAME, CAME + 59)) == list(range(15, 59))


@pytest.mark.parametrize("day", [CAME + 2, CAME + 5_000, 2**32 - 1])
def test_a_server_that_dates_a_report_ahead_silences_nothing(day: int) -> None:
    """It came before this desk had it, by a day at most."""
    assert due_on(only([report(day=day)])) == FROM[8]


def test_a_case_that_is_taken_up_again_is_due_a_week_later() -> None:
    """Nothing was promised while it was closed; how long there was no word is said as it is."""
    lines = log((CAME + 2, letter()), (CAME + 3, StateSet("closed")), (CAME + 50, StateSet("looking")))
    case = only([report()], lines)
    since = range(CAME + 50, CAME + 200)
    assert due_on(case, since) == FROM[57]
    assert days_without_letter(case, CAME + 57) == 55
    out_of_order = [*lines, *log((CAME + 60, StateSet("received")))]
    assert due_on(only([report()], out_of_order), since) == FROM[57]
    again = log(
        (CAME + 3, StateSet("closed")), (CAME + 50, StateSet("looking")), (CAME + 90, StateSet("mediation"))
    )
    assert due_on(only([report()], again), since) == FROM[57]
    never_believed = log((CAME + 3, StateSet("closed")), (CAME + 5_000, StateSet("looking")))
    assert due_on(only([report()], never_believed)) == FROM[7]


@pytest.mark.parametrize("changes", [{"kind": "record"}, {"recorded": True}])
def test_where_an_answer_is_enough_no_weekly_letter_is_due(changes: dict[str, object]) -> None:
    """For the record, until it was acknowledged; recorded for somebody who has not come back, until a letter waits."""
    assert due_on(only([report(**changes)])) == FROM[7]
    assert due_on(only([report(**changes)], log((CAME + 3, letter())))) == []
    told = log((CAME + 3, letter("", state="looking")))
    assert due_on(only([report(**changes)], told)) == FROM[7]
    lines = log((CAME + 3, letter()), (CAME + 90, letter(address=B)))
    wrote_again = [report(**changes), follow_up(2, B, A, CAME + 80)]
    weekly = "recorded" in changes  # whoever uses the code reads the letters
    assert due_on(only(wrote_again, lines[:1])) == (FROM[10] if weekly else FROM[87])
    assert due_on(only(wrote_again, lines)) == ([*range(10, 89), *FROM[97]] if weekly else [])


def test_a_lone_message_is_answered_once_and_only_where_it_says_something() -> None:
    """Its report is with others, who write every week; one sent with a used code may be a thief's."""
    lone = follow_up(1, B, A, CAME)
    answered = log((CAME + 3, letter(address=B)))
    assert due_on(only([lone])) == FROM[7]
    assert due_on(only([lone], answered)) == []
    for changes in ({"speaks": False}, {"first_use": False}):
        assert due_on(only([follow_up(1, B, A, CAME, **changes)])) == []
    later = follow_up(2, C, B, CAME + 30)
    assert due_on(only([follow_up(1, B, A, CAME, speaks=False), later])) == FROM[37]


def test_danger_comes_first_then_priority_then_whom_to_write_to() -> None:
    """However long somebody else has had no word, and in whatever order the cases are given."""
    fresh, old = CAME + 30, CAME

    def one(number: int, lines: list[LogLine] | None = None, **changes: object) -> Case:
        first = held(number, f"{number:064x}", None, **{"fetched_s": fresh * DAY, "day": fresh, **changes})
        return only([first], lines)

    def answered(number: int, day: int) -> LetterSent:
        return letter(address=f"{number:064x}")

    cases = [
        one(1, urgency="danger"),
        one(2, log((fresh, Triaged("P2")), (fresh, answered(2, fresh)))),
        one(3, urgency="soon"),
        one(4, day=old),
        one(5, log((old + 20, answered(5, old))), day=old + 1),
        one(6),
        one(7, log((fresh, answered(7, fresh))), day=old),
        one(8, log((old, Triaged("P4"))), day=old),
        one(9, log((old, StateSet("closed"))), urgency="danger", day=old),
    ]
    for order in itertools.islice(itertools.permutations(cases), 0, 5_000, 97):
        assert [int(case.first.id, 16) for case in by_urgency(order, fresh)] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert [int(c.first.id, 16) for c in cases if letter_due(c, fresh)] == [4, 5, 8]
