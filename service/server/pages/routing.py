"""What all page routes share: the language of the address, the one cookie, and problems answered as pages."""

from __future__ import annotations

from collections.abc import Awaitable

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
        return problem_page(site, language, problem.kind.status, form=form)
    except (StoreUnavailable, StoreRefused, LimiterUnavailable) as error:
        events.failure("store-unavailable", error)
        return problem_page(site, language, 503, form=form)
    except Refused as refused:
        events.failure("page-refused", refused)
        return problem_page(site, language, 400, form=form)


def problem_page(site: Site, language: Language, status: int, *, form: bool) -> Response[bytes]:
    """Say what went wrong to a person, by the status of the answer that a program gets. form: as for `on_page`."""
    said: tuple[str, ...]
    match status:
        case 404 | 405:
            said = messages.NOT_FOUND
        case 408:
            said = messages.CUT_OFF
        case 413:
            said = messages.TOO_LARGE
        case 429:
            said = messages.CROWDED
        case 500:
            said = messages.BROKEN
        case _:
            said = messages.MALFORMED if status < 500 else messages.UNAVAILABLE
    if form and status >= 500:
        # Perhaps it was stored, and only the answer failed: nobody says that nothing was sent.
        said = said[:1]
    return site.problem(language, said, status, again=form and (status in {408, 429} or status >= 500))
