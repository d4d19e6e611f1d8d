"""Which reports get an entry that says nothing: always the same ones, whoever asks and whatever came since."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.entropy import seeded
from crypto.opening import SEALED_ENTRY_SIZES
from crypto.signatures import SigningKey
from service.cases.log import LetterSent, Note
from service.desk import actions
from service.desk.actions import Author, Desk
from service.desk.casebook import assemble, by_envelope
from service.desk.cover import COMPANIONS, companions, cover
from service.desk.records import Held, Waiting
from tests.support.desk_records import held

DAY = 20_000
NOW = DAY * 86_400
DRAW = seeded(b"cover")
DESK = Desk(Author("Ada", SigningKey(DRAW(32))), NOW, DRAW)


def reports(
    count: int, day: int = DAY, first: int = 1, group: str = "0" * 32, recipients: tuple[str, ...] = ()
) -> list[Held]:
    return [
        held(n, f"{n:064x}", day=day, group=group, content_key=f"{n:064x}", recipients=recipients)
        for n in range(first, first + count)
    ]


def ids(some: list[Held]) -> set[str]:
    return {one.id for one in some}


def covered(real: list[Waiting], known: list[Held]) -> dict[str, list[int]]:
    """Lengths of all entries of an upload, by report."""
    cases = by_envelope(assemble(known, {}).values())
    found: dict[str, list[int]] = {}
    for item in [*real, *cover(DESK, real, cases, {one.id: one for one in known})]:
        if item.what == "entry":
            found.setdefault(item.report, []).append(len(item.payload))
    return {report: sorted(lengths) for report, lengths in found.items()}


def letter(one: Held) -> Waiting:
    return Waiting(DRAW(16).hex(), NOW, "letter", one.group, one.id, address=one.mailbox_address)


@settings(max_examples=50, deadline=None)
@given(older=st.integers(7, 60), later=st.integers(0, 60), draw=st.randoms(use_true_random=False))
def test_later_reports_take_nobodys_place(older: int, later: int, draw: object) -> None:
    """Once there are seven others: the same seven, whatever comes, in whatever order they are held."""
    here = reports(older + 1, DAY - 1)
    more = here + reports(later, DAY + 1, first=1_000) + reports(later, DAY, 2_000, group="1" * 32)
    more += reports(later, DAY, first=3_000)
    draw.shuffle(more)  # type: ignore[attr-defined]
    at_first = companions(here[0], here, DAY)
    assert companions(here[0], more, DAY) == at_first
    assert len(ids(at_first) - {here[0].id}) == COMPANIONS


@settings(max_examples=50, deadline=None)
@given(missing=st.sets(st.integers(0, 39)))
def test_desks_with_different_reports_choose_the_same(missing: set[int]) -> None:
    """Of the reports that went to all of its recipients: others, which one desk lacks, are drawn after these."""
    shared = reports(COMPANIONS + 3, DAY - 9, 100, recipients=("a", "b", "c"))
    others = reports(40, DAY - 1, 200, recipients=("a", "c"))
    [report] = reports(1, recipients=("a", "b"))
    ours = companions(report, [report, *shared, *others], DAY)
    theirs = companions(
        report, [report, *shared, *(one for n, one in enumerate(others) if n not in missing)], DAY
    )
    assert theirs == ours
    assert ids(ours) <= ids(shared)
    few = shared[:3]
    assert ids(few) < ids(companions(report, [report, *few, *others], DAY))


def test_too_few_by_then_only_gain() -> None:
    """A small desk gives what it has; who came first stays."""
    here, before = reports(3), set[str]()
    for day in range(1, 8):
        now = ids(companions(here[0], here, DAY))
        assert before <= now
        assert len(now) == min(COMPANIONS, len(here) - 1)
        before, here = now, here + reports(1, DAY + day, first=100 + day)


def test_companions_are_recent_ones_of_the_same_group() -> None:
    """Cases of last year would be no cover for one of today, nor would another group's."""
    here = reports(1) + reports(30, DAY - 1, 100) + reports(60, DAY - 400, 200)
    here += reports(30, DAY, 300, group="1" * 32)
    found = companions(here[0], here, DAY)
    assert {one.day for one in found} == {DAY - 1}
    assert len(found) == COMPANIONS


def test_companions_get_as_many_entries_of_the_same_lengths() -> None:
    """Or the one that got two would be the one that was written to."""
    known = reports(30)
    one = known[4]
    copy = LetterSent(letter="0" * 32, address=one.mailbox_address, text="x", question=False, state=None)
    long = actions.log(DESK, one, Note(text="x" * 2_000))
    found = covered([letter(one), actions.log(DESK, one, copy), long], known)
    assert len(found) == 1 + COMPANIONS
    assert set(map(tuple, found.values())) == {SEALED_ENTRY_SIZES}


def test_what_several_need_is_counted_once() -> None:
    """All thirty acted on: each has its own entry, and nobody more than one."""
    known = reports(30)
    found = covered([actions.log(DESK, one, Note(text="x")) for one in known], known)
    assert list(found.values()) == [[SEALED_ENTRY_SIZES[0]]] * 30


def test_a_letter_that_goes_again_alone_is_covered_too() -> None:
    """After its entry went, or the seven without the eighth would name it."""
    known = reports(30)
    found = covered([letter(known[0])], known)
    assert set(found) == {known[0].id} | ids(companions(known[0], known, DAY))


def test_a_lone_message_is_covered_and_covers() -> None:
    """A follow-up that got an entry only when it was answered would name itself."""
    lone = held(99, "b", "a", day=DAY, content_key=f"{99:064x}")
    known = [*reports(COMPANIONS), lone]
    assert set(covered([letter(lone)], known)) == ids(known)
    assert set(covered([letter(known[0])], known)) == ids(known)


def test_nothing_said_nothing_sent() -> None:
    """A recusal or grant names its report to the server anyway; there is nothing to hide."""
    known = reports(30)
    recusal = Waiting(DRAW(16).hex(), NOW, "recusal", known[0].group, known[0].id)
    assert covered([recusal], known) == {}
