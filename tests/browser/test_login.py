"""A desk that others can reach asks who somebody is, in a real browser: a key is pasted, and taken away again."""

import threading

import pytest

from pipeline.console.access import keys
from pipeline.kit.broker import free_port
from pipeline.kit.metrics import Metrics
from pipeline.run.desk import DeskRole
from pipeline.run.ending import Ending
from pipeline.store import access
from tests.browser.chromium import accessible, needed
from tests.console.access.test_served import listens
from tests.flow.harness import wait_until

pytestmark = needed


@pytest.fixture(scope="module")
def key(store):
    made, kept = keys.new("ana", "analyst", ["read", "write"], content=True, life="1h", by="test")
    access.write_key(store, kept)
    return made


@pytest.fixture(scope="module")
def desk(store, settings, key):
    """The address of what `whodid run --host 0.0.0.0` serves."""
    chosen = settings.model_copy(update={"host": "0.0.0.0", "port": free_port(), "bootstrap": "127.0.0.1:1"})
    stop = threading.Event()
    role = DeskRole(chosen, Metrics(), store, ["console"])
    thread = threading.Thread(target=role.run, args=(Ending(stop, None, lambda: False),))
    thread.start()
    try:
        wait_until(lambda: listens(chosen.port), 20)
        yield f"http://127.0.0.1:{chosen.port}"
    finally:
        stop.set()
        thread.join()


def test_a_stranger_signs_in_with_a_key_comes_back_to_what_was_wanted_and_logs_out(page, key):
    page.goto("/timeline?q=kind%3Aprompt&order=desc")
    assert page.title() == "Sign in · whodid"
    accessible(page)
    page.watch.allowed.add(401)
    page.get_by_label("Your key").fill(keys.new("eve", "admin", ["read"], content=True, life="1h", by="eve")[0])
    page.keyboard.press("Enter")
    assert "key: expected one that is known here" in page.get_by_role("alert").inner_text()
    accessible(page)
    page.watch.allowed.clear()
    page.get_by_label("Your key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/timeline?q=kind%3Aprompt&order=desc")
    assert page.locator(".who").inner_text().split() == ["ana", "analyst"]
    assert page.locator("#table tbody tr").count() > 0
    accessible(page)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto("/alerts")
    assert page.title() == "Sign in · whodid"
