"""The reporter's pages: server-rendered, whole without scripts."""

from __future__ import annotations

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from service.server.http import AnyRequest, header
from service.server.pages import info, mailbox, report
from service.server.pages.languages import BY_TAG, negotiated
from service.server.pages.routing import problem_page
from service.server.pages.site import Site


def handlers(site: Site) -> list[HTTPRouteHandler]:
    """Give all page handlers."""
    return [handler for module in (info, report, mailbox) for handler in module.handlers(site)]


def problem(site: Site, request: AnyRequest, status: int) -> Response[bytes] | None:
    """Answer a person whom no page answered, such as at an address that there is none for; None for a program.

    status: of the answer that a program gets.
    """
    path = str(request.scope.get("path", ""))
    if path.startswith("/v1/") or "text/html" not in (header(request, b"accept") or ""):
        return None
    language = BY_TAG.get(path.split("/")[1]) or negotiated(header(request, b"accept-language"))
    return problem_page(site, language, status, form=request.method == "POST")
