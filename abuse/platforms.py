"""Platforms, the hosts that show their accounts, and where in a profile's address the handle stands. See SPEC.md.

Data, and one function to name a platform. Changing any of it changes voice contexts: see `abuse.subjects.VERSION`.
"""

from __future__ import annotations

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
    "m.facebook.com": "facebook.com",
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
# Path shapes per host of the first table; group 1 is the handle. Default: DEFAULT_PATH.
DEFAULT_PATH: Final = r"@?([^/]+)"
PATHS: Final = {
    "reddit.com": r"(?:u|user)/([^/]+)",
    "linkedin.com": r"in/([^/]+)",
    "stackoverflow.com": r"users/(\d+)",
    "discord.com": r"users/(\d+)",
    "sr.ht": r"~([^/]+)",
    "launchpad.net": r"~([^/]+)",
    "drupal.org": r"(?:u|user)/([^/]+)",
    "youtube.com": r"@([^/]+)",
    "github.com": r"(?:users/|orgs/)?@?([^/]+)",
}


def platform_named(name: str) -> str:
    """Fold a platform's name or alias to its key in PLATFORMS. Refused when unknown."""
    key = "".join(fold(name).split())
    key = _ALIASES.get(key, key)
    key = PLATFORM_OF_HOST.get(HOSTS.get(key, key), key)
    if key not in PLATFORMS:
        raise Refused("subject: this platform is not known; use 'name'")
    return key
