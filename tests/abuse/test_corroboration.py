"""The score: every term by hand, its bounds as properties, and the words a handler reads."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.accounts import Account, arrival_s, compare, span_told
from abuse.corroboration import corroborate
from abuse.evidence import Finding, Verdict, check_next, file_id, link_id, standing, witness_id
from crypto.errors import Refused
from tests.support.brigades import account, edited, honest, text

FOUND = Finding("link example.org/a", Verdict.SUPPORTS, "h1", 1.0)


def test_nothing_is_nothing() -> None:
    """No report, no score."""
    scored = corroborate([])
    assert (scored.reports, scored.d, scored.d_v, scored.score, scored.corroborated) == (0, 0, 0, 0, False)


def test_every_term_by_hand() -> None:
    """Two voiceless accounts a day apart: K = 0.5, D = 4/3; S = 0.4·4/3 + 2·1 − 1.5·1."""
    pair = [account("a", 0, text(1)), account("b", 24, text(2))]
    against = Finding("link example.org/b", Verdict.CONTRADICTS, "h1", 2.0)
    scored = corroborate(pair, [FOUND, against])
    assert scored.d == pytest.approx(4 / 3)
    assert scored.d_exact
    assert scored.score == pytest.approx(0.4 * 4 / 3 + 2.0 - 1.5)
    spoken = corroborate([account("a", 0, text(1), 1), account("b", 24, text(2), 2)])
    assert spoken.d_v == pytest.approx(2 / 1.05)
    assert spoken.d == spoken.d_v
    assert spoken.score == pytest.approx(0.9 * 2 / 1.05)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (account("a", 0, text(1)), account("b", 0, text(2)), 1 - 0.5 * 0.4),
        (account("a", 0, text(1)), account("b", 0.5, text(2)), 1 - 0.5 * (1 - 0.6 / math.e)),
        (account("a", 0, text(1), 1), account("b", 0, text(2), 2), 1 - 0.95 * 0.4),
        (account("a", 0, text(1), 1), account("b", 500, text(2), 2), 0.05),
        (account("a", 0, text(1), 1), account("b", 500, text(2)), 0.5),
        (account("a", 0, text(1)), account("b", 500, text(1)), 1),
        (account("a", 0, text(1), 1), account("b", 500, text(2), 1), 1),
        (account("a", 0, text(1), 1, ["link x.org"]), account("b", 500, text(2), 2, ["link x.org"]), 1),
        (account("a", 0, text(1), 1), replace(account("b", 500, text(2), 2), voice_context=b"alias"), 0.5),
        (account("a", 0, ""), account("b", 500, ""), 1),
    ],
)
def test_the_kernel(one: Account, other: Account, expected: float) -> None:
    """K of a pair, both ways round: time, voice, wording, evidence, one voice twice, two aliases, blank texts."""
    assert compare(one, other).kernel == pytest.approx(expected, abs=1e-6)
    assert compare(other, one) == compare(one, other)
    assert compare(one, other).sentence()


def test_a_desk_that_looks_once_a_week_still_tells_days_apart() -> None:
    """Three voices of three days, fetched at once, count as three days apart; of one day, as together."""
    now = 20_000 * 86_400 + 50_000.0
    assert arrival_s(20_000, now) == now
    assert arrival_s(19_998, now) == 19_999 * 86_400
    spoken = honest(3)
    days = [replace(a, at_s=arrival_s(19_995 + n, now)) for n, a in enumerate(spoken)]
    assert corroborate(days).corroborated
    assert not corroborate([replace(a, at_s=arrival_s(19_995, now)) for a in spoken]).corroborated


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 minute"), (89, "1 minute"), (3_600, "60 minutes"), (7_199, "2 hours"), (86_400, "24 hours"),
     (172_800, "2 days"), (31_536_000, "365 days")],
)  # fmt: skip
def test_spans_are_told_as_people_say_them(seconds: float, words: str) -> None:
    """Never zero of anything."""
    assert span_told(seconds) == words


def test_compare_shows_what_they_share() -> None:
    """The wording in common, the time between, the evidence."""
    one = account("a", 0, "he shouted at me in the corridor twice", evidence=["link x.org"])
    other = account("b", 1, "he shouted at me on the stairs", evidence=["link x.org"])
    found = compare(one, other)
    assert found.shared == ("he shouted at", "shouted at me")
    assert (found.same_evidence, found.apart_s, found.same_voice) == (("link x.org",), 3600, False)
    said = compare(one, replace(other, text="she wept", evidence=frozenset())).sentence()
    assert "came 60 minutes apart" in said
    assert "0.50 is the least between two reports that don't both have a voice" in said


# What a brigade or a community may send: a few texts and edits of them, any time, any voice, any evidence.
reports = st.tuples(
    st.integers(0, 4),
    st.sampled_from([0.0, 0.2, 0.45, 1.0]),
    st.floats(0, 72),
    st.none() | st.integers(1, 4),
    st.sampled_from([(), ("link a.org",), ("link b.org",)]),
)


def made(drawn: list[tuple[int, float, float, int | None, tuple[str, ...]]]) -> list[Account]:
    return [
        account(f"{at:03}", hours, edited(text(base), share, at), voice, evidence)
        for at, (base, share, hours, voice, evidence) in enumerate(drawn)
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(reports, min_size=1, max_size=12))
def test_adding_any_report_never_lowers_anything(
    drawn: list[tuple[int, float, float, int | None, tuple[str, ...]]],
) -> None:
    """D, D_v and S of all are at least those without the last to arrive; so for bridges and poison too."""
    ordered = sorted(made(drawn), key=lambda a: (a.at_s, a.report_id))
    before, after = corroborate(ordered[:-1]), corroborate(ordered)
    for term in ("d", "d_v", "score", "members", "corroborated"):
        assert getattr(after, term) >= getattr(before, term) - 1e-9


@settings(max_examples=25, deadline=None)
@given(st.lists(reports, min_size=1, max_size=9), st.data())
def test_a_copy_adds_nothing(
    drawn: list[tuple[int, float, float, int | None, tuple[str, ...]]], data: st.DataObject
) -> None:
    """Sending a text again, later and without a voice, adds exactly 0 to every term."""
    sent = made(drawn)
    of = data.draw(st.sampled_from(sent))
    last = max(a.at_s for a in sent)
    copy = Account("copy", last + data.draw(st.floats(0, 1e6)), of.text.upper(), evidence=of.evidence)
    before, after = corroborate(sent), corroborate([*sent, copy])
    if of.voice_tag is None:
        assert after.d == pytest.approx(before.d, abs=1e-9)
        assert after.score == pytest.approx(before.score, abs=1e-9)
    assert after.d_v == before.d_v


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 200), st.floats(0, 200), st.integers(0, 1000))
def test_without_voices_it_stays_below_two(n: int, apart_h: float, seed: int) -> None:
    """Up to 200 reports without a voice, all different, at any pace: D < 2 and S < 0.8, never corroborated."""
    scored = corroborate([account(f"{at}", at * apart_h, text((seed, at), 30)) for at in range(n)])
    assert scored.d < 2
    assert scored.score < 0.8
    assert not scored.corroborated


def test_one_members_voice_is_one_voice() -> None:
    """Nine reports under one tag, all different, days apart: D_v is 1."""
    scored = corroborate([account(f"{at}", 24 * at, text(at), voice=7) for at in range(9)])
    assert scored.d_v == pytest.approx(1)
    assert (scored.voiced, scored.members) == (9, 1)
    assert not scored.corroborated


@pytest.mark.parametrize("aliases", [2, 3, 8])
def test_two_members_never_corroborate_through_merged_aliases(aliases: int) -> None:
    """Tags about two names of one person can't be compared, so k aliases × 2 members stay below two voices."""
    sent = [
        replace(
            account(
                f"{member} {alias}", 24 * (member + 2 * alias), text((member, alias)), 10 * alias + member
            ),
            voice_context=bytes([alias]),
        )
        for alias in range(aliases)
        for member in (1, 2)
    ]
    scored = corroborate(sent)
    assert scored.d_v < 2
    assert not scored.corroborated


def test_no_more_voices_than_members() -> None:
    """Three tags of which one may be a second one of a member: at most what two members can give."""
    three = honest(3)
    assert corroborate(three).d_v > 2.5
    two = corroborate(three, members=2)
    assert two.d_v == pytest.approx(2 / 1.05)
    assert not two.corroborated
    assert corroborate(three, members=1).d_v == 1
    assert corroborate(three, members=1).d <= 3
    assert corroborate(three, members=9) == corroborate(three)


def test_what_corroborates() -> None:
    """Three voices in their own words, or one verified piece of evidence; two voices, or a hundred links, don't."""
    assert corroborate(honest(3)).corroborated
    assert not corroborate(honest(2)).corroborated
    assert corroborate([account("a", 0, text(1))], [FOUND]).corroborated
    linked = [account(f"{n}", n, text(n), evidence=[f"link {n}.org"]) for n in range(100)]
    assert not corroborate(linked).corroborated
    assert corroborate(linked).score < 0.8


def test_findings_stand_until_replaced_or_withdrawn() -> None:
    """The latest counts, once; a withdrawn one puts the link back on the list; V is capped at 3 in S only."""
    report = account("a", 0, text(1), evidence=["link example.org/a"])
    twice = [FOUND, replace(FOUND, by="h2", at_s=2.0)]
    assert corroborate([report], twice).verified == 1
    turned = [FOUND, Finding(FOUND.evidence, Verdict.CONTRADICTS, "h2", 5.0)]
    assert (corroborate([report], turned).verified, corroborate([report], turned).contradicted) == (0, 1)
    withdrawn = [FOUND, Finding(FOUND.evidence, Verdict.WITHDRAWN, "h2", 5.0)]
    assert standing(withdrawn) == {}
    assert [check.evidence for check in corroborate([report], withdrawn).checks] == [FOUND.evidence]
    many = [Finding(f"link {n}.org", Verdict.SUPPORTS, "h", 0.0) for n in range(9)]
    scored = corroborate([report], many)
    assert scored.verified == 9
    assert scored.score == pytest.approx(0.4 + 6.0)


def test_links_are_one_however_written() -> None:
    """Host case, www, tracking and trailing slashes fold; a comment's fragment and a query stay."""
    ways = ["https://www.Example.org/a/?utm_source=x", "http://example.org/a", "example.org/a/?fbclid=9"]
    assert {link_id(way) for way in ways} == {"link example.org/a"}
    others = [
        "https://example.org/b",
        "https://example.org/a#c1",
        "https://example.org/a?p=2",
        "see the log",
        "https://[x",
    ]
    assert len({link_id(way) for way in [*ways, *others]}) == 6
    assert file_id(b"\x01" * 32) == "file " + "01" * 32
    assert link_id("\u2060https://exam\u034fple.org/a\ufe0f") == "link example.org/a"
    assert witness_id(" Аnna  K ") == witness_id("anna k") == witness_id("an\U000e0100na k\u3164")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("showthread.php?1111-he-threatens", "showthread.php?2222-release-party"),
        ("msg?0017", "msg?0423"),
        ("?topic/1/&page=2", "?topic/2/&page=2"),
        ("?1&2", "?2&1"),
        ("a?x=&y=1", "a?y=1"),
        ("a?x", "a"),
        ("a?x=", "a?x"),
        ("a?user=%C0%ED%FF", "a?user=%C1%EE%FF"),  # windows-1251
        ("a?p=1%262", "a?p=1&2"),
    ],
)
def test_links_of_two_pages_stay_two(one: str, other: str) -> None:
    """Fields without a name, without a value, or in another encoding than UTF-8 are part of what a page is."""
    first, second = (link_id(f"https://forum.example.org/{path}") for path in (one, other))
    assert first != second
    assert [link_id(each.removeprefix("link ")) for each in (first, second)] == [first, second]


@pytest.mark.parametrize(
    "way", ["?b=a+c&a=1", "?a=1&b=a%20c", "?a=1&&b=%61+c&utm_medium=x", "?igsh=Zz%3D%3D&a=1&b=a+c"]
)
def test_a_query_has_one_form(way: str) -> None:
    """The order of named fields, how they are encoded, and who shared the link make no difference."""
    assert link_id(f"https://example.org/p{way}") == "link example.org/p?a=1&b=a+c"


def test_what_is_no_address_is_kept() -> None:
    """Even half a character in a query raises nothing."""
    assert link_id("example.org/?a=\ud800") == "link example.org/?a=\ud800"


def test_check_next_gives_every_group_its_turn() -> None:
    """Voices' links first; then one item per group and round: 100 copies with 100 links don't bury the one."""
    flood = [(f"f{n}", frozenset({f"link junk{n}.org"}), False, 0) for n in range(100)]
    alone = ("h", frozenset({"link thread.org", "witness anna"}), False, 1)
    voiced = ("v", frozenset({"link seen.org"}), True, 2)
    order = [check.evidence for check in check_next([*flood, alone, voiced], ["link junk1.org"])]
    assert order[:3] == ["link seen.org", "link junk0.org", "link thread.org"]
    assert "witness anna" in order[:5]
    assert "link junk1.org" not in order
    assert len(order) == 102


def test_the_sentences_and_the_json() -> None:
    """47 reports as the design words them; the JSON holds every term and is plain."""
    base = text("base")
    copies = [
        account(f"{n:02}", n * 0.05, edited(base, 0.1, n), evidence=["link a.org"] if n == 1 else [])
        for n in range(44)
    ]
    others = [
        account(f"x{n}", 30 + 10 * n, text(n), evidence=["link b.org"] if n == 1 else []) for n in range(3)
    ]
    scored = corroborate([*copies, *others])
    first, second, third = scored.sentences()
    assert first == (
        "47 reports, at least 1.6 independent accounts; 44 share wording; 41 within 2 h; 0 used a voice; "
        "2 links unchecked: check next."
    )
    assert second == "Uncorroborated. Uncorroborated is not false."
    assert third.startswith("Uncalibrated")
    assert len(corroborate(copies, closed_cases=50).sentences()) == 2
    told = json.loads(json.dumps(scored.as_json()))
    assert told["score"] == pytest.approx(0.4 * told["d_u"] + 0.9 * told["d_v"])
    assert told["checks"][0]["evidence"] == "link a.org"
    assert [len(group) for group in told["clusters"]] == [44, 1, 1, 1]
    for forbidden in ("guilt", "probab", "likely", "false positive"):
        assert forbidden not in " ".join(scored.sentences())
    one = corroborate([account("a", 0, text(1))])
    assert one.sentences()[0] == (
        "1 report, 1 independent account; 0 share wording; 1 within 2 h; 0 used a voice; no link or file unchecked."
    )
    for evidence, unchecked in (
        (["file 0a"], "1 file"),
        (["file 0a", "file 0b", "link a.org"], "1 link and 2 files"),
    ):
        named = corroborate([account("a", 0, text(1), evidence=evidence)])
        assert f"; {unchecked} unchecked: check next." in named.sentences()[0]
    spoken = corroborate(honest(3), [FOUND]).sentences()
    assert spoken[1] == (
        "Corroborated by 1 piece of evidence that a handler verified and at least 2.7 independent voices."
    )


def test_one_report_twice_is_refused() -> None:
    """Two accounts with one id would count one report twice."""
    with pytest.raises(Refused):
        corroborate([account("a", 0, text(1)), account("a", 1, text(2))])
