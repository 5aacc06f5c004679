"""Debian's Chromium, driven by Playwright; every page is watched, and whatever goes wrong in it fails the test."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
#: Skips aloud: the reason is in the summary of the run.
needed = pytest.mark.skipif(not BROWSER, reason="needs Chromium: nothing was looked at in a browser")
#: Milliseconds after which a page has hung. How fast pages are is for `benchmarks.desk`: here other tests run beside.
HUNG = 60_000
expect.set_options(timeout=HUNG)
#: What a page gives up by itself when somebody goes on to the next one.
_GIVEN_UP = "net::ERR_ABORTED"


@contextmanager
def chromium():
    """A browser without windows; it ends with the block."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What goes wrong in a page, and what it asks for."""

    def __init__(self, page: Page, home: str) -> None:
        """`home`: the only place that the page may ask: scheme, host and port."""
        self.wrong: list[str] = []
        self.requests: list[str] = []
        #: Answers above 399 that a test provokes.
        self.allowed: set[int] = set()
        self._home = urlsplit(home)[:2]
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)
        page.on("requestfailed", self._failed)

    def _console(self, message):
        # Of an answer above 399 Chromium's console says so too; the answer itself is judged below.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.wrong.append(f"console: {message.text}")

    def _request(self, request):
        self.requests.append(request.url)
        if urlsplit(request.url)[:2] != self._home and not request.url.startswith(("data:", "blob:")):
            self.wrong.append(f"asked elsewhere: {request.url}")

    def _response(self, response):
        if response.status >= 400 and response.status not in self.allowed:
            self.wrong.append(f"{response.status}: {response.url}")

    def until(self, page: Page, told: str) -> None:
        """Waits until something of these words went wrong."""
        ends = time.monotonic() + 10
        while not any(told in one for one in self.wrong):
            assert time.monotonic() < ends, f"not within 10 s: {told}; but {self.wrong}"
            page.evaluate("1")

    def _failed(self, request):
        if request.failure != _GIVEN_UP:
            self.wrong.append(f"failed: {request.url}: {request.failure}")


class Visits:
    """Opens pages, each as somebody else with a browser of their own; at the end nothing may have gone wrong."""

    def __init__(self, browser, home: str) -> None:
        self._browser, self._home = browser, home
        self._open = []

    def __call__(self, **options) -> Page:
        """A watched page (`page.watch`); `options` are those of a browser context, e.g. `color_scheme`."""
        context = self._browser.new_context(base_url=self._home, reduced_motion="reduce", **options)
        context.set_default_timeout(HUNG)
        page = context.new_page()
        page.watch = Watch(page, self._home)
        self._open.append((context, page))
        return page

    def requests(self) -> int:
        """How many requests all pages have made."""
        return sum(len(page.watch.requests) for _, page in self._open)

    def end(self) -> list[str]:
        """Close all; what went wrong."""
        wrong = [complaint for _, page in self._open for complaint in page.watch.wrong]
        for context, _ in self._open:
            context.close()
        return wrong


def until(page: Page, expression: str) -> None:
    """Waits until an expression is true. (Playwright's own way of waiting is what our policy for scripts forbids.)"""
    ends = time.monotonic() + 10
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"not within 10 s: {expression}"


def accessible(page: Page) -> None:
    """Asserts that axe-core has no serious and no critical finding on the page as it is now."""
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not grave, "\n".join(
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:200]}" for one in grave for node in one["nodes"]
    )
