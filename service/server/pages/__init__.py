"""The reporter's pages: server-rendered, whole without scripts."""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from service.server.deps import Deps
from service.server.pages import info, mailbox, report
from service.server.pages.site import Site


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give all page handlers."""
    site = Site(deps)
    return [handler for module in (info, report, mailbox) for handler in module.handlers(site)]
