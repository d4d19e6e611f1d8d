"""What all page routes share: the language of the address, the one cookie, and problems answered as pages."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from litestar import Response

from crypto.errors import Refused
from service.server import events
from service.server.http import AnyRequest
from service.server.pages import messages
from service.server.pages.languages import BY_TAG, ENGLISH, Language
from service.server.pages.site import Site
from service.server.pages.tokens import COOKIE
from service.storage.limiter import LimiterUnavailable
from service.storage.protocol import StoreRefused, StoreUnavailable
from service.wire.problems import Kind, ProblemError

_NOT_FOUND: Final = {Kind.NOT_FOUND, Kind.MALFORMED_PATH}


def language_of(tag: str) -> Language:
    """Read the language of an address. Raises NOT_FOUND for one that the pages don't have."""
    found = BY_TAG.get(tag)
    if found is None:
        raise ProblemError(Kind.NOT_FOUND)
    return found


def cookie_of(request: AnyRequest) -> str:
    """Give the pages' cookie, empty when there is none."""
    return request.cookies.get(COOKIE, "")


async def on_page(
    site: Site, tag: str, answer: Awaitable[Response[bytes]], *, form: bool = False
) -> Response[bytes]:
    """Give an answer, or the page that says what went wrong, in the language of the address.

    form: whether a form was sent, which has to be sent again when it did not get through.
    """
    language = BY_TAG.get(tag, ENGLISH)
    site.forget_soon()
    try:
        return await answer
    except ProblemError as problem:
        if problem.kind in _NOT_FOUND:
            return site.problem(language, messages.NOT_FOUND, 404)
        if problem.kind is Kind.TOO_LARGE:
            return site.problem(language, messages.TOO_LARGE, 413)
        if problem.kind is Kind.BUSY:
            return site.problem(language, messages.CROWDED, 429, again=form)
        if problem.kind is Kind.TOO_SLOW:
            return site.problem(language, messages.CUT_OFF, 408, again=form)
        if problem.kind.status >= 500:
            return site.problem(language, messages.UNAVAILABLE, 503, again=form)
        return site.problem(language, messages.MALFORMED, problem.kind.status)
    except (StoreUnavailable, StoreRefused, LimiterUnavailable) as error:
        events.failure("store-unavailable", error)
        return site.problem(language, messages.UNAVAILABLE, 503, again=form)
    except Refused as refused:
        events.failure("page-refused", refused)
        return site.problem(language, messages.MALFORMED, 400)
