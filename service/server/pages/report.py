"""The report page, with and without scripts, and the page with the reply code for those without.

Without scripts the words cross this process's memory once: read, checked, sealed, forgotten. Guarantees: nothing is
acknowledged that isn't durable; a mistake keeps what was typed; sending the same form twice shows the same code and
files one report, and a changed one is another form, kept and not taken for received; a report is sealed to people whom
its form named, and never to somebody who joined while it was written; the code is never in an address, a title or a
log. Who may send is admission's to say.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, cast

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from abuse.routes import Route
from crypto.codes import ReplyCode, confirm, confirmation_positions, to_words
from crypto.errors import Refused
from service.cases.choosing import ToAlternate, TooFewLeft, choose, of_alternate
from service.cases.filing import Recipients, file_report
from service.cases.reports import File, Kind
from service.cases.rosters import Roster
from service.server import intake
from service.server.http import AnyRequest, check_headers, hex16
from service.server.pages import messages
from service.server.pages.admitting import admitted, admitted_as_stored, sealed_size
from service.server.pages.forms import MAX_FORM, MAX_SMALL, Posted, read_form
from service.server.pages.languages import LANGUAGES, WORD_LISTS, Language
from service.server.pages.report_form import (
    KINDS,
    ReportForm,
    empty_form,
    mistakes,
    read_report_form,
)
from service.server.pages.routing import cookie_of, language_of, on_page
from service.server.pages.site import Site, Wrong
from service.server.pages.tokens import LIVES_S, Shown, StaleToken, form_digest, open_token, seal_token
from service.server.pages.uploads import FilesRefused
from service.server.pages.views import Found, as_shown, group_view, takes_reports
from service.wire.problems import Kind as Problem
from service.wire.problems import ProblemError

AT_ONCE: Final = 4  # reports sealed at one time: stops a few large ones from holding all memory
PATH: Final = "/{tag:str}/groups/{group:str}/report/{kind:str}"


def handlers(site: Site) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    desk = _Filing(site)

    @get(PATH)
    async def shown(
        request: AnyRequest, tag: FromPath[str], group: FromPath[str], kind: FromPath[str]
    ) -> Response[bytes]:
        return await on_page(site, tag, desk.show(request, tag, group, kind))

    @post(PATH, status_code=200)
    async def sent(
        request: AnyRequest, tag: FromPath[str], group: FromPath[str], kind: FromPath[str]
    ) -> Response[bytes]:
        return await on_page(site, tag, desk.send(request, tag, group, kind), form=True)

    @post("/{tag:str}/confirm", status_code=200)
    async def confirmed(request: AnyRequest, tag: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, desk.confirm(request, tag), form=True)

    return [shown, sent, confirmed]


class _Filing:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._deps = site.deps
        self._sealing = asyncio.Semaphore(AT_ONCE)

    async def show(self, request: AnyRequest, tag: str, group: str, kind: str) -> Response[bytes]:
        check_headers(request)
        language = language_of(tag)
        found = await self._group(group)
        if not takes_reports(found):
            return self._site.problem(language, messages.NO_REPORTS, 404)
        challenge = await self._deps.gate.admission.challenge(bytes.fromhex(found.view.id), Route.REPORTS)
        return self._form(language, found, empty_form(_kind(kind), language, challenge.ticket), [])

    async def send(self, request: AnyRequest, tag: str, group: str, kind: str) -> Response[bytes]:
        language = language_of(tag)
        found = await self._group(group)
        posted = await read_form(request, MAX_FORM)
        form = read_report_form(_kind(kind), language, posted)
        again = None if posted.dropped else self._sent_before(request, language, posted)
        if again is not None:
            return again

        def say(sentence: str, **values: object) -> str:
            return self._site.say(language, sentence, **values)

        seen = as_shown(found.history, form.roster)
        errors = mistakes(form, {handler.id for handler in found.view.handlers} if seen else None, say)
        if posted.dropped:
            errors.append(Wrong("files", say(messages.FILES_TOO_LARGE)))
        to: Recipients | None = None
        names: tuple[str, ...] = ()
        if not any(error.field == "leave_out" for error in errors):
            to, names, wrong = self._recipients(found, form, say)
            errors += [] if wrong is None else [wrong]
        if errors or to is None:
            return self._again(language, found, form, posted, errors)
        admission, size = self._deps.gate.admission, sealed_size(posted.size, to)
        waiting = await admitted(admission, to.group_id, Route.REPORTS, form.ticket, size=size)
        if waiting is not None:
            said = messages.SENT_BEFORE if waiting.spent else messages.BUSY
            return self._again(
                language, found, form.with_ticket(waiting.ticket), posted, [Wrong("send", say(said))]
            )
        try:
            code, raw, removed = await self._sealed(form, posted, to)
        except FilesRefused as refused:
            challenge = await self._deps.gate.admission.challenge(to.group_id, Route.REPORTS, renewed=True)
            wrong = Wrong("files", say(refused.sentence, limit=refused.limit))
            return self._again(language, found, form.with_ticket(challenge.ticket), posted, [wrong])
        waiting = await admitted_as_stored(admission, to, Route.REPORTS, raw, admitted_for=size)
        if waiting is not None:
            busy = Wrong("send", say(messages.BUSY))
            return self._again(language, found, form.with_ticket(waiting.ticket), posted, [busy])
        await self._store(form, to, raw)
        expires_s = self._deps.now_s() + LIVES_S
        shown = Shown(
            "report", form_digest(posted), code.reveal(), b"", form.words, 0, expires_s, names, removed
        )
        return self._code(language, shown, [])

    async def confirm(self, request: AnyRequest, tag: str) -> Response[bytes]:
        language = language_of(tag)
        posted = await read_form(request, MAX_SMALL)
        try:
            shown = open_token(self._deps.keys.cookie, posted.text("token"), "report", self._deps.now_s())
        except StaleToken:  # a day old, or the server's key is new: only the page after a report leads here
            return self._site.problem(language, messages.RECEIVED, 422)
        wrong = wrong_words(shown, posted, self._site.say(language, messages.WORD_WRONG))
        if wrong:
            return self._code(language, shown, wrong)
        return self._site.page(language, "done.html", "", clear=True, removed=())

    async def _group(self, group: str) -> Found:
        found = await group_view(self._deps, hex16(group))
        if found is None:
            raise ProblemError(Problem.NOT_FOUND)
        return found

    def _recipients(
        self, found: Found, form: ReportForm, say: Any
    ) -> tuple[Recipients | None, tuple[str, ...], Wrong | None]:
        roster = found.history.latest
        left_out = {handler.name for handler in found.view.handlers if handler.id in form.leave_out}
        try:
            chosen = choose(roster.recipients, roster.minimum, roster.alternate, left_out)
        except TooFewLeft:
            return None, (), Wrong("leave_out", say(messages.TOO_FEW_AT_ALL))
        if not isinstance(chosen, ToAlternate):
            return _to(roster, chosen.handlers), tuple(h.pseudonym for h in chosen.handlers), None
        if found.other is None:
            return None, (), Wrong("leave_out", say(messages.TOO_FEW_AT_ALL))
        other = found.other.latest
        if form.agreed != other.group.hex():
            return None, (), Wrong("agreed", say(messages.TOO_FEW))
        if not _agreed(found, form):
            return None, (), Wrong("agreed", say(messages.PEOPLE_CHANGED))
        try:
            people = of_alternate(chosen, other.recipients, other.minimum)
        except TooFewLeft:
            return None, (), Wrong("leave_out", say(messages.TOO_FEW_AT_ALL))
        return _to(other, people), tuple(h.pseudonym for h in people), None

    async def _sealed(
        self, form: ReportForm, posted: Posted, to: Recipients
    ) -> tuple[ReplyCode, bytes, tuple[str, ...]]:
        """Draw a code and seal the report. Gives both, and the sentences for what was removed from files."""
        code, today = (
            ReplyCode.draw(self._deps.entropy),
            datetime.fromtimestamp(self._deps.now_s(), UTC).date(),
        )

        def seal(files: tuple[File, ...]) -> bytes:
            report = form.answers().to_report(files, today)
            try:
                return file_report(report, files, to, code, self._deps.entropy).envelope
            except Refused:
                raise FilesRefused(messages.FILES_TOO_LARGE) from None

        files, removed = await self._site.cleaner.attached(posted.uploads, original=form.original)
        async with self._sealing:
            raw = await asyncio.to_thread(seal, files)
        return code, raw, removed

    async def _store(self, form: ReportForm, to: Recipients, raw: bytes) -> None:
        accepted = await intake.check(self._deps, to.group_id, raw, follow_up=False)
        await intake.store(self._deps, accepted, urgent=form.urgency == "danger")

    def _sent_before(self, request: AnyRequest, language: Language, posted: Posted) -> Response[bytes] | None:
        """Show the code again when this very form was sent before: the browser brings the cookie."""
        try:
            shown = open_token(self._deps.keys.cookie, cookie_of(request), "report", self._deps.now_s())
        except StaleToken:
            return None
        return self._code(language, shown, []) if shown.form == form_digest(posted) else None

    def _again(
        self, language: Language, found: Found, form: ReportForm, posted: Posted, errors: list[Wrong]
    ) -> Response[bytes]:
        if posted.uploads or posted.dropped:
            errors = [*errors, Wrong("files", self._site.say(language, messages.FILES_AGAIN))]
        return self._form(language, found, form, errors)

    def _form(
        self, language: Language, found: Found, form: ReportForm, errors: list[Wrong]
    ) -> Response[bytes]:
        return self._site.page(
            language,
            "report.html",
            f"groups/{found.view.id}/report/{form.kind}",
            status=422 if errors else 200,
            group=found.view,
            form=form,
            agreed=_agreed(found, form),
            errors=errors,
            all_languages=LANGUAGES,
            called=self._deps.settings.paging is not None,
            word_lists=word_lists(),
        )

    def _code(self, language: Language, shown: Shown, errors: list[Wrong]) -> Response[bytes]:
        token = seal_token(self._deps.keys.cookie, shown, self._deps.entropy)
        code = ReplyCode(shown.new)
        return self._site.page(
            language,
            "code.html",
            "",
            status=422 if errors else 200,
            cookie=token,
            token=token,
            errors=errors,
            names=shown.names,
            removed=[self._site.say(language, what) for what in shown.removed],
            words=to_words(code, shown.words),
            words_tag=WORD_LISTS[shown.words][1],
            positions=confirmation_positions(code),
        )


def wrong_words(shown: Shown, posted: Posted, said: str) -> list[Wrong]:
    """Check the two words typed back; the fields to correct, both, because telling which would help guessing."""
    code = ReplyCode(shown.new)
    first, second = confirmation_positions(code)
    typed = {first: posted.text("word1"), second: posted.text("word2")}
    return [] if confirm(code, typed) else [Wrong("word1", said), Wrong("word2", said)]


def word_lists() -> list[dict[str, str]]:
    """Give the lists of words that a code can be shown in, for a choice."""
    return [{"id": name, "name": own} for name, (own, _) in WORD_LISTS.items()]


def _agreed(found: Found, form: ReportForm) -> bool:
    """Whether the reporter agreed to the other group as it is: to the people whom the page showed."""
    other = found.other
    return (
        other is not None and form.agreed == other.latest.group.hex() and as_shown(other, form.other_roster)
    )


def _to(roster: Roster, people: Any) -> Recipients:
    return Recipients(roster.group, roster.digest, tuple(person.seal_key for person in people))


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise ProblemError(Problem.NOT_FOUND)
    return cast("Kind", kind)
