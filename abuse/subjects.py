"""Who a report is about: platform + host + handle, in one canonical form. SPEC.md "Corroboration: subjects".

Guarantees: every way of writing one account (profile URL, @handle, case, look-alike letters) gives one `Subject`,
and `Subject.canonical` is a stable, versioned byte string on which the reporter's client and the desk agree: it is
the context of a voice (design.md §6). Two different ASCII handles never become one subject, nor do two addresses that
show different pages of a site that is not known here.
Leaves to handlers: whether two accounts are one person (`abuse.merges`). Nothing here opens a link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from abuse.addresses import one_query
from abuse.confusables import casefolded, fold, seen
from abuse.platforms import (
    HOSTS,
    PLATFORM_OF_HOST,
    PLATFORMS,
    handle_at,
    is_reserved,
    own_host,
    platform_named,
)
from crypto.errors import Refused
from crypto.framing import part
from crypto.hashing import digest
from crypto.labels import Label

VERSION: Final = 2
LONGEST: Final = 512

_PAGES: Final = ("http://", "https://", "irc://", "ircs://")
# What `read_subject` itself settles; anything else with "://" in it is a name, or the two would call each other.
_LINKS: Final = (*_PAGES, "mailto:", "acct:", "matrix:u/")
_LABEL: Final = r"[^\s@/:?#]+"
_AT_HOST: Final = re.compile(rf"@?({_LABEL})@([^\s@/?#:]+\.[^\s@/?#:]+)")


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """One account on one platform, canonical. Made by `subject` or `read_subject`, never by hand.

    platform: a key of PLATFORMS; host: "" where the platform is one host; handle: folded, never empty.
    """

    platform: str
    host: str
    handle: str

    @property
    def canonical(self) -> bytes:
        """u8 version=2 ‖ part(platform) ‖ part(host) ‖ part(handle), UTF-8: equal iff the subjects are."""
        parts = (self.platform, self.host, self.handle)
        return bytes([VERSION]) + b"".join(part(text.encode()) for text in parts)

    def __str__(self) -> str:
        if self.platform == "matrix":
            return f"matrix: @{self.handle}:{self.host}"
        return f"{self.platform}: {self.handle}" + (f"@{self.host}" if self.host else "")


def voice_context(group_root: bytes, about: Subject) -> bytes:
    """Derive the linking context of a voice (32 bytes): one per group and subject. design.md §6."""
    return digest(Label.SUBJECT, group_root, about.canonical)


def subject(platform: str, handle: str) -> Subject:
    """Canonicalise a platform and a handle (or a profile URL) as two fields of a form give them.

    A page of the platform that shows no account known here is its address, as platform "name". Refused: unknown
    platform, empty or over-long handle, a word that is no account there, characters without an agreed meaning, a URL of
    another platform, a handle without its host where the platform has many.
    """
    key = platform_named(platform)
    text = _bounded(handle)
    if key == "name":
        text = text.lstrip("@ ") or text
    lower = casefolded(text)
    if lower.startswith(_PAGES) or (key != "name" and (lower.startswith(_LINKS) or _is_page(lower))):
        found = read_subject(text)
        its_own = key == "gitea" or bool(PLATFORMS[key] and found.handle.startswith(PLATFORMS[key]))
        if found.platform != key and not (found.platform == "name" and its_own):
            raise Refused("subject: the link belongs to another platform")
        return found
    match key:
        case "name":
            return _made(key, "", text)
        case "bluesky":
            bare = text.removeprefix("@")
            return _made(key, "", bare if "." in bare else f"{bare}.bsky.social")
        case "matrix":
            return _with_host(key, text.lstrip("@"), ":")
        case "irc":
            nick, _, network = text.replace(" on ", "@").replace("/", "@").partition("@")
            return _made(key, _host(network.strip() or "libera"), nick.strip())
        case "gitlab" if "@" in text.lstrip("@"):
            return _with_host(key, text.lstrip("@"), "@")
        case _ if PLATFORMS[key]:
            return _on_own_host(key, text.strip("/"))
        case _:
            return _with_host(key, text.lstrip("@"), "@")


def read_subject(text: str) -> Subject:
    """Canonicalise one line as people write it: a URL, `@a@host`, `@a:host`, `u/a`, an address, `github: a`, a name.

    What matches no platform is a display name (platform "name"). Refused: empty, over-long, or characters
    without an agreed meaning.
    """
    line = _bounded(text)
    lower = casefolded(line)
    if lower.startswith("acct:"):
        return _with_host("mastodon", line[5:].lstrip("@"), "@")
    if lower.startswith("mailto:"):
        return _email(line[7:].partition("?")[0])
    if lower.startswith("matrix:u/"):
        return _with_host("matrix", line[9:].partition("?")[0], ":")
    if lower.startswith(_PAGES):
        return _from_url(line)
    if _is_page(lower):
        return _from_url("https://" + line)
    if match := re.fullmatch(r"/?u(?:ser)?/([^/\s]+)/?", line):
        return _made("reddit", "", match[1])
    if match := re.fullmatch(rf"@({_LABEL}):([^\s@/?#]+)", line):
        return _made("matrix", _host(match[2]), match[1])
    if match := _AT_HOST.fullmatch(line):
        if line.startswith("@"):
            return _made("mastodon", _host(match[2]), match[1])
        return _email(line)
    head, colon, rest = line.partition(":")
    if colon and rest.strip():
        try:
            platform_named(head)
        except Refused:
            return subject("name", line)
        return subject(head, rest.strip())
    if match := re.fullmatch(r"@([^\s@]+\.bsky\.social)", line, re.IGNORECASE):
        return _made("bluesky", "", match[1])
    return subject("name", line)


def _bounded(text: str) -> str:
    line = seen(text).strip()
    if not line or len(line) > LONGEST:
        raise Refused("subject: empty, too long, or no handle")
    return line


def _is_page(lower: str) -> bool:
    """Whether this is an address without its scheme, of a host known here or with `www.`."""
    host, slash, _ = lower.partition("/")
    return lower.startswith("www.") or (slash != "" and (host in HOSTS or own_host(host) in PLATFORM_OF_HOST))


def _host(text: str) -> str:
    host = fold(unquote(text)).strip().strip(".").removeprefix("www.")
    labels: list[str] = []
    for label in host.split("."):
        try:
            labels.append(fold(label.encode().decode("idna")) if label.startswith("xn--") else label)
        except UnicodeError:
            labels.append(label)
    host = ".".join(labels)
    return own_host(host)


def _on_own_host(platform: str, text: str) -> Subject:
    """`@Alice`, `alice`, `~alice`; and `u/alice`, `alice/a-repository`, `profile.php?id=1` as the address they end."""
    host = PLATFORMS[platform]
    if set(text) & set("/?"):
        first = text.partition("/")[0].casefold()
        return _from_url(f"https://{text}" if first.endswith(f".{host}") else f"https://{host}/{text}")
    if is_reserved(host, unquote(text).lstrip("@~")):
        raise Refused("subject: this is a page of the platform, not an account; give the account's address")
    return _made(platform, "", text.lstrip("@~"))


def _made(platform: str, host: str, handle: str) -> Subject:
    folded = " ".join(fold(unquote(handle) if platform != "name" else handle).split())
    # A handle or host that holds a separator would not read back as itself.
    odd = set(folded) & set("/@:?#") if platform not in {"name", "mediawiki"} else set()
    if not folded or len(folded) > LONGEST or odd or set(host) & set("/@?#"):
        raise Refused("subject: empty, too long, or no handle")
    return Subject(platform, host, folded)


def _email(address: str) -> Subject:
    local, _, host = unquote(address).strip().rpartition("@")
    # alice+lists@host is delivered to alice@host: one mailbox, one subject.
    return _made("email", _needed(_host(host)), local.partition("+")[0] or local)


def _with_host(platform: str, text: str, separator: str) -> Subject:
    if platform == "email":
        return _email(text)
    handle, _, host = text.strip("/").rpartition(separator)
    host = _needed(_host(host))
    return _made(platform, "" if host == PLATFORMS[platform] else host, handle.lstrip("@"))


def _needed(host: str) -> str:
    if not host:
        raise Refused("subject: this platform has many hosts; write the handle with its host")
    return host


def _from_url(url: str) -> Subject:
    try:
        split = urlsplit(url)
        host = _host(split.hostname or "")
        port = f":{split.port}" if split.port and split.port not in {80, 443} else ""
        query = one_query(split.query)
    except ValueError:
        raise Refused("subject: this is not a link to a profile") from None
    if not host:
        raise Refused("subject: this is not a link to a profile")
    path = unquote(split.path).strip("/")
    page = f"{path.replace('?', '%3F')}?{query}"  # a "?" of the path's own is no query
    if split.scheme.lower() in {"irc", "ircs"}:
        return _made("irc", host, path.partition(",")[0])
    if host == "matrix.to":
        return _with_host("matrix", unquote(split.fragment).strip("/").lstrip("@").partition("?")[0], ":")
    if host == "bsky.app" and (match := re.match(r"profile/([^/]+)", path)):
        return _made("bluesky", "", match[1])
    if host.endswith(".zulipchat.com") and (match := re.search(r"user/(\d+)", split.fragment)):
        return _made("zulip", host, match[1])
    if host in PLATFORM_OF_HOST:
        if handle := handle_at(host, page):
            return _made(PLATFORM_OF_HOST[host], "", handle)
    elif host.startswith("gitlab."):
        if handle := handle_at("gitlab.com", page):
            return _made("gitlab", host, handle)
    elif host.startswith(("gitea.", "forgejo.", "git.")):
        if handle := handle_at("codeberg.org", page):
            return _made("gitea", host, handle)
    elif match := re.match(rf"(?:wiki/)?User:({_LABEL})", path, re.IGNORECASE):
        return _made("mediawiki", host, match[1].replace("_", " "))
    elif match := re.match(r"@([^/@]+)(?:@([^/]+))?$", path):
        return _made("mastodon", _host(match[2]) if match[2] else host, match[1])
    elif (match := re.match(r"(users|u)/([^/]+)", path)) and not is_reserved("", match[2]):
        return _made("mastodon" if match[1] == "users" else "discourse", host, match[2])
    # Not a profile we know: the address itself, so that the same page is the same subject, and no other page is.
    address = f"{host}{port}/{path.replace('?', '%3F').replace('#', '%23')}".rstrip("/")
    fragment = split.fragment.partition(":~:")[0]  # what follows marks words on the page
    rest = (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    return _made("name", "", address + rest)
