"""One account, one subject, however it is written, and the line that shows a subject reads as that subject."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.platforms import HOSTS, PLATFORM_OF_HOST
from abuse.subjects import Subject, read_subject
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


WORDS = (
    "people profile.php user u users s - id orgs p @ann ~bob ~ User:Ann in c 1 22 %2F %3F %23 %40ann %7Ebob é"
)
FIELDS = ["id=1", "id=ann", "screen_name=%40bob", "user_id=7", "x", "=", "a=%FF", "utm_a=1", "a=b c", "é=ж"]


@settings(max_examples=150, deadline=None)
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
