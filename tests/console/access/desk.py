"""A store with a secret wherever contents are, and requests as programs and browsers make them."""

import asyncio
import io
import tempfile
import zipfile
from typing import Any

import httpx
import msgspec

from pipeline.alert.example import example
from pipeline.store import casework
from pipeline.store.write import block_of
from schemas.alert import Change, Request, Response
from schemas.batch import RawRecord
from schemas.entry import Entry, Link
from schemas.event import Argument, Event
from schemas.finding import Finding
from schemas.rejected import Rejected

#: Words that are in prompts, arguments, results, errors, attributes and raw records, and nowhere else.
SECRET = "periwinkle-submarine"
AT = 1_772_442_000_000_000
ORIGIN = {"origin": "http://127.0.0.1:8470"}


def filled(store, secret: str) -> None:
    """Rows of every kind that quote it."""
    event = Event(
        event_id="e1", kind="tool_call", time=AT, format="otel.genai", action="send_mail", tool="send_mail",
        record_id="r1", text=f"please tell {secret}", error=f"no {secret}", address="192.0.2.1",
        arguments=[Argument("to", secret, "result")], attributes={"k": f"x {secret} y"}, session="s1",
    )  # fmt: skip
    store.write_entries([
        Entry(event=event, actor="bot", actor_kind="agent", human="ana@example.com", session="s1",
              links=[Link("actor", "trace", 0.9)]),
    ])  # fmt: skip
    store.write_records([RawRecord("r1", "otel.genai", "tool-calls", 0, 1, AT, f'{{"raw": "{secret}"}}'.encode())])
    store.write_rejected([
        Rejected(rejected_id="d1", stage="normalize", reason=f"time: expected a number, got '{secret}'", format="mcp",
                 topic="tool-calls", partition=0, offset=7, time=AT, value=f"<{secret}>".encode()),
    ])  # fmt: skip
    store.write_findings([
        Finding(finding_id="f1", detection="tool-chain-drift", title="drift", time=AT, actor="bot", session="s1",
                human="ana@example.com", sentence=f"send_mail got '{secret}'", details={"value": f"{secret} <- mail"},
                quotes=[secret], entries=["e1"], model="m@1"),
    ])  # fmt: skip
    alert = msgspec.structs.replace(
        example(AT), alert_id="a1", first=AT, last=AT, changes=[], actor="bot", human="ana@example.com",
        unusual=[f"to = '{secret}'"], quotes=[secret], entries=["e1"], session="s1",
    )  # fmt: skip
    request = Request("POST", "https://soar.example.com/x", {}, f'{{"a": "{secret}"}}')
    response = Response(response_id="p1", alert_id="a1", hook="revoke", title="revoke it", request=request, at=AT,
                        changes=[Change("request", "whodid", AT)])  # fmt: skip
    store.write_alerts([alert], [response])
    case = casework.Case("c1", 1, "odd mail", "e1", "event", "open", "ana", "ana", AT, AT)
    store.insert(block_of("cases", case._fields, [tuple(case)]))
    casework.noted(store, "case", "c1", "ana", event_id="e1")
    casework.noted(store, "session", "s1", "ana", "seen before")


class Leaving:
    """An application whose visitors leave a stream of events, which never ends, when they were told something.

    A header says what they wait for: an event's name, else the first one.
    """

    def __init__(self, app) -> None:
        self._app = app

    async def __call__(self, scope, receive, send) -> None:
        if scope.get("path") != "/v1/tail":
            await self._app(scope, receive, send)
            return
        wanted = b"event: " + dict(scope["headers"]).get(b"x-wait-for", b"ready")
        left, open_ = asyncio.Event(), False

        async def leave():
            await left.wait()
            return {"type": "http.disconnect"}

        async def tell(message):
            nonlocal open_
            open_ = message.get("more_body", message["type"] == "http.response.start")
            await send(message)
            if wanted in message.get("body", b""):
                left.set()

        await self._app(scope, leave, tell)
        if open_:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def text(answer, store=None) -> str:
    """What an answer says, files in it too; `store` reads Parquet."""
    if store is not None and answer.headers["content-type"] == "application/vnd.apache.parquet":
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            file.write(answer.content)
            file.flush()
            (row,) = store.rows(f"SELECT toString(tuple(*)) FROM file('{file.name}', Parquet)")
        return row[0]
    if answer.headers.get("content-type") != "application/zip":
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


class Client:
    """Requests to an application in this process, as if it listened on 127.0.0.1:8470."""

    def __init__(self, app, base: str = "http://127.0.0.1:8470", address: str = "127.0.0.1") -> None:
        self._app, self._base, self._address = Leaving(app), base, address

    def get(self, path: str, key: str = "", **more: Any) -> httpx.Response:
        return self.send("GET", path, key, **more)

    def post(self, path: str, key: str = "", **more: Any) -> httpx.Response:
        return self.send("POST", path, key, **more)

    def send(self, method: str, path: str, key: str = "", *, cookies=None, headers=None, **more: Any) -> httpx.Response:
        given = dict(headers or {}) | ({"authorization": f"Bearer {key}"} if key else {})
        return asyncio.run(self._send(method, path, given, cookies or {}, more))

    async def _send(self, method, path, headers, cookies, more) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=(self._address, 1))
        async with httpx.AsyncClient(transport=transport, base_url=self._base, cookies=cookies) as client:
            return await client.request(method, path, headers=headers, **more)

    def sign_in(self, key: str, next: str = "/", **more: Any) -> httpx.Response:
        return self.post("/login", data={"key": key, "next": next}, headers=ORIGIN, **more)
