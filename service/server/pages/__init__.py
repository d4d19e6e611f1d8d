"""The reporter's pages: server-rendered, whole without scripts."""

from __future__ import annotations

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from service.server.http import AnyRequest, header
from service.server.pages import info, mailbox, messages, report
from service.server.pages.languages import BY_TAG, negotiated
from service.server.pages.site import Site


def handlers(site: Site) -> list[HTTPRouteHandler]:
    """Give all page handlers."""
    return [handler for module in (info, report, mailbox) for handler in module.handlers(site)]


def no_such_page(site: Site, request: AnyRequest) -> Response[bytes] | None:
    """Answer a person who came to an address that nothing answers; None for a program's request."""
    path = str(request.scope.get("path", ""))
    if path.startswith("/v1/") or "text/html" not in (header(request, b"accept") or ""):
        return None
    language = BY_TAG.get(path.split("/")[1]) or negotiated(header(request, b"accept-language"))
    return site.problem(language, messages.NOT_FOUND, 404)
