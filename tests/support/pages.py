"""A reporter without scripts for tests: fetches pages, fills the forms in them, keeps cookies, reads what is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape

import httpx

from crypto.entropy import system
from crypto.letters import seal_letter
from service.cases.letters import Letter, sign_letter
from service.cases.reports import Unsealed
from service.wire import calls, shapes
from tests.support.groups import Group
from tests.support.inprocess import World

Upload = tuple[str, bytes]


@dataclass(frozen=True)
class Page:
    """An answered page."""

    status: int
    headers: httpx.Headers
    html: str

    @property
    def title(self) -> str:
        """What the window would be called."""
        return self._one(r"<title>(.*?)</title>")

    @property
    def heading(self) -> str:
        """The page's h1."""
        return self._one(r"<h1[^>]*>(.*?)</h1>")

    @property
    def words(self) -> list[str]:
        """The reply code that is shown, word by word; empty when there is none."""
        found = re.search(r'<ol class="code"[^>]*>(.*?)</ol>', self.html, re.DOTALL)
        return [] if found is None else [unescape(word) for word in re.findall(r"<li>(.*?)</li>", found[1])]

    @property
    def positions(self) -> list[int]:
        """Which words the page asks to be typed back."""
        return [int(at) for at in re.findall(r'data-position="\d">(\d+)<', self.html)]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """What the summary of errors lists: field and sentence."""
        found = re.search(r'<div class="errors".*?<ul>(.*?)</ul>', self.html, re.DOTALL)
        items = [] if found is None else re.findall(r"<li>(.*?)</li>", found[1])
        named = [re.fullmatch(r'<a href="#(.*?)">(.*?)</a>', item) for item in items]
        return [(m[1], unescape(m[2])) if m else ("", unescape(i)) for m, i in zip(named, items, strict=True)]

    @property
    def summary(self) -> str:
        """All that the summary of errors says; empty where there is none."""
        return self._one(r'<div class="errors".*?>(.*?)</div>')

    @property
    def letters(self) -> list[str]:
        """The texts of all letters."""
        texts = re.findall(r'<div class="text"[^>]*>(.*?)</div>', self.html, re.DOTALL)
        return ["\n".join(unescape(p) for p in re.findall(r"<p>(.*?)</p>", text)) for text in texts]

    @property
    def carried(self) -> dict[str, str]:
        """All hidden fields: what a browser sends along with whatever is typed."""
        found = re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', self.html)
        return {name: unescape(value) for name, value in found}

    def hidden(self, name: str) -> str:
        """The value of a hidden field."""
        return self._one(rf'<input type="hidden" name="{name}" value="(.*?)">')

    def ticked(self, box: str) -> bool:
        """Whether a box is there and ticked."""
        return re.search(rf'<input type="checkbox" id="{box}"[^>]* checked>', self.html) is not None

    def value(self, name: str) -> str:
        """What a text field holds."""
        area = re.search(rf'<textarea id="{name}".*?>\n(.*?)</textarea>', self.html, re.DOTALL)
        return unescape(area[1]) if area else self._one(rf'<input id="{name}".*?value="(.*?)"')

    def _one(self, pattern: str) -> str:
        found = re.search(pattern, self.html, re.DOTALL)
        return "" if found is None else unescape(found[1])


@dataclass
class Visitor:
    """One browser without scripts. base: the server's address."""

    http: httpx.AsyncClient
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Page:
        """Fetch a page by its address after the language."""
        return self._read(await self.http.get(f"/{self.language}/{path}", headers=self._headers(headers)))

    async def post(
        self,
        path: str,
        fields: Mapping[str, str | Sequence[str]],
        files: Sequence[Upload] | None = None,
        **headers: str,
    ) -> Page:
        """Send a form; with `files` (may be empty) as multipart."""
        url = f"/{self.language}/{path}"
        data = {name: value if isinstance(value, str) else list(value) for name, value in fields.items()}
        given = self._headers(headers)
        if files is None:
            return self._read(await self.http.post(url, data=data, headers=given))
        parts = [("files", (name, content, "application/octet-stream")) for name, content in files] or [
            ("files", ("", b"", "application/octet-stream"))
        ]
        return self._read(await self.http.post(url, data=data, files=parts, headers=given))

    async def report(
        self, group: bytes, kind: str = "conduct", files: Sequence[Upload] = (), **fields: str | Sequence[str]
    ) -> Page:
        """Fill in and send the report form."""
        path = f"groups/{group.hex()}/report/{kind}"
        form = await self.get(path)
        return await self.post(path, {**form.carried, **fields}, files)

    async def confirm(self, page: Page) -> Page:
        """Type back the two words that a page with a reply code asks for."""
        return await self.post("confirm", {"token": page.hidden("token"), **self.typed(page)})

    async def open(self, words: Sequence[str]) -> Page:
        """Open a mailbox."""
        form = await self.get("mailbox")
        return await self.post("mailbox", {"ticket": form.hidden("ticket"), "codewords": " ".join(words)})

    async def answer(self, page: Page, message: str = "", files: Sequence[Upload] = ()) -> Page:
        """Confirm the new code of an opened mailbox and answer."""
        fields = {"token": page.hidden("token"), "ticket": page.hidden("ticket"), "message": message}
        return await self.post("mailbox/answer", {**fields, **self.typed(page)}, files)

    @staticmethod
    def typed(page: Page) -> dict[str, str]:
        """The two words, as their fields."""
        return {f"word{n}": page.words[at - 1] for n, at in enumerate(page.positions, 1)}

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        given = {name.replace("_", "-"): value for name, value in more.items()}
        if (
            self.cookies
        ):  # httpx keeps Secure cookies off plain HTTP; browsers don't, on this machine's own address
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return given

    def _read(self, response: httpx.Response) -> Page:
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return Page(response.status_code, response.headers, response.text)


async def write_letter(world: World, group: Group, report: Unsealed, text: str) -> None:
    """Write a letter to whoever sent a report, as Ada."""
    ada = group.member("Ada")
    letter = Letter(
        id=system(16).hex(),
        group=group.id.hex(),
        roster=group.roster.digest.hex(),
        author="Ada",
        author_key=ada.signing.verify_key().raw.hex(),
        language="en",
        day="2027-01-15",
        state="looking",
        question=True,
        text=text,
        recipients=tuple(m.key_id.hex() for m in group.handlers),
    )
    raw = sign_letter(letter, ada.signing, report.mailbox_address)
    sealed = seal_letter(report.mailbox_key, raw)
    action = shapes.PostLetter(system(16).hex(), report.mailbox_address.hex(), sealed)
    answer = await world.client.do(calls.batch(group.signer("Ada"), [action]))
    assert answer.outcomes[0].outcome == "done"
