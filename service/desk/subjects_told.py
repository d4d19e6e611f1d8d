"""What a desk says of an account that reports are about: in a terminal, in its page, and for --json. No guilt, ever."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from service.cases.receipts import day_told
from service.console import one_line
from service.desk.show import ID_SHOWN
from service.desk.subjects import About

if TYPE_CHECKING:  # with numpy: see subjects.py
    from abuse.bursts import Wave

_GROUPS_SHOWN: Final = 3


def subject_view(one: About) -> dict[str, object]:
    """One account, for --json."""
    return {
        "subject": str(one.subject),
        "aliases": [str(alias) for alias in one.aliases],
        "same_handle": [str(account) for account in one.same_handle],
        "cases": list(one.cases),
        "voices_refused": one.unheard,
        "voices_unchecked": one.waiting,
        "score": one.score.as_json(),
        "sentences": list(one.sentences()),
        "waves": [asdict(wave) for wave in one.waves],
    }


def subject_lines(one: About) -> list[str]:
    """What stands below an account's sentences: what to check next, its waves, and who has a like name."""
    checks = [
        f"check next: {one_line(check.evidence)} (in {', '.join(report[:ID_SHOWN] for report in check.reports[:3])}"
        f"{' and others' if len(check.reports) > 3 else ''})"
        for check in one.score.checks[:5]
    ]
    lines = [*checks]
    lines += [_wave_text(wave) for wave in one.waves if any(wave.shared)]
    lines += [
        f"same handle: {account} (another account; if you know that it is one person: `desk merge`)"
        for account in one.same_handle
    ]
    return lines


def subject_text(one: About) -> str:
    """One account, for a terminal."""
    return "\n".join(
        [
            names(one),
            *(f"  {sentence}" for sentence in one.sentences()),
            *(f"    {line}" for line in subject_lines(one)),
            f"    reports: {', '.join(case[:ID_SHOWN] for case in one.cases)}",
        ]
    )


def names(one: About) -> str:
    """All names of one account, or of accounts that handlers said are one person's."""
    return ", ".join(str(alias) for alias in one.aliases)


def _wave_text(wave: Wave) -> str:
    """The commonest wording of each group of a wave that shares some, the largest groups first."""
    from abuse.bursts import DAY_S

    first, last = (day_told(int(at_s // DAY_S)) for at_s in (wave.from_s, wave.to_s))
    groups = sorted((shared[0] for shared in wave.shared if shared), key=lambda each: -each[1])
    told = "; ".join(f"{times} share \u201c{wording}\u201d" for wording, times in groups[:_GROUPS_SHOWN])
    more = f"; and {len(groups) - _GROUPS_SHOWN} more groups" if len(groups) > _GROUPS_SHOWN else ""
    when = first if first == last else f"{first} to {last}"
    return f"{wave.reports} reports in a wave, {when}: {told}{more}"
