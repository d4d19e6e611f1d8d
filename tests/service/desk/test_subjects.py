"""Corroboration joined to cases: who it is about, merges that can be undone, findings that count, copies that don't."""

from __future__ import annotations

import copy
from dataclasses import asdict, replace

import msgspec
import pytest

from abuse import likeness
from abuse.evidence import link_id
from abuse.subjects import read_subject
from crypto.signatures import SigningKey
from service.cases.answers import Answers
from service.cases.log import Act, Checked, Entry, Finding, SubjectMerged, SubjectSplit, sign_entry
from service.cases.reports import FollowUp, Person
from service.desk.casebook import assemble
from service.desk.records import Body, LogLine
from service.desk.subjects import MAX_COMPARED, Reading, about, abouts, comparison
from tests.support.desk_records import held
from tests.support.reporters import TODAY

KEY = SigningKey(bytes(32))
WORDS = (
    "He follows me from channel to channel and writes at night that he knows where I live, every single week"
)
OTHER = (
    "At the sprint in May she was shouted down twice by this person while presenting her design of the parser"
)


def world(
    *texts: str, acts: tuple[tuple[int, Act], ...] = (), handle: str = "Some-Body", platform: str = "GitHub"
) -> Reading:
    """Cases about one account, with log acts on some of them. handle, platform: as the odd ones name it."""
    records, bodies = [], {}
    for number, text in enumerate(texts, 1):
        odd = Person(platform=platform, handle=handle)
        who = (odd if number % 2 else Person(platform="GitHub", handle="https://github.com/some-body/"),)
        link = f"https://example.org/{number}"
        report = Answers(what=text, who=who, links=(link,)).to_report((), TODAY)
        record = held(number, f"a{number}", fetched_s=1_000_000 * number, who=who, links=(link,))
        records.append(record)
        bodies[record.id] = Body(report)
    logs: dict[str, list[LogLine]] = {}
    for place, (number, act) in enumerate(acts):
        entry = Entry(
            id=f"{place:032x}", author="Ada", author_key=KEY.verify_key().raw.hex(), at_s=place, act=act
        )
        report_id = f"{number:032x}"
        raw = sign_entry(entry, KEY, bytes.fromhex(report_id))
        logs.setdefault(report_id, []).append(LogLine(report_id, place, raw, trusted=True))
    cases = assemble(records, logs)
    return Reading(cases, bodies)


def test_every_way_of_naming_an_account_is_one_subject() -> None:
    """Handle, capitals and profile address fold together."""
    [about] = abouts(world(WORDS, OTHER))
    assert len(about.cases) == 2
    assert about.score.reports == 2


def test_a_copy_adds_nothing_and_voiceless_reports_stay_below_two() -> None:
    """Forty copies are one account; forty reports without a voice never reach two."""
    once = abouts(world(WORDS))[0].score.d
    assert abouts(world(*[WORDS] * 40))[0].score.d == once
    assert abouts(world(*[f"{OTHER} {number} {WORDS[number:]}" for number in range(40)]))[0].score.d < 2


def test_a_report_about_fifty_people_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 100,000 characters took more than a minute each time that somebody asked for the list."""
    read: list[str] = []
    shingles = likeness.shingles

    def counted(text: str) -> dict[int, str]:
        read.append(text)
        return shingles(text)

    monkeypatch.setattr(likeness, "shingles", counted)
    reading = world(WORDS, OTHER)
    who = tuple(Person(platform="GitHub", handle=f"person{number}") for number in range(50))
    cases = {
        key: replace(case, first=msgspec.structs.replace(case.first, who=who))
        for key, case in reading.cases.items()
    }
    assert [len(one.cases) for one in abouts(replace(reading, cases=cases))] == [2] * 50
    assert sorted(read) == sorted([WORDS, OTHER])


def test_findings_are_read_once_for_fifty_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """A colleague's program may write thousands of them on one report."""
    read: list[str] = []

    def counted(link: str) -> str:
        read.append(link)
        return link_id(link)

    monkeypatch.setattr("service.desk.subjects.link_id", counted)
    acts = tuple((1, Checked(item=f"https://example.org/{n}", finding="gone", note="")) for n in range(20))
    reading = world(WORDS, acts=acts)
    who = tuple(Person(platform="GitHub", handle=f"person{number}") for number in range(50))
    cases = {
        key: replace(case, first=msgspec.structs.replace(case.first, who=who))
        for key, case in reading.cases.items()
    }
    assert len(abouts(replace(reading, cases=cases))) == 50
    assert len(read) == 21


def test_what_a_reporter_wrote_is_compared_up_to_a_length() -> None:
    """The oldest of it: whoever writes on and on takes no more of a desk's time."""
    reading = world(WORDS)
    [case] = reading.cases.values()
    long = held(7, "b", "a1")
    message = FollowUp(
        proof="0" * 64, message="word " * 20_000, language="en", filed_on="2026-11-22", attachments=()
    )
    bodies = {**reading.bodies, long.id: Body(message)}
    whole = replace(case, follow_ups=(long,) * 9)
    [one] = abouts(Reading({case.first.id: whole}, bodies))
    assert len(one.accounts[0].text) == MAX_COMPARED
    assert one.accounts[0].text.startswith(WORDS)


def test_a_verified_link_corroborates_and_the_sentence_says_so() -> None:
    """What a handler found is taken from the sealed log."""
    finding = Checked(item="https://example.org/1", finding="verified", note="seen")
    before = abouts(world(WORDS))[0]
    after = abouts(world(WORDS, acts=((1, finding),)))[0]
    assert not before.score.corroborated
    assert "Uncorroborated is not false" in " ".join(before.sentences())
    assert after.score.corroborated
    assert after.score.verified == 1
    assert len(after.score.checks) < len(before.score.checks)


@pytest.mark.parametrize(
    ("findings", "verified", "contradicted", "unchecked"),
    [
        (("verified",), 1, 0, 0),
        (("contradicted",), 0, 1, 0),
        (("unclear",), 0, 0, 0),
        (("gone",), 0, 0, 0),
        (("verified", "withdrawn"), 0, 0, 1),
        (("contradicted", "verified"), 1, 0, 0),
    ],
)
def test_every_finding_counts_as_what_it_is(
    findings: tuple[Finding, ...], verified: int, contradicted: int, unchecked: int
) -> None:
    """The last one stands; a page that is gone proves nothing; what was taken back is to be checked again."""
    acts = tuple((1, Checked(item="https://EXAMPLE.org/1/", finding=each, note="")) for each in findings)
    score = abouts(world(WORDS, acts=acts))[0].score
    assert (score.verified, score.contradicted, len(score.checks)) == (verified, contradicted, unchecked)
    terms = score.as_json()["terms"]
    assert sum(terms.values()) == pytest.approx(score.score)


def test_a_score_is_told_in_full_and_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred reports with fifty links each, about fifty people, took half a minute to be copied."""
    score = abouts(world(WORDS, OTHER))[0].score
    whole = asdict(score)
    monkeypatch.setattr(copy, "deepcopy", lambda *_: pytest.fail("copied"))
    told = score.as_json()
    assert told["checks"]
    assert {name: told[name] for name in whole} == whole


def test_what_was_shown_never_falls() -> None:
    """Reports that turn up late, in another order, can't lower what was shown: the earlier answer is remembered."""
    texts = [f"{OTHER} {number} {WORDS[number * 3 :]}" for number in range(30)]
    reading = world(*texts)
    [first] = abouts(reading)
    reading = replace(reading, remembered=first.to_remember())
    turned = {
        key: replace(case, first=msgspec.structs.replace(case.first, fetched_s=10**9 - case.first.fetched_s))
        for key, case in reading.cases.items()
    }
    for cases in (reading.cases, turned):
        again = about(replace(reading, cases=cases), first.subject)
        assert again is not None
        assert again.score.d >= first.score.d - 1e-9


def test_fetched_late_together_is_not_written_together() -> None:
    """Reports of different days, fetched in one sync, are apart; of one day they count as together."""
    base = world(WORDS, OTHER)
    for days, apart in (((100, 101), 86_400.0), ((100, 100), 0.0)):
        cases = {
            key: replace(case, first=msgspec.structs.replace(case.first, day=day, fetched_s=10**12))
            for (key, case), day in zip(base.cases.items(), days, strict=True)
        }
        one, other = cases.values()
        assert comparison(replace(base, cases=cases), one, other).apart_s == apart


def test_a_merge_joins_two_accounts_and_can_be_undone() -> None:
    """By any handler, in a report's log."""
    merge = SubjectMerged(subject="github:some-body", other="github:elsewhere")
    split = SubjectSplit(subject="github:some-body", other="github:elsewhere")
    assert len(abouts(world(WORDS, OTHER, handle="elsewhere"))) == 2
    assert len(abouts(world(WORDS, OTHER, handle="elsewhere", acts=((1, merge),)))) == 1
    assert len(abouts(world(WORDS, OTHER, handle="elsewhere", acts=((1, merge), (1, split))))) == 2


@pytest.mark.parametrize(
    ("acts", "persons"),
    [
        ("1m 2m", 1),
        ("1m 2m 1s", 2),
        ("1m 1m 1m 2s", 2),
        ("1m 2m 1s 2s 1s", 2),
        ("1m 2m 1s 2m", 1),
        ("1m 2m 1s 2m 1m 2s", 2),
    ],
)
def test_a_split_takes_back_every_merge_of_the_two(acts: str, persons: int) -> None:
    """However often, and in whichever reports' logs, handlers said that two accounts are one person."""
    said: dict[str, Act] = {
        "m": SubjectMerged(subject="github:some-body", other="github:elsewhere"),
        "s": SubjectSplit(subject="github.com/elsewhere", other="github:Some-Body"),
    }
    told = tuple((int(act[0]), said[act[1]]) for act in acts.split())
    assert len(abouts(world(WORDS, OTHER, handle="elsewhere", acts=told))) == persons


def test_equal_handles_on_two_platforms_are_suggested_until_somebody_decided() -> None:
    """Each names the other; merged they are one person; taken apart again they are not suggested any more."""
    merge = SubjectMerged(subject="github:some-body", other="https://gitlab.com/some-body")
    split = SubjectSplit(subject="https://gitlab.com/some-body", other="github:some-body")
    alike = world(WORDS, OTHER, platform="GitLab")
    assert {(str(one.subject), *map(str, one.same_handle)) for one in abouts(alike)} == {
        ("github: some-body", "gitlab: some-body"),
        ("gitlab: some-body", "github: some-body"),
    }
    alone = about(alike, read_subject("https://gitlab.com/some-body"))
    assert alone is not None
    assert [str(account) for account in alone.same_handle] == ["github: some-body"]
    [merged] = abouts(world(WORDS, OTHER, platform="GitLab", acts=((1, merge),)))
    assert merged.same_handle == ()
    parted = abouts(world(WORDS, OTHER, platform="GitLab", acts=((1, merge), (2, split))))
    assert [one.same_handle for one in parted] == [(), ()]
    assert all(one.same_handle == () for one in abouts(world(WORDS, OTHER, handle="elsewhere")))


def test_merges_of_one_id_stop_nothing() -> None:
    """An id is unique to its author and log, so that nobody can make the list of subjects fail by taking one."""
    merge = SubjectMerged(subject="github:some-body", other="github:elsewhere")
    reading = world(WORDS, OTHER, handle="elsewhere", acts=((1, merge), (2, merge)))
    cases = {
        key: replace(
            case, state=replace(case.state, entries=tuple(same_id(entry) for entry in case.state.entries))
        )
        for key, case in reading.cases.items()
    }
    assert len(abouts(replace(reading, cases=cases))) == 1


@pytest.mark.parametrize("act", [SubjectMerged, SubjectSplit])
@pytest.mark.parametrize(
    ("one", "other"), [("", "github:elsewhere"), ("github:elsewhere", "github:"), ("irc:x", "irc:x")]
)
def test_a_merge_of_what_is_no_two_accounts_stops_nothing(
    act: type[SubjectMerged | SubjectSplit], one: str, other: str
) -> None:
    """A colleague's program may write anything: the list of subjects passes it over."""
    reading = world(WORDS, OTHER, handle="elsewhere", acts=((1, act(subject=one, other=other)),))
    assert len(abouts(reading)) == 2


def same_id(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, id="0" * 32)


def test_two_reports_are_compared_with_every_term() -> None:
    """The same words count as one account, others don't."""
    reading = world(WORDS, WORDS, OTHER)
    one, copy, other = reading.cases.values()
    assert comparison(reading, one, copy).kernel == 1
    assert comparison(reading, one, other).kernel < 1
