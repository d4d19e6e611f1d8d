"""A group's published policy: what is conduct to act on, by which criteria, with which consequences.

Guarantees that a policy never falls below the universal baseline (mission rows 8, 17, 21): every baseline item is
there, word for word, and a group only adds. Every step of the ladder says how one comes back from it (row 13).
Leaves publishing to the roster's chain (service.cases.rosters), where the root key signs it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused
from service.cases.texts import LINE, MAX_ITEMS, SHORT_TEXT, checked_text, decoded

BASELINE_VERSION = 1
MAX_LANGUAGES = 40

Slug = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,39}\Z")]
LanguageTag = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}\Z")]
Title = Annotated[str, Meta(min_length=1, max_length=LINE)]
Text = Annotated[str, Meta(min_length=1, max_length=SHORT_TEXT)]


class BelowBaseline(Refused):
    """A policy that drops or rewords an item of the universal baseline."""


class Wording(Struct, frozen=True, forbid_unknown_fields=True):
    """An item's title and text in one more language."""

    title: Title
    text: Text


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """A conduct issue or a criterion. `id` is what a report and a summary cite."""

    id: Slug
    title: Title
    text: Text
    translations: Annotated[dict[LanguageTag, Wording], Meta(max_length=MAX_LANGUAGES)] = {}


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """A rung of the consequence ladder, mildest first. `way_back` says how it ends."""

    id: Slug
    title: Title
    text: Text
    way_back: Text
    longest_days: Annotated[int, Meta(ge=0, le=3_650)]
    """How long the measure may hold before it has to be decided anew; 0 for one that is over at once."""


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """What a group publishes. `checked_policy` says whether it may."""

    baseline: int
    issues: Annotated[tuple[Item, ...], Meta(max_length=MAX_ITEMS)]
    criteria: Annotated[tuple[Item, ...], Meta(max_length=MAX_ITEMS)]
    ladder: Annotated[tuple[Step, ...], Meta(max_length=MAX_ITEMS)]


BASELINE_ISSUES: tuple[Item, ...] = (
    Item(
        "harassment", "Harassment", "Unwelcome attention that goes on, or is meant to frighten or wear down."
    ),
    Item("threats", "Threats and violence", "Threatening, inciting or praising violence against people."),
    Item("stalking", "Stalking", "Following someone across places, online or in person, against their wish."),
    Item("sexual", "Sexual misconduct", "Sexual attention, images or contact without consent."),
    Item(
        "minors", "Harm to minors", "Any sexual, grooming or endangering conduct towards someone under age."
    ),
    Item("discrimination", "Discrimination", "Treating people worse, or insulting them, for who they are."),
    Item(
        "private-data", "Publishing private data", "Publishing or threatening to publish private information."
    ),
    Item(
        "impersonation", "Impersonation and deceit", "Posing as someone else, or forging evidence or votes."
    ),
    Item(
        "abuse-of-power",
        "Abuse of power",
        "Using a role, a permission or knowledge to intimidate or to silence.",
    ),
    Item("retaliation", "Retaliation", "Punishing anyone for a report, a testimony, or for handling one."),
    Item("false-report", "Reports in bad faith", "Knowingly false reports, or many reports made to harass."),
)

BASELINE_CRITERIA: tuple[Item, ...] = (
    Item(
        "safety-first", "Safety first", "Whoever is in danger is protected before anything else is decided."
    ),
    Item(
        "heard",
        "Both sides are heard",
        "Nobody is sanctioned unheard, except for a temporary safety measure.",
    ),
    Item("grounds", "Named grounds", "A decision names the published conduct issues that it rests on."),
    Item(
        "evidence",
        "Checked evidence",
        "What weighs is what could be checked; the number of reports alone proves nothing.",
    ),
    Item(
        "no-own-case", "Nobody in their own case", "Whoever a report concerns takes no part in handling it."
    ),
    Item(
        "proportion",
        "Proportion",
        "The mildest step that ends the harm comes first; repetition leads to a harder one.",
    ),
    Item("review", "Review", "Whoever is affected may ask for a review by people who did not decide."),
    Item(
        "no-retaliation",
        "Protection of reporters",
        "A report in good faith is never held against who made it.",
    ),
)

BASELINE_LADDER: tuple[Step, ...] = (
    Step(
        "no-action",
        "No action",
        "Nothing is done, and the reasons are kept.",
        "Nothing to come back from.",
        0,
    ),
    Step(
        "warning",
        "Warning",
        "A private statement of what was wrong and what is expected.",
        "It lapses after its term if nothing new happens.",
        365,
    ),
    Step(
        "temporary-limits",
        "Temporary limits",
        "Some places or permissions are closed for a stated time.",
        "It ends by itself at the stated day, with an invitation back.",
        180,
    ),
    Step(
        "temporary-ban",
        "Temporary ban",
        "No part in the community for a stated time.",
        "It ends by itself at the stated day, with an invitation back.",
        365,
    ),
    Step(
        "long-ban",
        "Long ban",
        "No part in the community until a review allows it.",
        "May ask to return after a year, and every year after that.",
        730,
    ),
)


def baseline() -> Policy:
    """Give the policy of a group that adds nothing."""
    return Policy(BASELINE_VERSION, BASELINE_ISSUES, BASELINE_CRITERIA, BASELINE_LADDER)


def checked_policy(policy: Policy) -> Policy:
    """Give the policy back when it keeps the whole baseline; raise BelowBaseline or Refused when it doesn't.

    Steps may be added between the baseline's, whose order holds. Translations may be added to any item.
    """
    if policy.baseline != BASELINE_VERSION:
        raise Refused("policy: written for another version of the universal baseline")
    _keeps_items(policy.issues, BASELINE_ISSUES, "conduct issue")
    _keeps_items(policy.criteria, BASELINE_CRITERIA, "criterion")
    order = [step for step in policy.ladder if step in BASELINE_LADDER]
    if tuple(order) != BASELINE_LADDER:
        raise BelowBaseline("policy: a step of the universal ladder is missing, reworded or out of order")
    if policy.ladder[0] != BASELINE_LADDER[0]:
        raise BelowBaseline("policy: the mildest step has to be no action")
    _distinct([step.id for step in policy.ladder], "step")
    for step in policy.ladder:
        _plain(step.title, LINE)
        _plain(step.text, SHORT_TEXT)
        _plain(step.way_back, SHORT_TEXT)
    return policy


def decode_policy(raw: bytes) -> Policy:
    """Parse a policy written as JSON (what `sottovoce group policy --file` reads) and check it."""
    try:
        return checked_policy(msgspec.json.decode(decoded(raw), type=Policy))
    except UnicodeDecodeError:
        raise Refused("policy: not a policy file: it is not UTF-8 text") from None
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Refused(f"policy: not a policy file: {error}") from None


def _keeps_items(items: tuple[Item, ...], base: tuple[Item, ...], what: str) -> None:
    _distinct([item.id for item in items], what)
    by_id = {item.id: item for item in items}
    for kept in base:
        ours = by_id.get(kept.id)
        if ours is None or (ours.title, ours.text) != (kept.title, kept.text):
            raise BelowBaseline(f"policy: a {what} of the universal baseline is missing or reworded")
    for item in items:
        _plain(item.title, LINE)
        _plain(item.text, SHORT_TEXT)
        for wording in item.translations.values():
            _plain(wording.title, LINE)
            _plain(wording.text, SHORT_TEXT)


def _distinct(ids: list[str], what: str) -> None:
    if len(set(ids)) != len(ids):
        raise Refused(f"policy: a {what} is listed twice")


def _plain(text: str, limit: int) -> None:
    if not checked_text(text, limit, "policy: a text").strip():
        raise Refused("policy: a text is empty")
