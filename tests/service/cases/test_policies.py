"""Policies: a group adds to the universal baseline and can't fall below it (mission rows 8, 13, 17, 21)."""

from __future__ import annotations

import msgspec
import pytest

from crypto.errors import Refused
from service.cases.policies import (
    BelowBaseline,
    Item,
    Policy,
    Step,
    Wording,
    baseline,
    checked_policy,
    decode_policy,
)

BASE = baseline()
EXTRA = Item("doping", "Doping of metrics", "Inflating download counts or stars.")
STEP = Step("talk", "A talk", "A talk with a mediator.", "It is over when both have agreed.", 30)


def changed(**changes: object) -> Policy:
    return msgspec.structs.replace(BASE, **changes)


def test_the_baseline_is_a_policy() -> None:
    """A group that adds nothing publishes the baseline, and reads it back."""
    assert checked_policy(BASE) == BASE
    assert decode_policy(msgspec.json.encode(BASE)) == BASE
    assert decode_policy(b"\xef\xbb\xbf" + msgspec.json.encode(BASE)) == BASE  # as some editors save it


def test_a_group_adds() -> None:
    """Own issues, criteria and steps between the baseline's, and translations of anything, are welcome."""
    translated = msgspec.structs.replace(
        BASE.issues[0], translations={"de": Wording("Belästigung", "Unerwünschte Nähe.")}
    )
    policy = changed(
        issues=(translated, *BASE.issues[1:], EXTRA),
        criteria=(EXTRA, *BASE.criteria),
        ladder=(BASE.ladder[0], STEP, *BASE.ladder[1:]),
    )
    assert checked_policy(policy) == policy


BELOW = {
    **{
        f"without_issue_{item.id}": changed(issues=tuple(i for i in BASE.issues if i != item))
        for item in BASE.issues
    },
    **{
        f"without_criterion_{item.id}": changed(criteria=tuple(i for i in BASE.criteria if i != item))
        for item in BASE.criteria
    },
    **{
        f"without_step_{step.id}": changed(ladder=tuple(s for s in BASE.ladder if s != step))
        for step in BASE.ladder
    },
    "issue_reworded": changed(
        issues=(msgspec.structs.replace(BASE.issues[0], text="Only in person."), *BASE.issues[1:])
    ),
    "step_made_longer": changed(
        ladder=(*BASE.ladder[:-1], msgspec.structs.replace(BASE.ladder[-1], longest_days=3_650))
    ),
    "way_back_dropped": changed(
        ladder=(*BASE.ladder[:-1], msgspec.structs.replace(BASE.ladder[-1], way_back="None."))
    ),
    "steps_in_another_order": changed(ladder=BASE.ladder[::-1]),
    "a_step_before_no_action": changed(ladder=(STEP, *BASE.ladder)),
}


@pytest.mark.parametrize("policy", BELOW.values(), ids=BELOW.keys())
def test_nothing_of_the_baseline_can_be_dropped(policy: Policy) -> None:
    """A policy without, or with other words for, any item of the baseline is refused."""
    with pytest.raises(BelowBaseline):
        checked_policy(policy)


MALFORMED = {
    "another_baseline": changed(baseline=2),
    "issue_twice": changed(issues=(*BASE.issues, EXTRA, EXTRA)),
    "step_twice": changed(ladder=(*BASE.ladder, STEP, STEP)),
    "blank_text": changed(issues=(*BASE.issues, msgspec.structs.replace(EXTRA, text="  "))),
    "control_character": changed(issues=(*BASE.issues, msgspec.structs.replace(EXTRA, text="a\x1bb"))),
    "control_character_in_a_translation": changed(
        issues=(*BASE.issues, msgspec.structs.replace(EXTRA, translations={"de": Wording("a", "b\u202e")}))
    ),
}


@pytest.mark.parametrize("policy", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_policies_are_refused(policy: Policy) -> None:
    """Duplicates, empty and unprintable texts, other baselines: refused."""
    with pytest.raises(Refused):
        checked_policy(policy)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b"[" * 10_000, b'{"baseline": 1}'])
def test_files_that_are_no_policy_are_refused(raw: bytes) -> None:
    """Whatever a file holds, the answer is a Refused."""
    with pytest.raises(Refused):
        decode_policy(raw)


def test_every_step_has_a_way_back() -> None:
    """Forgiveness is built in: a step without a way back can't be read."""
    raw = msgspec.json.encode(changed(ladder=(*BASE.ladder, msgspec.structs.replace(STEP, way_back=""))))
    with pytest.raises(Refused):
        decode_policy(raw)
