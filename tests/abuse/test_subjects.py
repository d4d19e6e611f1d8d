"""Canonical subjects: one account, one subject, however it is written; different accounts stay apart."""

from __future__ import annotations

import unicodedata
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.confusables import _TABLE, fold, seen
from abuse.merges import MAX_SUGGESTED, Merged, Namesakes, Unmerged, people
from abuse.platforms import HOSTS, PLATFORM_OF_HOST, PLATFORMS, platform_named
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
        "github: al\U000e0100ice",  # variation selectors
        "github: al\ufe0fice",
        "github: alice\u180b",
        "github: al\u034fice",  # combining grapheme joiner
        "github: \u3164alice\u115f",  # Hangul fillers
        "github: alice\u2065\U000e0041",
        "github: alice\u2800",  # blank Braille
        "\ufeffhttps://github.com/alice\u2060",
        "https://github.com/al%F3%A0%84%80ice",
        "github: 𝐚𝐥𝐢𝐜𝐞",  # mathematical bold
        "github.com: αlice",  # Greek alpha
        "github: alice/some-repo",
        "github: /Alice/",
        "github: github.com/alice",
        "https://github.com/sponsors/alice",
        "https://github.com/orgs/alice/people",
        "https://github.com/stars/alice/lists/tools",
        "https://github.com/%61lice?tab=repositories&q=a%3Fb",
    ],
    Subject("x", "", "bob_42"): [
        "https://x.com/Bob_42",
        "https://twitter.com/bob_42",
        "https://mobile.twitter.com/bob_42/status/12345",
        "twitter: @bob_42",
        "X: bob_42",
        "x: twitter.com/bob_42",
        "x: bob_42/status/12345",
        "https://x.com/intent/user?lang=en&screen_name=Bob_42",
        "https://twitter.com/intent/follow?screen_name=%40bob_42",
    ],
    Subject("x", "", "id 42"): [
        "https://x.com/i/user/42",
        "https://x.com/intent/user?user_id=42",
        "x: i/user/42",
        "x: id 42",
    ],
    Subject("facebook", "", "100042"): [
        "https://www.facebook.com/profile.php?id=100042",
        "https://m.facebook.com/profile.php?ref=br_rs&id=100042&sk=about",
        "https://de-de.facebook.com/profile.php?id=100042",
        "https://www.facebook.com/people/Ann-Lee/100042/",
        "https://www.facebook.com/p/Ann-Lee-100042/",
        "https://www.facebook.com/pages/Ann-Lee/100042",
        "https://www.facebook.com/pages/category/Artist/Ann-Lee-100042/",
        "https://www.facebook.com/groups/77/user/100042/",
        "https://www.facebook.com/marketplace/profile/100042",
        "https://www.facebook.com/100042",
        "facebook: profile.php?id=100042",
        "facebook: 100042",
    ],
    Subject("facebook", "", "ann.lee"): [
        "https://www.facebook.com/Ann.Lee/posts/1",
        "https://www.facebook.com/pg/ann.lee/about",
        "facebook: fb.com/ann.lee",
    ],
    Subject("instagram", "", "ann"): ["https://www.instagram.com/stories/ann/1", "instagram: @ann"],
    Subject("telegram", "", "anna"): ["https://t.me/s/anna/12", "https://t.me/anna", "telegram: @anna"],
    Subject("youtube", "", "id uc1"): ["https://www.youtube.com/channel/UC1/videos", "youtube: channel/UC1"],
    Subject("drupal", "", "id 7"): ["https://www.drupal.org/user/7"],
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
    Subject("linkedin", "", "hana-k"): [
        "https://www.linkedin.com/in/Hana-K/",
        "https://de.linkedin.com/in/hana-k",
        "linkedin: hana-k",
        "linkedin: in/hana-k",
        "linkedin: de.linkedin.com/in/hana-k",
    ],
    Subject("gitlab", "", "ivo"): [
        "https://gitlab.com/ivo",
        "gitlab: ivo",
        "https://gitlab.com/users/ivo/snippets",
        "gitlab: ivo/project",
        "gitlab: ivo@gitlab.com",
    ],
    Subject("gitlab", "gitlab.gnome.org", "ivo"): [
        "https://gitlab.gnome.org/ivo/project",
        "https://gitlab.gnome.org/users/ivo",
        "gitlab: ivo@gitlab.gnome.org",
    ],
    Subject("gitea", "git.example.org", "ivo"): ["https://git.example.org/ivo/project"],
    Subject("stackoverflow", "", "12"): [
        "https://stackoverflow.com/users/12/ann",
        "stackoverflow: users/12/ann",
    ],
    Subject("discourse", "discuss.python.org", "jo"): [
        "https://discuss.python.org/u/Jo/summary",
        "discourse: jo@discuss.python.org",
    ],
    Subject("mediawiki", "meta.wikimedia.org", "some body"): [
        "https://meta.wikimedia.org/wiki/User:Some_Body"
    ],
    Subject("zulip", "rust.zulipchat.com", "123"): ["https://rust.zulipchat.com/#user/123"],
    Subject("sourcehut", "", "kim"): ["https://git.sr.ht/~kim", "https://sr.ht/~kim/project"],
    Subject("hackernews", "", "lee"): [
        "https://news.ycombinator.com/user?id=lee",
        "https://news.ycombinator.com/threads?id=lee&next=9",
        "hackernews: user?id=lee",
    ],
    Subject("name", "", "forum.example.org/profile.php?id=7"): [
        "https://forum.example.org/profile.php?id=7",
        "https://www.forum.example.org/profile.php/?utm_source=mail&id=7",
        "forum.example.org/profile.php?id=7",
    ],
    Subject("name", "", "facebook.com/groups/77"): [
        "https://www.facebook.com/groups/77/",
        "facebook: https://www.facebook.com/groups/77",
        "facebook: groups/77",
    ],
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
    "about",
    [
        *SAME,
        *map(
            read_subject,
            (
                "https://example.org/page",
                "foo://bar",
                "https://example.org:8443/a%3Fb/%2523?x=%D0%B0&y#/u/1",
                "https://gitlab.gnome.org/-/u/1",
                "https://www.facebook.com/photo.php?fbid=1",
            ),
        ),
    ],
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
        ("https://www.facebook.com/profile.php?id=1", "https://www.facebook.com/profile.php?id=2"),
        ("https://www.facebook.com/people/Ann/1", "https://www.facebook.com/people/Bob/2"),
        ("https://www.facebook.com/photo.php?fbid=1", "https://www.facebook.com/photo.php?fbid=2"),
        ("https://www.facebook.com/groups/1", "https://www.facebook.com/groups/2"),
        ("https://ab-xyz.facebook.com/ann", "https://ab-xyz.facebook.com/bob"),
        ("facebook: ab-xyz.facebook.com/ann", "facebook: ab-xyz.facebook.com/bob"),
        ("https://x.com/i/user/11", "https://x.com/i/user/22"),
        ("https://x.com/i/user/11", "https://x.com/11"),
        ("https://x.com/intent/user?user_id=1", "https://x.com/intent/user?user_id=2"),
        ("https://x.com/intent/user?screen_name=a", "https://x.com/intent/user?screen_name=b"),
        ("https://x.com/i/status/1", "https://x.com/i/status/2"),
        ("https://t.me/s/anna", "https://t.me/s/boris"),
        ("https://t.me/c/1/5", "https://t.me/c/2/5"),
        ("https://github.com/sponsors/ann", "https://github.com/sponsors/bob"),
        ("https://github.com/search?q=author:ann", "https://github.com/search?q=author:bob"),
        ("https://gitlab.com/users/ann", "https://gitlab.com/users/bob"),
        ("https://gitlab.com/-/u/1", "https://gitlab.com/-/u/2"),
        ("https://gitlab.com/-/u/1", "https://gitlab.com/1"),
        ("https://gitlab.gnome.org/-/u/1", "https://gitlab.gnome.org/-/u/2"),
        ("https://git.example.org/explore/users?q=ann", "https://git.example.org/explore/users?q=bob"),
        ("https://www.instagram.com/stories/ann/1", "https://www.instagram.com/stories/bob/2"),
        ("https://www.instagram.com/stories/highlights/1", "https://www.instagram.com/stories/highlights/2"),
        ("https://www.instagram.com/p/abc", "https://www.instagram.com/p/abd"),
        ("https://www.drupal.org/u/7", "https://www.drupal.org/user/7"),
        ("https://www.youtube.com/channel/UC1", "https://www.youtube.com/@UC1"),
        ("https://news.ycombinator.com/item?id=1", "https://news.ycombinator.com/user?id=1"),
        ("https://bitbucket.org/snippets/ann/1", "https://bitbucket.org/snippets/bob/2"),
        ("https://codeberg.org/user/settings", "https://codeberg.org/explore/users"),
        ("https://chat.example.org/direct?u=1", "https://chat.example.org/direct?u=2"),
        ("https://forum.example.org/member.php?7-ann", "https://forum.example.org/member.php?8-bob"),
        (
            "https://forum.example.org/index.php?action=profile;u=7",
            "https://forum.example.org/index.php?action=profile;u=8",
        ),
        ("https://forum.example.org/users/view.php?id=7", "https://forum.example.org/users/view.php?id=8"),
        ("https://forum.example.org/users/profile/7", "https://forum.example.org/users/profile/8"),
        ("https://forum.example.org/u/show?id=7", "https://forum.example.org/u/show?id=8"),
        ("https://chat.example.org/#/user/7", "https://chat.example.org/#/user/8"),
        ("https://example.org/team#ann", "https://example.org/team#bob"),
        ("https://example.org:8080/ann", "https://example.org:9090/ann"),
        ("https://example.org/a%3Fu=1", "https://example.org/a?u=1"),
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
        "https:///@eve",
        "irc:///eve",
        "facebook: people",
        "facebook: Profile.php",
        "facebook: peopl%65",
        "github: sponsors",
        "github: @ghost",
        "github: ѕponsors",  # Cyrillic dze
        "x: i",
        "telegram: s",
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
        subject("facebook", "https://example.org/ann")
    with pytest.raises(Refused):
        subject("facebook", "github.com/ann")
    with pytest.raises(Refused):
        subject("myspace", "tom")
    assert all(platform_named(name) == name for name in PLATFORMS)


def test_canonical_bytes_are_pinned() -> None:
    """The voice's context may never drift: bytes and hash are fixed here."""
    about = read_subject("https://GitHub.com/Alice")
    assert (
        about.canonical.hex()
        == "02" + "00000006" + b"github".hex() + "00000000" + "00000005" + b"alice".hex()
    )
    context = voice_context(bytes(32), about)
    assert context.hex() == "c45348f342ef76ddca4843110cf4c943b856f5b54b267ab4bef2e9aade2d13bd"
    assert voice_context(bytes(31) + b"\x01", about) != context


def test_what_cannot_be_seen_is_never_part_of_a_name() -> None:
    """Every format character of this Unicode, and all it will never show; none comes back by folding."""
    unseen = [chr(at) for at in range(0x110000) if not 0xD800 <= at < 0xE000 and not seen(chr(at))]
    assert {c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Cf"} <= set(unseen)
    assert len(unseen) == 4174 + 32  # Default_Ignorable_Code_Point, and what is Cf beside
    assert fold(f"a{''.join(unseen)}b") == "ab"
    for at in range(0x110000):
        if not 0xD800 <= at < 0xE000 and seen(chr(at)):
            again = unicodedata.normalize("NFKC", chr(at)).casefold()
            assert seen(again) == again


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
    assert subject("launchpad", handle).handle == handle
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
    assert about.canonical[0] == 2


WORDS = (
    "people profile.php user u users s - id orgs p @ann ~bob ~ User:Ann in c 1 22 %2F %3F %23 %40ann %7Ebob é"
)
FIELDS = ["id=1", "id=ann", "screen_name=%40bob", "user_id=7", "x", "=", "a=%FF", "utm_a=1", "a=b c", "é=ж"]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["https://", "http://", "www.", ""]),
    st.sampled_from(
        [*PLATFORM_OF_HOST, *HOSTS, "gitlab.gnome.org", "git.example.org", "e.org", "e.org:8080"]
    ),
    st.lists(st.sampled_from(WORDS.split()), max_size=4),
    st.lists(st.sampled_from(FIELDS), max_size=3),
    st.sampled_from(["", "#ann", "#/user/1", "#x:~:text=1"]),
)
def test_any_address_can_be_typed_back(
    scheme: str, host: str, path: list[str], query: list[str], fragment: str
) -> None:
    """Whatever it shows, the line that the desk shows for it reads as the same subject; or it is Refused."""
    try:
        about = read_subject(f"{scheme}{host}/{'/'.join(path)}?{'&'.join(query)}{fragment}")
    except Refused:
        return
    assert read_subject(str(about)) == about


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
    """github alice is offered for gitlab alice and the other way round; nothing is joined by that."""
    one, other = read_subject("github: alice"), read_subject("gitlab: alice")
    alike = Namesakes([one, other, ALI], people([]))
    assert (alike.of([one]), alike.of([other]), alike.of([ALI])) == ((other,), (one,), ())
    assert people([]).aliases(one) == {one}


def test_a_name_on_a_thousand_servers_hides_no_account_elsewhere() -> None:
    """A stranger invents servers; what is suggested stays a short list, with one of each platform in it."""
    hub, irc = read_subject("github: alice"), read_subject("irc: alice")
    flood = [read_subject(f"alice@h{number}.example") for number in range(1_000)]
    alike = Namesakes([*flood, hub, irc], people([]))
    assert {hub, irc} < set(alike.of([flood[500]]))
    assert len(alike.of([flood[500]])) == len(alike.of([hub])) == MAX_SUGGESTED
    assert irc in alike.of([hub])


def test_thousands_of_merges_are_looked_up_and_not_searched() -> None:
    """Whoever writes a log may say as many as they like: each account is found in the same time."""
    many = [read_subject(f"github: person{number}") for number in range(4_000)]
    pairs = [Merged(str(n), many[n], many[n + 1], "h", float(n)) for n in range(0, 4_000, 2)]
    chain = [Merged(str(n), many[n], many[n + 1], "h", float(n)) for n in range(3_999)]
    for merges in (pairs, chain):
        known = people(merges)
        since = process_time()
        assert {known.principal(one) for one in many} == {
            min(g, key=lambda s: s.canonical) for g in known.groups
        }
        assert all(one in known.aliases(one) for one in many)
        assert process_time() - since < 2
