"""Canonical subjects: one account, one subject, however it is written; different accounts stay apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.confusables import _TABLE, fold
from abuse.merges import Merged, Unmerged, merge_suggestions, people
from abuse.platforms import PLATFORMS, platform_named
from abuse.subjects import Subject, read_subject, subject, voice_context
from crypto.errors import Refused

SAME = {
    Subject("github", "", "alice"): [
        "https://github.com/alice",
        "https://github.com/Alice/",
        "http://www.github.com/ALICE",
        "github.com/alice",
        "https://github.com/alice/some-repo/issues/3#issuecomment-1",
        "https://github.com/alice?tab=repositories",
        "github: alice",
        "GitHub: @Alice",
        "github:alice",
        "https://github.com/аlice",  # Cyrillic а
        "github: ａｌｉｃｅ",  # fullwidth
        "github: al\u200bice",  # zero-width space
        "github: 𝐚𝐥𝐢𝐜𝐞",  # mathematical bold
        "github.com: αlice",  # Greek alpha
    ],
    Subject("x", "", "bob_42"): [
        "https://x.com/Bob_42",
        "https://twitter.com/bob_42",
        "https://mobile.twitter.com/bob_42/status/12345",
        "twitter: @bob_42",
        "X: bob_42",
    ],
    Subject("mastodon", "fosstodon.org", "eve"): [
        "@eve@fosstodon.org",
        "@Eve@FOSSTODON.org",
        "https://fosstodon.org/@eve",
        "https://fosstodon.org/users/eve",
        "https://mastodon.social/@eve@fosstodon.org",
        "acct:eve@fosstodon.org",
        "mastodon: eve@fosstodon.org",
        "fediverse: @eve@fosstodon.org",
    ],
    Subject("matrix", "matrix.org", "carol"): [
        "@carol:matrix.org",
        "https://matrix.to/#/@carol:matrix.org",
        "https://matrix.to/#/%40carol%3Amatrix.org",
        "matrix:u/carol:matrix.org",
        "matrix: @Carol:matrix.org",
    ],
    Subject("reddit", "", "dan"): [
        "u/dan",
        "/u/Dan",
        "https://www.reddit.com/user/dan/",
        "https://old.reddit.com/u/dan",
        "reddit: u/dan",
    ],
    Subject("email", "example.org", "erin"): [
        "erin@example.org",
        "mailto:Erin@Example.org?subject=hello",
        "erin+lists@example.org",
        "email: ERIN@example.org",
    ],
    Subject("bluesky", "", "finn.bsky.social"): [
        "https://bsky.app/profile/finn.bsky.social",
        "@finn.bsky.social",
        "bluesky: finn",
        "bsky: @finn.bsky.social",
    ],
    Subject("irc", "libera", "gus"): ["irc: gus", "irc: gus on libera", "irc://irc.libera.chat/gus,isnick"],
    Subject("linkedin", "", "hana-k"): ["https://www.linkedin.com/in/Hana-K/", "linkedin: hana-k"],
    Subject("gitlab", "", "ivo"): ["https://gitlab.com/ivo", "gitlab: ivo"],
    Subject("discourse", "discuss.python.org", "jo"): [
        "https://discuss.python.org/u/Jo/summary",
        "discourse: jo@discuss.python.org",
    ],
    Subject("mediawiki", "meta.wikimedia.org", "some body"): [
        "https://meta.wikimedia.org/wiki/User:Some_Body"
    ],
    Subject("zulip", "rust.zulipchat.com", "123"): ["https://rust.zulipchat.com/#user/123"],
    Subject("sourcehut", "", "kim"): ["https://git.sr.ht/~kim", "https://sr.ht/~kim/project"],
    Subject("hackernews", "", "lee"): ["https://news.ycombinator.com/user?id=lee"],
    Subject("name", "", "maria josé silva"): [
        "Maria  José Silva",
        "name: maria josé silva",
        "MARIA JOSE\u0301 SILVA",
    ],
}


@pytest.mark.parametrize(("expected", "written"), [(s, w) for s, ways in SAME.items() for w in ways])
def test_every_way_of_writing_an_account_is_one_subject(expected: Subject, written: str) -> None:
    """URL, handle, case, host aliases and look-alikes fold together, with equal canonical bytes."""
    assert read_subject(written) == expected
    assert read_subject(f"  {written} ").canonical == expected.canonical


@pytest.mark.parametrize(
    "about", [*SAME, read_subject("https://example.org/page"), read_subject("foo://bar")]
)
def test_what_is_shown_can_be_typed_back(about: Subject) -> None:
    """The line that the desk shows for a subject reads as that subject."""
    assert read_subject(str(about)) == about


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("github: alice", "github: alice1"),
        ("github: alicel", "github: alice1"),
        ("github: al-ice", "github: alice"),
        ("github: alice", "gitlab: alice"),
        ("github: jose", "github: josé"),
        ("@eve@fosstodon.org", "@eve@mastodon.social"),
        ("eve@fosstodon.org", "@eve@fosstodon.org"),
        ("@carol:matrix.org", "@carol:example.org"),
        ("https://gitlab.com/ivo", "https://gitlab.gnome.org/ivo"),
        ("0scar", "Oscar"),
    ],
)
def test_different_accounts_stay_apart(one: str, other: str) -> None:
    """Folding never joins two different ASCII handles, two hosts, or two platforms."""
    assert read_subject(one).canonical != read_subject(other).canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "x" * 513,
        "github: ",
        "github: \u200b",
        "mastodon: eve",
        "mail: eve",
        "github: a\ue000b",
        "a\ud800b",
        "https://[bad/",
    ],
)
def test_what_names_nobody_is_refused(text: str) -> None:
    """Empty, over-long, hostless or meaningless text is Refused, and the error repeats none of it."""
    with pytest.raises(Refused) as caught:
        subject(*text.split(": ")) if ": " in text else read_subject(text)
    assert "eve" not in caught.value.reason


def test_a_form_with_two_fields_gives_the_same_subject() -> None:
    """Platform and handle given apart meet the single line; a URL in the handle field is read."""
    assert subject("GitHub", "https://github.com/Alice/") == read_subject("github: alice")
    assert subject("twitter", "@Bob") == read_subject("https://x.com/bob")
    assert subject("matrix", "@carol:matrix.org") == read_subject("@carol:matrix.org")
    with pytest.raises(Refused):
        subject("gitlab", "https://github.com/alice")
    with pytest.raises(Refused):
        subject("myspace", "tom")
    assert all(platform_named(name) == name for name in PLATFORMS)


def test_canonical_bytes_are_pinned() -> None:
    """The voice's context may never drift: bytes and hash are fixed here."""
    about = read_subject("https://GitHub.com/Alice")
    assert (
        about.canonical.hex()
        == "01" + "00000006" + b"github".hex() + "00000000" + "00000005" + b"alice".hex()
    )
    context = voice_context(bytes(32), about)
    assert context.hex() == "a08e3dc3c6bc8b312058bd76bcd1c3e1e17f794322a4844df30ca34ca3b9cc67"
    assert voice_context(bytes(31) + b"\x01", about) != context


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_folding_is_idempotent_and_blind_to_case(text: str) -> None:
    """fold(fold(x)) = fold(x), and upper, lower and given case fold alike."""
    try:
        once = fold(text)
    except Refused:
        return
    assert fold(once) == once
    if text.isascii():
        assert fold(text.upper()) == fold(text.lower()) == once


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20))
def test_ascii_is_never_folded_into_other_ascii(handle: str) -> None:
    """A plain handle is its own canonical form, and a look-alike spelling of it folds onto it."""
    assert subject("github", handle).handle == handle.strip() or handle.strip("/~@") != handle
    back = {meant: chr(seen) for seen, meant in _TABLE.items()}
    disguised = "".join(back.get(c, c) for c in handle)
    assert fold(disguised) == handle


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_reading_any_line_gives_a_subject_or_refused(text: str) -> None:
    """No input raises anything else, and reading is stable: the handle of a name reads as itself."""
    try:
        about = read_subject(text)
    except Refused:
        return
    assert about.platform in PLATFORMS
    assert about.handle == " ".join(about.handle.split())
    assert about.canonical[0] == 1


@pytest.mark.parametrize(
    "line",
    [
        "foo://bar",
        "name: foo://bar",
        "name://x",
        "a://b://c",
        "matrix:@x:y",
        "matrix:x",
        "MAILTO:a@b.c",
        "://",
    ],
)
def test_a_link_of_no_known_kind_ends(line: str) -> None:
    """An address with a scheme of its own is a name or Refused; reading it never runs in a circle."""
    try:
        assert read_subject(line).platform in {"name", "matrix", "email"}
    except Refused:
        return


ALICE, ALYCE, ALI = (read_subject(t) for t in ("github: alice", "@alyce@fosstodon.org", "irc: ali"))


def test_merges_join_and_can_be_undone_in_any_order() -> None:
    """Undoing one of two merges leaves the other; undoing both leaves everyone alone; history stays."""
    first = Merged("m1", ALICE, ALYCE, "h1", 1.0, "same avatar")
    second = Merged("m2", ALYCE, ALI, "h2", 2.0)
    both = people([first, second])
    assert both.aliases(ALICE) == {ALICE, ALYCE, ALI}
    assert both.principal(ALI) == both.principal(ALICE) == min((ALICE, ALYCE, ALI), key=lambda s: s.canonical)
    undone = people([first, second, Unmerged("m1", "h2", 3.0)])
    assert undone.aliases(ALICE) == {ALICE}
    assert undone.aliases(ALI) == {ALYCE, ALI}
    assert [m.id for m in undone.why(ALI)] == ["m2"]
    assert len(undone.history) == 3
    assert people([first, second, Unmerged("m2", "h", 3.0), Unmerged("m1", "h", 4.0)]).groups == ()


def test_undoing_what_never_was_changes_nothing_and_ids_are_unique() -> None:
    """An early or repeated undo is harmless; a reused id is Refused."""
    merge = Merged("m1", ALICE, ALYCE, "h1", 1.0)
    assert people([Unmerged("m1", "h", 0.0), merge]).aliases(ALICE) == {ALICE, ALYCE}
    again = people(
        [merge, Unmerged("m1", "h", 2.0), Unmerged("m1", "h", 3.0), Merged("m2", ALYCE, ALICE, "h", 4.0)]
    )
    assert again.aliases(ALICE) == {ALICE, ALYCE}
    with pytest.raises(Refused):
        people([merge, merge])


def test_equal_handles_are_suggested_never_merged() -> None:
    """github alice and gitlab alice are offered as a pair; nothing is joined by that."""
    pair = (read_subject("github: alice"), read_subject("gitlab: alice"))
    assert merge_suggestions([*pair, ALI]) == (pair,)
    assert people([]).aliases(pair[0]) == {pair[0]}
