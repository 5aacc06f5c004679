"""The report in a real browser: with its script, without, on paper, and with hostile texts."""

import asyncio
import re

import msgspec
import pytest

from pipeline.report.bundle import write
from tests.report import hostile
from tests.report.chromium import needed, page
from tests.report.incidents import Case, case

pytestmark = needed
ROWS = "[...document.querySelectorAll('#rows tbody tr[id]')]"
SAID = "document.querySelector('#shown').textContent"


def report(made, folder):
    write(made.incident, made.entries, [], folder / "out", content="full")
    return folder / "out/report.html"


def test_the_timeline_is_searched_filtered_and_unfolded(tmp_path):
    path = report(case(), tmp_path)

    async def main():
        async with page() as shown:
            await shown.open(path)
            assert await shown.js(f"{ROWS}.length") == 66
            typed = "find.value = 'GetSecret'; find.dispatchEvent(new Event('input'))"
            await shown.js(f"{{ const find = document.querySelector('#find'); {typed} }}")
            await _until(shown, f"{ROWS}.length == 1")
            assert (await shown.js(SAID)).startswith("1 shown of 1 that match, 66 in all")
            await shown.js("document.querySelector('td.no button').click()")
            assert "credential chain" in await shown.js("document.querySelector('tr.full').textContent")
            await shown.js("document.querySelector('#story a.ref').click()")
            assert await shown.js("document.querySelector('tr.chosen').id") == "e9", (
                "what is cited is shown, filter or not"
            )
            assert await shown.js(f"{ROWS}.length") == 66
            await shown.js("document.querySelector('#role').value = 'root'; "
                           "document.querySelector('#role').dispatchEvent(new Event('change'))")  # fmt: skip
            assert await shown.js(f"{ROWS}.length") == 2
            assert shown.complaints() == []
            assert shown.requests() == [path.absolute().as_uri()]

    asyncio.run(main())


def test_a_box_of_the_graph_is_chosen_by_mouse_and_by_keyboard(tmp_path):
    path = report(case(), tmp_path)
    box = "document.querySelector('.box[data-value=\"s-0\"]')"

    async def main():
        async with page() as shown:
            await shown.open(path)
            await shown.js(f"{box}.dispatchEvent(new MouseEvent('click', {{bubbles: true}}))")
            assert await shown.js(f"{ROWS}.length") == 46
            assert "only those of arn:aws:iam::123456789012:user/backup" in await shown.js(SAID)
            await shown.js(f"{box}.dispatchEvent(new KeyboardEvent('keydown', {{key: 'Enter', bubbles: true}}))")
            assert await shown.js(f"{ROWS}.length") == 66, "chosen twice is chosen no more"
            await shown.js("document.querySelector('[data-zoom=fit]').click()")
            before = await shown.js("document.querySelector('#canvas svg').getAttribute('viewBox')")
            await shown.js("document.querySelector('[data-zoom=in]').click()")
            assert await shown.js("document.querySelector('#canvas svg').getAttribute('viewBox')") != before
            await shown.js("document.querySelector('[data-zoom=fit]').click()")
            assert await shown.js("document.querySelector('#canvas svg').getAttribute('viewBox')") == before

    asyncio.run(main())


def test_without_its_script_it_can_be_read(tmp_path):
    path = report(case(), tmp_path)

    async def main():
        async with page(script=False) as shown:
            await shown.open(path)
            assert await shown.js(f"{ROWS}.length") == 66
            assert await shown.js("getComputedStyle(document.querySelector('#filters')).display") == "none"
            assert await shown.js("document.querySelectorAll('svg .box').length") == 14

    asyncio.run(main())


def test_on_paper_everything_is_open_and_black_on_white(tmp_path):
    path = report(case(), tmp_path)

    async def main():
        async with page() as shown:
            await shown.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
            await shown.open(path)
            ground = "getComputedStyle(document.body).backgroundColor"
            assert await shown.js(ground) == "rgb(18, 22, 27)"
            printed = await shown.pdf()
            assert printed.startswith(b"%PDF-")
            assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 5
            assert await shown.js("document.querySelector('details').open")
            await shown.do("Emulation.setEmulatedMedia", media="print")
            assert await shown.js(ground) == "rgb(255, 255, 255)"
            assert await shown.js("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
            for gone in ("nav", "#filters", ".command button"):
                assert await shown.js(f"getComputedStyle(document.querySelector('{gone}')).display") == "none"

    asyncio.run(main())


@pytest.mark.parametrize("script", [True, False])
def test_hostile_texts_stay_texts(script, tmp_path):
    path = report(hostile.case(), tmp_path)

    async def main():
        async with page(script=script) as shown:
            await shown.open(path)
            if script:
                await shown.js("for (const one of document.querySelectorAll('td.no button, .box, .command button')) "
                               "one.dispatchEvent(new MouseEvent('click', {bubbles: true}))")  # fmt: skip
            await asyncio.sleep(0.3)
            assert await shown.js("window.pwned") is None
            assert await shown.js("document.querySelectorAll('img, iframe, object, embed').length") == 0
            assert await shown.js("document.querySelectorAll('script').length") == 2
            assert shown.complaints() == []
            assert shown.requests() == [path.absolute().as_uri()]

    asyncio.run(main())


def test_thousands_of_entries_are_listed_piece_by_piece_and_searched_at_once(tmp_path):
    made = case()
    some = made.entries[-1]
    many = [
        msgspec.structs.replace(some, event=msgspec.structs.replace(some.event, event_id=f"m{number}"))
        for number in range(20_000)
    ]
    path = report(Case(made.incident, [*made.entries, *many], [], []), tmp_path)

    async def main():
        async with page() as shown:
            await shown.open(path)
            assert 150 <= await shown.js(f"{ROWS}.length") < 2000
            typed = "find.value = 'm19999'; find.dispatchEvent(new Event('input'))"
            await shown.js(f"{{ const find = document.querySelector('#find'); {typed} }}")
            await _until(shown, f"{ROWS}.length == 1")

    asyncio.run(main())


async def _until(shown, expression):
    for _ in range(200):
        if await shown.js(expression):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(expression)
