"""Platforms, the hosts that show their accounts, and where in a profile's address the handle stands. See SPEC.md.

Guarantees: a word that stands in the addresses of many accounts (`profile.php`, `people`, `i`) is never taken for one
of them: where no handle is found the caller keeps the whole address. Data, and the functions that look things up in it.
Changing any of it changes voice contexts: see `abuse.subjects.VERSION`.
"""

from __future__ import annotations

import re
from typing import Final

from abuse.confusables import fold
from crypto.errors import Refused

# Platform → its own host. A platform without one needs the host in its handle (x@host), or has none ("name").
PLATFORMS: Final = {
    "bitbucket": "bitbucket.org",
    "bluesky": "",
    "codeberg": "codeberg.org",
    "discord": "discord.com",
    "discourse": "",
    "drupal": "drupal.org",
    "email": "",
    "facebook": "facebook.com",
    "gitea": "",
    "github": "github.com",
    "gitlab": "gitlab.com",
    "hackernews": "news.ycombinator.com",
    "instagram": "instagram.com",
    "irc": "",
    "launchpad": "launchpad.net",
    "linkedin": "linkedin.com",
    "mastodon": "",
    "matrix": "",
    "mediawiki": "",
    "name": "",
    "npm": "",
    "pypi": "",
    "reddit": "reddit.com",
    "slack": "",
    "sourcehut": "sr.ht",
    "stackoverflow": "stackoverflow.com",
    "telegram": "t.me",
    "x": "x.com",
    "youtube": "youtube.com",
    "zulip": "",
}
_ALIASES: Final = {
    "twitter": "x",
    "mail": "email",
    "mailto": "email",
    "e-mail": "email",
    "fediverse": "mastodon",
    "bsky": "bluesky",
    "wikipedia": "mediawiki",
    "forgejo": "gitea",
    "hn": "hackernews",
    "libera": "irc",
    "person": "name",
}
# Hosts that show the same accounts as another.
HOSTS: Final = {
    "twitter.com": "x.com",
    "mobile.twitter.com": "x.com",
    "mobile.x.com": "x.com",
    "old.reddit.com": "reddit.com",
    "new.reddit.com": "reddit.com",
    "fb.com": "facebook.com",
    "m.facebook.com": "facebook.com",
    "mbasic.facebook.com": "facebook.com",
    "web.facebook.com": "facebook.com",
    "discordapp.com": "discord.com",
    "telegram.me": "t.me",
    "git.sr.ht": "sr.ht",
    "m.youtube.com": "youtube.com",
    "chat.freenode.net": "freenode",
    "irc.freenode.net": "freenode",
    "irc.libera.chat": "libera",
    "libera.chat": "libera",
    "irc.oftc.net": "oftc",
    "oftc.net": "oftc",
}
PLATFORM_OF_HOST: Final = {host: platform for platform, host in PLATFORMS.items() if host}
# Hosts that show the same accounts in each language: de.linkedin.com, pt-br.facebook.com.
_LANGUAGE: Final = re.compile(r"[a-z]{2}(?:-[a-z]{2})?\.((?:facebook|linkedin)\.com)")

_HANDLE: Final = r"[@~]*(?P<handle>[^/?@~][^/?]*)"
_NUMBER: Final = r"(?P<handle>\d+)(?=[/?&]|$)"
# A number, or another name that a machine gave, beside handles that may look the same: in a namespace of its own.
_ID: Final = r"(?P<id>[^/?&]+)"
_FIELD: Final = r"\?(?:[^?]*&)?"  # up to a field of the query
# Host → what its addresses look like, path ‖ "?" ‖ query (`abuse.addresses.one_query`); the first that fits counts.
_SHAPES: Final = {
    "bitbucket.org": (rf"(?:account/user|snippets)/{_HANDLE}", _HANDLE),
    "codeberg.org": (rf"org/{_HANDLE}/", _HANDLE),
    "discord.com": (rf"users/{_NUMBER}",),
    "drupal.org": (rf"u/{_HANDLE}", rf"user/(?=\d+[/?]){_ID}"),
    # The number of a profile or page shows it too where a name could stand: facebook.com/4.
    "facebook.com": (
        rf"(?:profile|story|permalink)\.php{_FIELD}id={_NUMBER}",
        rf"people/[^/?]+/{_NUMBER}",
        rf"pages/(?:category/[^/?]+/)?(?:[^/?]*[/-])?{_NUMBER}",
        rf"p/(?:[^/?]*-)?{_NUMBER}",
        rf"groups/[^/?]+/user/{_NUMBER}",
        rf"(?:marketplace/)?profile/{_NUMBER}",
        rf"pg/{_HANDLE}",
        _HANDLE,
    ),
    "github.com": (rf"(?:users|orgs|sponsors|stars)/{_HANDLE}", _HANDLE),
    "gitlab.com": (rf"-/u/(?=\d+[/?]){_ID}", rf"(?:users|groups|u)/{_HANDLE}", _HANDLE),
    "instagram.com": (rf"(?:stories|_u|_n)/{_HANDLE}", _HANDLE),
    "launchpad.net": (rf"~{_HANDLE}",),
    "linkedin.com": (rf"in/{_HANDLE}",),
    "news.ycombinator.com": (rf"(?:user|threads|submitted|favorites|upvoted){_FIELD}id=(?P<handle>[^&]+)",),
    "reddit.com": (rf"(?:u|user)/{_HANDLE}",),
    "sr.ht": (rf"~{_HANDLE}",),
    "stackoverflow.com": (rf"users/{_NUMBER}",),
    "t.me": (rf"(?:s|boost)/{_HANDLE}", _HANDLE),
    "x.com": (
        rf"i/user/(?=\d+[/?]){_ID}",
        rf"intent/(?:user|follow){_FIELD}screen_name=(?:%40)?(?P<handle>[^&]+)",
        rf"intent/(?:user|follow){_FIELD}user_id={_ID}",
        _HANDLE,
    ),
    "youtube.com": (r"@(?P<handle>[^/?]+)", rf"channel/{_ID}"),
}
# Host → words that stand where a handle could and are none: the addresses of many accounts begin with them.
# "": after `users/` and `u/` on a host that is not known here.
_RESERVED: Final = {
    host: frozenset(words.split())
    for host, words in {
        "": "account current detail details edit id index list login me member new password person profile register "
        "search show sign_in sign_up signin signup user view",
        "bitbucket.org": "account api blog dashboard gateway help login product projects repo repositories site "
        "snippets socialauth support user users workspace workspaces",
        "codeberg.org": ".well-known admin api assets attachments avatar avatars captcha cgit commits create debug "
        "devtest error explore ghost gitweb help issues login metrics milestones new notifications org pub pulls raw "
        "repo repo-avatars search ssh_info user v2",
        "facebook.com": "about ads ajax api apps bookmarks business campaign checkpoint dialog directory donate events "
        "flx friends fundraisers games gaming groups hashtag help home jobs l legal live login logout marketplace me "
        "media memories messages n notes notifications p pages people permalink pg photo photos places plugins "
        "policies policy posts privacy profile public r recover reel reels reg saved search settings share sharer "
        "stories story terms tr v video videos watch",
        "github.com": "about account advisories api apps codespaces collections contact customer-stories dashboard "
        "discussions enterprise enterprises explore features ghost gist issues join login logout marketplace mentions "
        "new notifications organizations orgs pricing pulls readme repos repositories search security sessions "
        "settings signup site sponsors stars status topics trending users watching",
        "gitlab.com": "- .well-known admin api assets dashboard explore files groups health_check help import jwt "
        "login new oauth password profile projects public s search sign_in sign_up sitemap snippets u unsubscribes "
        "uploads users v2",
        "instagram.com": "_n _u about accounts api challenge create developer direct directory emails explore graphql "
        "highlights legal locations login logout oauth p privacy reel reels s session share stories tags terms tv web",
        "linkedin.com": "me",
        "reddit.com": "me",
        "t.me": "a addemoji addlist addstickers addtheme bg boost c confirmphone contact giftcode invoice iv joinchat "
        "k login m nft proxy s setlanguage share socks",
        "x.com": "404 about account compose download explore follower_requests hashtag home i intent jobs lists login "
        "logout mentions messages notifications oauth personalization privacy search search-advanced search-home "
        "session settings share signup statuses tos twitterblue webview welcome who_to_follow your_twitter_data",
    }.items()
}
# A program of the site, not an account; elsewhere a handle may end so.
_PROGRAM: Final = re.compile(r"\.(?:php|aspx?|cgi|jsp|html?)$")
_PROGRAMS: Final = {"", "facebook.com"}


def own_host(host: str) -> str:
    """Give the host under which the accounts of a host are known here: itself, or the one that it mirrors."""
    match = _LANGUAGE.fullmatch(host)
    return match[1] if match else HOSTS.get(host, host)


def is_reserved(host: str, handle: str) -> bool:
    """Whether what stands in a handle's place is a page of the host instead. host: "" where it is not known here.

    handle: percent-decoded. Refused: characters without an agreed meaning.
    """
    word = fold(handle).strip()
    return word in _RESERVED.get(host, ()) or (host in _PROGRAMS and bool(_PROGRAM.search(word)))


def handle_at(host: str, page: str) -> str | None:
    """Read the handle off an address on a host of `PLATFORM_OF_HOST`; None where it shows no account known here.

    page: path ‖ "?" ‖ query. What is no handle but a number in a namespace of its own becomes "id …".
    """
    for shape in _SHAPES[host]:
        if match := re.match(shape, page, re.IGNORECASE):
            found = match.groupdict()
            if handle := found.get("handle"):
                if not is_reserved(host, handle):
                    return handle
            else:
                return f"id {found['id']}"
    return None


def platform_named(name: str) -> str:
    """Fold a platform's name or alias to its key in PLATFORMS. Refused when unknown."""
    key = "".join(fold(name).split())
    key = _ALIASES.get(key, key)
    key = PLATFORM_OF_HOST.get(own_host(key), key)
    if key not in PLATFORMS:
        raise Refused("subject: this platform is not known; use 'name'")
    return key
