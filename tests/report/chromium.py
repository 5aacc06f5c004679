"""A page in a real browser: asked by its own protocol, without a driver."""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
#: Skips aloud: the reason is in the summary of the run.
needed = pytest.mark.skipif(not BROWSER, reason="needs Chromium: the report was not looked at in a browser")


class Page:
    """An open page."""

    def __init__(self, socket):
        self._socket, self._last, self.said = socket, 0, []

    async def do(self, method, **parameters):
        """Call the protocol; what the page says meanwhile is kept."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            told = await self._socket.receive_json(timeout=60)
            if told.get("id") == self._last:
                assert "error" not in told, told
                return told["result"]
            self.said.append(told)

    async def js(self, expression):
        """The value of an expression."""
        found = await self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def open(self, path):
        """Go to a file, and wait until it is loaded."""
        await self.do("Page.navigate", url=Path(path).absolute().as_uri())
        for _ in range(600):
            if await self.js("document.readyState") == "complete" and await self.js("location.protocol") == "file:":
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(path)

    async def picture(self, path):
        """A PNG of what can be seen."""
        Path(path).write_bytes(base64.b64decode((await self.do("Page.captureScreenshot", format="png"))["data"]))

    async def pdf(self):
        """The page as it is printed."""
        return base64.b64decode((await self.do("Page.printToPDF", preferCSSPageSize=True))["data"])

    def complaints(self):
        """What the page wrote to its console, and errors."""
        wanted = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [one for one in self.said if one.get("method") in wanted]

    def requests(self):
        """Addresses that the page asked for."""
        sent = [one["params"] for one in self.said if one.get("method") == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]


@asynccontextmanager
async def page(*, script=True, width=1400, height=1000):
    """A page; without `script` it runs none."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run",
             f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = await _port(Path(profile) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    (target,) = [one for one in await answer.json() if one["type"] == "page"]
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    made = Page(socket)
                    for domain in ("Page", "Runtime", "Log", "Network"):
                        await made.do(f"{domain}.enable")
                    await made.do("Emulation.setScriptExecutionDisabled", value=not script)
                    yield made
        finally:
            process.terminate()
            process.wait(20)


async def _port(path, process):
    for _ in range(600):
        if path.exists() and path.read_text().strip():
            return path.read_text().split()[0]
        assert process.poll() is None, "the browser ended"
        await asyncio.sleep(0.05)
    raise TimeoutError(path)
