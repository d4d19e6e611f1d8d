"""What goes wrong, with scripts on: a lying server, a lost network. Nothing goes to strangers, nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Route

from tests.support.browsers import Visit, visit
from tests.support.groups import Group
from tests.support.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("failures")]


def rewritten(old: str, new: str) -> Callable[[Route], None]:
    """A server that says something else in its pages."""

    def handle(route: Route) -> None:
        answer = route.fetch()
        text = answer.text()
        assert old in text
        route.fulfill(response=answer, body=text.replace(old, new))

    return handle


def losing_the_first(bodies: list[bytes], *, arrives: bool) -> Callable[[Route], None]:
    """A network that loses the first report, or (arrives) the server's answer to it. bodies: what was sent."""

    def handle(route: Route) -> None:
        bodies.append(route.request.post_data_buffer or b"")
        if len(bodies) > 1:
            route.continue_()
            return
        if arrives:
            assert route.fetch().status == 200
        route.abort()

    return handle


def sent(reporter: Visit) -> int:
    """How many envelopes left the browser."""
    return sum(bool(re.search(r"/v1/groups/[0-9a-f]{32}/reports$", it)) for it in reporter.requests)


def press(reporter: Visit) -> None:
    """Press "Seal and send", whatever comes of it."""
    reporter.page.locator("#send").click()


def test_a_page_that_shows_other_people_is_not_believed(
    server: RunningServer, browser: Browser, group: Group
) -> None:
    """The names are held against what the group's root signed, before anything is sent."""
    with visit(browser, server.base, scripts=True) as reporter:
        reporter.page.route("**/report/conduct", rewritten('data-name="Ada"', 'data-name="Eve"'))
        reporter.report(group, what="It was Cy.", send=False)
        press(reporter)
        reporter.page.locator("#status", has_text="Nothing was sent").wait_for()
        assert sent(reporter) == 0
        assert reporter.page.locator("#what").input_value() == "It was Cy."


def test_another_group_that_is_shown_with_other_people_is_not_believed(
    server: RunningServer, browser: Browser, group: Group
) -> None:
    """Whoever agrees to the other group agrees to the people whose names they saw."""
    with visit(browser, server.base, scripts=True) as reporter:
        reporter.page.route(
            "**/report/conduct", rewritten('"other-person">Nia<', '"other-person">Somebody kind<')
        )
        reporter.report(group, what="It was Ada.", leave_out=["Ada", "Bo"])
        reporter.page.locator("#errors a").click()
        reporter.page.locator("#agreed").check()
        press(reporter)
        reporter.page.locator("#status", has_text="Nothing was sent").wait_for()
        assert sent(reporter) == 0
        reporter.page.unroute("**/report/conduct")


def test_without_a_network_at_the_start_the_report_can_still_be_sent(
    server: RunningServer, browser: Browser, group: Group
) -> None:
    """The roster and the puzzle are asked for again when it is sent."""
    with visit(browser, server.base, scripts=True) as reporter:
        reporter.page.route("**/v1/**", lambda route: route.abort())
        reporter.report(group, what="It was Cy.", send=False)
        press(reporter)
        reporter.page.locator("#status", has_text="can't be reached").wait_for()
        assert reporter.page.locator("#code li").count() == 0
        assert reporter.page.locator("#what").input_value() == "It was Cy."
        reporter.page.unroute("**/v1/**")
        reporter.send()
        assert len(reporter.words()) == 12
        reporter.problems.clear()  # the browser complains of the lost network, as it should


def test_when_the_answer_is_lost_the_same_report_is_sent_again(
    server: RunningServer, browser: Browser, group: Group
) -> None:
    """The server took it, the receipt did not arrive: trying again sends the same envelope, so it is stored once."""
    bodies: list[bytes] = []

    with visit(browser, server.base, scripts=True) as reporter:
        reporter.page.route("**/v1/groups/*/reports", losing_the_first(bodies, arrives=True))
        reporter.report(group, what="It was Cy.", send=False)
        press(reporter)
        reporter.page.locator("#status", has_text="can't be reached").wait_for()
        assert reporter.page.locator("#code li").count() == 0
        reporter.send()
        assert len(reporter.words()) == 12
        assert len(bodies) >= 2
        assert len(set(bodies)) == 1
        reporter.problems.clear()


def test_after_a_failure_a_changed_report_is_sealed_anew(
    server: RunningServer, browser: Browser, group: Group
) -> None:
    """What is sent is what stands there."""
    bodies: list[bytes] = []

    with visit(browser, server.base, scripts=True) as reporter:
        reporter.page.route("**/v1/groups/*/reports", losing_the_first(bodies, arrives=False))
        reporter.report(group, what="It was Cy.", send=False)
        press(reporter)
        reporter.page.locator("#status", has_text="can't be reached").wait_for()
        reporter.back_to(2)
        reporter.fill(what="It was Cy, and Bo saw it.")
        reporter.step(6)
        reporter.send()
        assert len(reporter.words()) == 12
        assert len(set(bodies)) == 2
        reporter.problems.clear()


def test_nothing_can_be_changed_while_it_is_sealed_and_sent(
    server: RunningServer, browser: Browser, group: Group
) -> None:
    """What were typed then would be lost with the form."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with visit(browser, server.base, scripts=True) as reporter:
        reporter.page.route("**/v1/groups/*/reports", hold)
        reporter.report(group, what="It was Cy.", send=False)
        press(reporter)
        while not held:
            reporter.page.wait_for_timeout(50)
        steps = reporter.page.locator(".step")
        assert steps.evaluate_all("them => them.map(it => it.inert)") == [True] * 5 + [False]
        held[0].abort()
        reporter.page.locator("#status", has_text="can't be reached").wait_for()
        assert steps.evaluate_all("them => them.map(it => it.inert)") == [False] * 6
        assert reporter.page.evaluate("document.activeElement.id") == "send"
        reporter.problems.clear()
