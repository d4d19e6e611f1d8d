"""Renders the reporter's pages: one template engine, one language per address, the same strict headers on all of them.

Guarantees: text is escaped; no page holds inline script or style; nothing is requested from another server; nothing is
cached; no cookie is set but by `Site.page(cookie=…)`. What the templates say is in service.server.locales.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from litestar import Response
from litestar.datastructures import Cookie

from service.server import events
from service.server.deps import Deps
from service.server.forgetting import Collecting
from service.server.pages import messages
from service.server.pages.catalogues import translations
from service.server.pages.languages import LANGUAGES, Language
from service.server.pages.tokens import COOKIE
from service.server.pages.uploads import Cleaner

HTML: Final = "text/html"
STATIC: Final = Path(__file__).parent.parent / "static"
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
FORGET_AFTER_S: Final = 1.0
CLEAR: Final = '"cache", "cookies", "storage"'
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_OWN: Final = ("style.css", "icon.svg")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load. sha256: of the whole script, which release notes name too."""

    path: str
    integrity: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something to correct: the id of its field ("" for the whole form), and a translated sentence."""

    field: str
    text: str


class _Compiled(BytecodeCache):
    """Templates compiled once for all languages, in memory: compiling one takes 20 to 100 ms of everybody's time.

    Keys hold a digest of the template's text, so one instance is right for all sites of a process.
    """

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give what was compiled, if it was."""
        if (code := self._code.get(bucket.key)) is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED: Final = _Compiled()


class Site:
    """All that pages have in common."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.files = _files()
        self.style = _asset("style.css", self.files["style.css"][0])
        self.script = _script()
        self.cleaner = Cleaner()
        self._environments: dict[str, Environment] = {}
        self._collecting = Collecting(FORGET_AFTER_S)

    def forget_soon(self) -> None:
        """Have what a request brought collected within a second, cycles included; freed memory is overwritten at once.

        service.server.forgetting makes that so, and tests/attacks/test_pages_canary.py searches for what is left.
        """
        self._collecting.soon()

    def say(self, language: Language, sentence: str, **values: object) -> str:
        """Translate a sentence of service.server.pages.messages."""
        said = translations(language).gettext(sentence)
        return said % values if values else said

    def page(
        self,
        language: Language,
        template: str,
        here: str,
        *,
        status: int = 200,
        cookie: str | None = None,
        clear: bool = False,
        size: int = 0,
        **context: Any,
    ) -> Response[bytes]:
        """Render a template.

        here: the address after the language, for the links to the other languages; "" leads to their start.
        cookie: a token to keep. clear: have the browser forget everything of this site.
        size: fill up to a multiple of so many bytes, where lengths must not tell outcomes apart.
        """
        settings = self.deps.settings
        text = (
            self._environment(language)
            .get_template(template)
            .render(
                lang=language,
                languages=LANGUAGES,
                here=here,
                page=template.removesuffix(".html"),
                site_name=settings.name,
                exit_url=settings.exit_url,
                onion=settings.onion,
                style=self.style,
                script=self.script,
                # Sentences with a placeholder that the page's script fills in.
                too_long=self.say(language, messages.TOO_LONG),
                too_many=self.say(language, messages.TOO_MANY),
                **context,
            )
        )
        raw = text.encode()
        if size and len(raw) % size:
            raw += b"\n" * (size - len(raw) % size)
        headers = {"Content-Security-Policy": POLICY, "Content-Language": language.tag}
        if settings.onion is not None:
            headers["Onion-Location"] = f"{settings.onion.rstrip('/')}/{language.tag}/"
        if clear:
            headers["Clear-Site-Data"] = CLEAR
        cookies = []
        if cookie is not None:
            cookies.append(
                Cookie(key=COOKIE, value=cookie, path="/", secure=True, httponly=True, samesite="strict")
            )
        elif clear:
            cookies.append(
                Cookie(
                    key=COOKIE, value="", path="/", secure=True, httponly=True, samesite="strict", max_age=0
                )
            )
        return Response(raw, media_type=HTML, status_code=status, headers=headers, cookies=cookies)

    def problem(
        self, language: Language, said: tuple[str, ...], status: int, *, again: bool = False
    ) -> Response[bytes]:
        """Answer with a page that says what went wrong.

        said: its title, and perhaps a sentence. again: it answers a form that can be sent once more, by a reload alone:
        pages are kept in no cache, so going back gives an empty form.
        """
        title, *texts = said
        return self.page(
            language,
            "problem.html",
            "",
            status=status,
            title=self.say(language, title),
            texts=[self.say(language, text) for text in texts],
            again=self.say(language, messages.RELOAD) if again else "",
        )

    def _environment(self, language: Language) -> Environment:
        found = self._environments.get(language.tag)
        if found is None:
            found = Environment(
                loader=FileSystemLoader(Path(__file__).parent / "templates"),
                autoescape=True,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                extensions=["jinja2.ext.i18n"],
                bytecode_cache=_COMPILED,
            )
            found.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
            self._environments[language.tag] = found
        return found


def _files() -> dict[str, tuple[bytes, str]]:
    """Everything under /static, by the rest of its address: bytes and media type."""
    found = {name: STATIC / name for name in _OWN}
    found.update({f"app/{path.name}": path for path in sorted((STATIC / "app").glob("*.js"))})
    return {name: (path.read_bytes(), _TYPES[path.suffix]) for name, path in found.items()}


def _asset(name: str, content: bytes) -> Asset:
    sha384 = base64.b64encode(hashlib.sha384(content).digest()).decode()
    return Asset(f"/static/{name}", f"sha384-{sha384}", hashlib.sha256(content).hexdigest())


def _script() -> Asset | None:
    """The pages' script as the build left it; None when it was not built: the pages work without.

    The operator is told then: without it the server sees each report while it seals it.
    """
    manifest = STATIC / "app" / "manifest.json"
    if not manifest.exists():
        events.event("serves pages without their script: run `make client`, and start again")
        return None
    built = msgspec.json.decode(manifest.read_bytes())
    entry = built.get("page")
    if entry is None:
        return None
    return Asset(f"/static/app/{entry}", built["files"][entry]["integrity"], built["digest"])
