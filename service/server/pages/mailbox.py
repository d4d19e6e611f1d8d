"""The mailbox pages for reporters without scripts: open with the twelve words, read, get new ones, answer.

Code, letters and answer cross this process's memory and are forgotten. Guarantees: an unknown, a used and an empty
mailbox give pages of the same bytes, and all pages of opened mailboxes have one length up to eight letters, headers
and cookie included; the old code is burned only when two words of the new one were typed, in one step with the answer,
and with exactly as many letters as were looked at: service.reporter.mailboxes says how that is known, though junk
looks like noise; "done" is said only of an answer that was stored.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from abuse.routes import NO_GROUP, Route
from crypto.codes import (
    CodeTypo,
    ReplyCode,
    UnclearLanguage,
    claim_of,
    confirmation_positions,
    from_words,
    to_words,
)
from crypto.errors import Refused
from service.cases.filing import Recipients, burn_mailbox, proof_of
from service.cases.letters import Letter
from service.cases.reports import File, FollowUp
from service.cases.texts import LONG_TEXT
from service.server import intake, mailboxes
from service.server.http import AnyRequest, check_headers
from service.server.pages import messages
from service.server.pages.admitting import admitted, admitted_as_stored, sealed_size
from service.server.pages.answered import answered_mark, was_answered
from service.server.pages.forms import MAX_FORM, MAX_SMALL, Posted, read_form
from service.server.pages.languages import WORD_LISTS, Language
from service.server.pages.letters import letters_of, next_letters
from service.server.pages.report import AT_ONCE, wrong_words
from service.server.pages.routing import cookie_of, language_of, on_page
from service.server.pages.site import Site, Wrong
from service.server.pages.tokens import LIVES_S, Shown, StaleToken, form_digest, open_token, seal_token
from service.server.pages.uploads import FilesRefused
from service.server.pages.views import letter_view, readers

PAGE_SIZE: Final = 96 * 1024
"""All pages of opened mailboxes are filled up to a multiple of this: eight letters and the page around them fit."""


def handlers(site: Site) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    reading = _Mailbox(site)

    @get("/{tag:str}/mailbox")
    async def shown(request: AnyRequest, tag: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.show(request, tag))

    @post("/{tag:str}/mailbox", status_code=200)
    async def opened(request: AnyRequest, tag: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.open(request, tag), form=True)

    @post("/{tag:str}/mailbox/answer", status_code=200)
    async def answered(request: AnyRequest, tag: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.answer(request, tag), form=True)

    return [shown, opened, answered]


class _Mailbox:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._deps = site.deps
        self._sealing = asyncio.Semaphore(AT_ONCE)

    async def show(self, request: AnyRequest, tag: str) -> Response[bytes]:
        check_headers(request)
        return await self._asking(language_of(tag), [])

    async def open(self, request: AnyRequest, tag: str) -> Response[bytes]:
        language = language_of(tag)
        posted = await read_form(request, MAX_SMALL)
        ticket = posted.text("ticket")
        shown = self._shown_before(request, posted)
        if shown is None:
            try:
                code = from_words(posted.text("codewords"), language.words)
            except (CodeTypo, UnclearLanguage) as typo:
                return await self._asking(language, [Wrong("codewords", self._typo(language, typo))])
            waiting = await admitted(self._deps.gate.admission, NO_GROUP, Route.MAILBOX, ticket)
            if waiting is not None:
                busy = Wrong("codewords", self._site.say(language, messages.BUSY))
                return await self._asking(language, [busy])
            letters, seen = await letters_of(self._deps, code)
            shown = Shown(
                purpose="mailbox",
                form=form_digest(posted),
                new=ReplyCode.draw(self._deps.entropy).reveal(),
                used=code.reveal(),
                words=language.words,
                seen=seen,
                expires_s=self._deps.now_s() + LIVES_S,
            )
        else:
            letters, _ = await letters_of(self._deps, ReplyCode(shown.used))
        return await self._letters_page(language, shown, letters, posted, [])

    async def answer(self, request: AnyRequest, tag: str) -> Response[bytes]:
        language = language_of(tag)
        posted = await read_form(request, MAX_FORM)
        try:
            shown = open_token(self._deps.keys.cookie, posted.text("token"), "mailbox", self._deps.now_s())
        except StaleToken:
            late = Wrong("codewords", self._site.say(language, messages.PAGE_TOO_OLD))
            return await self._asking(language, [late], posted.text("message"))
        letters, _ = await letters_of(self._deps, ReplyCode(shown.used))
        errors = wrong_words(shown, posted, self._site.say(language, messages.WORD_WRONG))
        if len(posted.text("message")) > LONG_TEXT:
            errors.append(Wrong("message", self._site.say(language, messages.TOO_LONG, limit=LONG_TEXT)))
        if posted.dropped:
            errors.append(Wrong("files", self._site.say(language, messages.FILES_TOO_LARGE)))
        if not letters:
            return await self._used_before(language, shown, posted)
        if not errors:
            return await self._burn(language, shown, letters, posted)
        files = posted.dropped or bool(posted.uploads)
        return await self._letters_page(language, shown, letters, posted, errors, files=files)

    async def _burn(
        self, language: Language, shown: Shown, letters: list[Letter], posted: Posted
    ) -> Response[bytes]:
        message, original = posted.text("message"), posted.text("original") == "1"

        async def again(field: str, sentence: str, now: Shown = shown, limit: int = 0) -> Response[bytes]:
            wrong = [Wrong(field, self._site.say(language, sentence, limit=limit))]
            files = bool(posted.uploads) and field != "files"
            return await self._letters_page(language, now, letters, posted, wrong, files=files)

        found = await readers(self._deps, letters)
        if found is None:
            return await again("message", messages.NOBODY_LEFT)
        to = found.recipients()
        admission, size = self._deps.gate.admission, sealed_size(posted.size, to)
        waiting = await admitted(admission, to.group_id, Route.REPORTS, posted.text("ticket"), size=size)
        if waiting is not None:
            return await again("send", messages.BUSY)
        used, new = ReplyCode(shown.used), ReplyCode(shown.new)
        try:
            files, removed = await self._site.cleaner.attached(posted.uploads, original=original)
            async with self._sealing:
                envelope = await asyncio.to_thread(
                    self._sealed, used, new, shown.seen, letters[-1].language, message, files, to
                )
        except FilesRefused as refused:
            return await again("files", refused.sentence, limit=refused.limit)
        waiting = await admitted_as_stored(admission, to, Route.REPORTS, envelope, admitted_for=size)
        if waiting is not None:
            return await again("send", messages.BUSY)
        accepted = await intake.check(self._deps, to.group_id, envelope, follow_up=True)
        seen, mark = shown.seen, answered_mark(self._deps, shown, posted)
        while not isinstance(
            outcome := await mailboxes.burn(self._deps, claim_of(used), seen, accepted, mark),
            mailboxes.Burned,
        ):
            if isinstance(outcome, mailboxes.Used):
                return await self._used_before(language, shown, posted)
            came, seen = await next_letters(self._deps, used, seen)
            if came:
                letters, seen = await letters_of(self._deps, used)
                return await again("message", messages.UNREAD, msgspec.structs.replace(shown, seen=seen))
        told = [self._site.say(language, what) for what in removed]
        return self._site.page(language, "done.html", "", clear=True, removed=told)

    async def _used_before(self, language: Language, shown: Shown, posted: Posted) -> Response[bytes]:
        """Answer a form whose old code opens nothing any more.

        This very answer used it up, and is sent again because the page got lost; or another did, and what was typed is
        given back, with the truth on which words are good.
        """
        if await was_answered(self._deps, shown, posted):
            return self._site.page(language, "done.html", "", clear=True, removed=())
        message = posted.text("message")
        return self._site.page(language, "used.html", "", status=422, clear=True, message=message)

    def _sealed(
        self,
        used: ReplyCode,
        new: ReplyCode,
        seen: int,
        language: str,
        message: str,
        files: tuple[File, ...],
        to: Recipients,
    ) -> bytes:
        follow_up = FollowUp(
            proof=proof_of(used),
            message=message,
            language=language,
            filed_on=datetime.fromtimestamp(self._deps.now_s(), UTC).date().isoformat(),
            attachments=tuple(file.described() for file in files),
        )
        try:
            return burn_mailbox(used, new, seen, follow_up, files, to, self._deps.entropy).filed.envelope
        except Refused:
            raise FilesRefused(messages.FILES_TOO_LARGE) from None

    def _shown_before(self, request: AnyRequest, posted: Posted) -> Shown | None:
        """Find what this very form led to when it was sent before: a reload must not show other words."""
        try:
            shown = open_token(self._deps.keys.cookie, cookie_of(request), "mailbox", self._deps.now_s())
        except StaleToken:
            return None
        return shown if shown.form == form_digest(posted) else None

    def _opens_nothing(self, shown: Shown) -> Shown:
        """Give what a cookie holds where there are no letters: as long as the other, and no code that anybody has.

        A browser that was given no cookie would tell whoever reads its traffic or its disk that no letter was there.
        """
        form, new, used = (self._deps.entropy(16) for _ in range(3))
        return msgspec.structs.replace(shown, form=form, new=new, used=used)

    def _typo(self, language: Language, typo: CodeTypo | UnclearLanguage) -> str:
        if isinstance(typo, UnclearLanguage):
            return self._site.say(language, messages.CODE_UNCLEAR)
        if typo.positions:
            places = ", ".join(str(at) for at in typo.positions)
            return f"{self._site.say(language, messages.CODE_POSITIONS)} {places}"
        counted = "words; these are" in str(typo)
        return self._site.say(language, messages.CODE_COUNT if counted else messages.CODE_CHECKSUM)

    async def _asking(self, language: Language, errors: list[Wrong], typed: str = "") -> Response[bytes]:
        """Ask for the code. typed: an answer that can't be sent before that, to be copied."""
        challenge = await self._deps.gate.admission.challenge(NO_GROUP, Route.MAILBOX)
        return self._site.page(
            language,
            "mailbox.html",
            "mailbox",
            status=422 if errors else 200,
            form={"ticket": challenge.ticket, "message": "", "original": False},
            errors=errors,
            typed=typed,
            **_NO_CODE,
        )

    async def _letters_page(
        self,
        language: Language,
        shown: Shown,
        letters: list[Letter],
        posted: Posted,
        errors: list[Wrong],
        *,
        files: bool = False,
    ) -> Response[bytes]:
        if files:
            errors = [*errors, Wrong("files", self._site.say(language, messages.FILES_AGAIN))]
        states = {state: self._site.say(language, said) for state, said in messages.STATES.items()}
        found = await readers(self._deps, letters)
        group = NO_GROUP if found is None else found.roster.group
        challenge = await self._deps.gate.admission.challenge(group, Route.REPORTS)
        token = seal_token(self._deps.keys.cookie, shown, self._deps.entropy)
        nothing = seal_token(self._deps.keys.cookie, self._opens_nothing(shown), self._deps.entropy)
        new = ReplyCode(shown.new)
        # Made for every outcome: the same work, and shown only with letters.
        words = to_words(new, shown.words)
        return self._site.page(
            language,
            "letters.html",
            "",
            status=422 if errors else 200,
            cookie=token if letters else nothing,
            size=PAGE_SIZE,
            letters=[await letter_view(self._deps, letter, states) for letter in letters],
            readers=found,
            token=token if letters else "",
            form={
                "ticket": challenge.ticket,
                "message": posted.text("message"),
                "original": posted.text("original") == "1",
            },
            errors=errors,
            words=words if letters else (),
            positions=confirmation_positions(new) if letters else (),
            words_tag=WORD_LISTS[shown.words][1],
        )


_NO_CODE: Final[dict[str, Any]] = {
    "letters": (),
    "readers": None,
    "token": "",
    "words": (),
    "positions": ("", ""),
    "words_tag": "en",
}
