"""Canonical subjects: different accounts stay apart, what names nobody is refused, and the bytes are pinned."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.platforms import PLATFORMS, platform_named
from abuse.subjects import read_subject, subject, voice_context
from crypto.errors import Refused


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
