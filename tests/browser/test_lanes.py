"""The lanes with a hundred thousand points: what is drawn, and that nothing stutters."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import needed, until

pytestmark = needed
MANY = 100_000
SECOND = 1_000_000
KINDS = ("prompt", "tool_call", "token_issuance", "cloud_audit")


def told(amount):
    """Points of a day, as the API gives them."""
    numbers = range(amount)
    columns = {
        "time": [1_790_000_000 * SECOND + number * 86_400 * SECOND // max(1, amount) for number in numbers],
        "event_id": [f"e{number}" for number in numbers],
        "kind": [KINDS[number % 4] for number in numbers],
        "actor": [f"actor-{number * 7 % 40}" for number in numbers],
        "actor_kind": ["" for _ in numbers],
        "action": [f"action-{number % 9}" for number in numbers],
        "session": [f"s{number % 100}" for number in numbers],
        "credential": [f"key-{number % 3}" for number in numbers],
        "risk": [0.97 if number % 1000 == 0 else 0.6 if number % 100 == 0 else 0 for number in numbers],
    }
    return json.dumps({**columns, "total": {"count": amount, "more": False}})


def opened(page, amount):
    """The timeline with so many points, once they are there."""
    body = told(amount)
    page.route(re.compile("/v1/search/points"), lambda route: route.fulfill(body=body, content_type="application/json"))
    page.goto("/timeline")
    page.wait_for_selector("#lanes[aria-busy=false]", state="attached")
    page.evaluate("document.getElementById('lanes').hidden = false")
    return page


#: Milliseconds from a key that zooms or pans until the frame after the one that draws it: nine of ten take no longer.
MOVED = """async () => {
  const lanes = document.getElementById("lanes").lanes;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const keys = ["ArrowRight", "-", "ArrowLeft", "+", "Home", "ArrowRight"];
  const times = [];
  for (let step = 0; step < 30; step++) {
    const before = lanes.frames;
    const began = performance.now();
    lanes.place.dispatchEvent(new KeyboardEvent("keydown", { key: keys[step % keys.length], bubbles: true }));
    while (lanes.frames === before) await frame();
    await frame();
    times.push(performance.now() - began);
  }
  return times.sort((one, other) => one - other)[times.length >> 1];
}"""


def test_a_hundred_thousand_points_move_as_smoothly_as_none(visit, record_property):
    nothing, many = opened(visit(), 0), opened(visit(), MANY)
    # In turns, so that what else the machine does falls on both.
    empty, full = zip(*[(nothing.evaluate(MOVED), many.evaluate(MOVED)) for _ in range(2)], strict=True)
    expect(many.locator("#drawing")).to_have_attribute("data-visible", re.compile(r"[1-9]\d{4}"))
    ratio = min(full) / min(empty)
    record_property("ratio", ratio)
    print(f"\na step of {MANY:,} points takes {min(full):.1f} ms, of none {min(empty):.1f} ms: {ratio:.2f} times")
    assert ratio < 3


def test_many_points_are_drawn_as_columns_and_few_as_dots(page):
    opened(page, MANY)
    drawing = page.locator("#drawing")
    expect(drawing).to_have_attribute("data-visible", str(MANY))
    assert page.evaluate("document.getElementById('lanes').lanes.points.rows.map((row) => row.others ?? 0)") == [
        *[0] * 5, 5, *[0] * 5, 5, *[0] * 3, *[0] * 5, 5,
    ]  # fmt: skip
    expect(page.locator("#drawing-said")).to_have_text(
        "100000 entries from 2026-09-21 14:13:20 to 2026-09-22 14:13:19: 25000 human, 25000 agent, 25000 credential, "
        "25000 cloud; 100 of high risk."
    )
    drawing.focus()
    for _ in range(7):
        page.keyboard.press("+")
    until(page, "Number(document.getElementById('drawing').dataset.visible) < 2000")
    page.keyboard.press("Home")
    expect(drawing).to_have_attribute("data-visible", str(MANY))


@pytest.mark.parametrize("amount", [0, 1, 2])
def test_few_points_can_be_drawn_too(page, amount):
    opened(page, amount)
    page.locator("#drawing").focus()
    for key in ("+", "n", "n", "-", "ArrowLeft", "Home", "p"):
        page.keyboard.press(key)
    expect(page.locator("#drawing")).to_have_attribute("data-visible", str(amount))


def test_wheel_drag_and_strip_move_the_view(page):
    opened(page, 1000)
    box = page.locator("#drawing canvas").bounding_box()
    view = "Object.values(document.getElementById('lanes').lanes.view)"
    whole = page.evaluate(view)
    middle = box["x"] + 600, box["y"] + 80
    page.mouse.move(*middle)
    page.mouse.wheel(0, -300)
    until(page, f"({view})[0] > {whole[0]}")
    near = page.evaluate(view)
    assert near[1] - near[0] < (whole[1] - whole[0]) / 2
    page.mouse.down()
    page.mouse.move(middle[0] + 100, middle[1], steps=4)
    page.mouse.up()
    dragged = page.evaluate(view)
    assert dragged[0] < near[0]
    assert dragged[1] - dragged[0] == pytest.approx(near[1] - near[0])
    page.mouse.click(box["x"] + box["width"] - 5, box["y"] + 10)
    assert page.evaluate(view)[0] > near[0]
