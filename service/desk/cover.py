"""Which entries that say nothing go along with an upload, so that its letters answer any of eight reports.

With companions drawn anew each time, what two letters to one mailbox have in common would be its report. So they follow
from the report's content key, which its handlers have and the server has not, and are taken from reports of days before
the one on which it was first acted on, so that later ones take nobody's place; first from those that all of its
recipients have, so that their desks choose the same. Where there are seven such reports, a report has the same seven
companions at every upload and at every desk of its recipients that stepped out of none of them. Each of them gets as
many entries as the report itself, of the same sizes.

Where there are fewer, desks fill up with what they have, and who watches may guess (service/DATA.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from crypto.hashing import keyed
from crypto.labels import Label
from crypto.opening import ENTRY_OVERHEAD, SEALED_ENTRY_SIZES
from crypto.padding import LENGTH_SIZE
from service.desk.actions import Desk, padding
from service.desk.casebook import Case
from service.desk.records import Held, Waiting

COMPANIONS: Final = 7
RECENT: Final = 24
"""Companions are among so many of the latest that will do: long closed cases would be no cover for an open one."""
_DAY_S: Final = 86_400


def cover(
    desk: Desk, real: Sequence[Waiting], cases: Mapping[str, Case], held: Mapping[str, Held]
) -> list[Waiting]:
    """Give the entries that say nothing for what is to be sent: `cases` by their envelopes, `held` by id."""
    own: dict[str, Counter[int]] = {}
    for item in real:
        if item.what == "entry":
            own.setdefault(item.report, Counter())[len(item.payload)] += 1
        elif item.what == "letter":  # also one that goes again, after its entry
            own.setdefault(item.report, Counter())
    firsts = {case.first.id: case.first for case in cases.values()}.values()
    wanted: dict[str, Counter[int]] = {}
    for report, sizes in own.items():
        case = cases.get(report)
        if case is None:
            continue
        needed = sizes or Counter({SEALED_ENTRY_SIZES[0]: 1})
        for one in (case.first, *companions(case.first, firsts, first_day(case, desk.now_s))):
            wanted[one.id] = wanted.get(one.id, Counter()) | needed
    return [
        padding(desk, held[report], size - ENTRY_OVERHEAD - LENGTH_SIZE)
        for report, needed in wanted.items()
        for size, missing in (needed - own.get(report, Counter())).items()
        for _ in range(missing)
    ]


def companions(report: Held, firsts: Iterable[Held], until_day: int) -> list[Held]:
    """Give the seven that go along with a report, or as many as there are.

    firsts: the first envelopes of all cases here. until_day: the day since 1970 on which the report was first acted on.
    """
    key = bytes.fromhex(report.content_key)

    def drawn(other: Held) -> bytes:
        return keyed(key, Label.COVER, bytes.fromhex(report.id), bytes.fromhex(other.id), size=16)

    def partial(other: Held) -> bool:
        return not set(report.recipients).issubset(other.recipients)

    def far(other: Held) -> tuple[bool, bool, int, bool, bytes]:
        distance = abs(other.day - until_day)
        return other.group != report.group, other.day >= until_day, distance, partial(other), drawn(other)

    others = sorted((one for one in firsts if one.id != report.id), key=far)
    early = [one for one in others if one.group == report.group and one.day < until_day]
    shared = [one for one in early if not partial(one)][:RECENT]
    rest = [one for one in early if partial(one)][:RECENT]
    chosen = [*sorted(shared, key=drawn), *sorted(rest, key=drawn)][:COMPANIONS]
    # Too few of this group by then: those that came next, and after them other groups', in an order that stays.
    return chosen + others[len(early) :][: COMPANIONS - len(chosen)]


def first_day(case: Case, now_s: int) -> int:
    """Give the day on which somebody first acted on a report, or today; all desks read it in the same log."""
    acted = case.state.entries
    return max(case.first.day, (acted[0].at_s if acted else now_s) // _DAY_S)
