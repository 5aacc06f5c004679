"""Who may use the desk, and who has read what, over HTTP.

GET     /v1/me               who asks, as the desk knows it
GET     /v1/keys             every key that there ever was, without what opens it
POST    /v1/keys             make one: `{"name", "role", "scopes", "content", "expires"}`; the answer shows it once
DELETE  /v1/keys/{key_id}    revoke one
GET     /v1/reads            who read whose contents: `name`, `subject`, `event`, `before`, `limit`
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from pipeline.console import asked
from pipeline.console.access import keys, reading, record
from pipeline.console.access.doors import Doors
from pipeline.console.access.gate import address_of
from pipeline.console.access.record import Recorder
from pipeline.console.access.who import Who, who
from pipeline.console.bodies import body
from pipeline.console.shapes import moment
from pipeline.kit.failures import Invalid
from pipeline.store import access

_FIELDS = ("name", "role", "scopes", "content", "expires")
_READS = ("name", "subject", "event", "before", "limit")


def router(doors: Doors, store: access.Writable, recorder: Recorder) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/v1/me")
    def me(request: Request) -> dict[str, Any]:
        """Who asks, as the desk knows it."""
        return person(who(request))

    @routes.get("/v1/keys")
    def every() -> dict[str, Any]:
        """Keys, oldest first, without what opens them."""
        used = access.last_uses(store)
        return {"keys": [keys.shape(one, used.get(one.key_id)) for one in access.keys(store)]}

    @routes.post("/v1/keys", status_code=201)
    async def make(request: Request) -> dict[str, Any]:
        """Make a key; `key` is shown this once."""
        given = await body(request)
        return await run_in_threadpool(make_key, doors, recorder, given, who(request), address_of(request))

    @routes.delete("/v1/keys/{key_id}")
    def revoke(key_id: str, request: Request) -> dict[str, Any]:
        """Revoke a key: it opens nothing any more, nor do sessions that were opened with it."""
        caller = who(request)
        found = doors.revoke(key_id, caller.name)
        if found is None:
            raise HTTPException(404, f"key_id: no key has the id {key_id[:40]!r}")
        recorder.login("key.revoke", caller.name, caller.via, address_of(request), about=key_id)
        return keys.shape(found, None)

    @routes.get("/v1/reads")
    def reads(request: Request) -> dict[str, Any]:
        """Who read whose contents, latest first; `next` is the `before` of the next page."""
        given = request.query_params
        asked.only(given, _READS)
        before = moment(given["before"], "before") if given.get("before") else None
        limit = asked.number(given, "limit", 100, 1, 1000)
        found = access.reads(store, given, before, limit)
        shapes = [record.shape(one) for one in found]
        return {"reads": shapes, "next": shapes[-1]["at"] if len(found) == limit else None}

    return routes


def person(one: Who) -> dict[str, Any]:
    """The JSON object of somebody."""
    return {"name": one.name, "role": one.role.title, "content": one.content, "scopes": sorted(one.scopes),
            "via": one.via, "key": one.key}  # fmt: skip


def make_key(doors: Doors, recorder: Recorder, given: dict[str, Any], by: Who, address: str) -> dict[str, Any]:
    """A new key as the API shows it once. Raises Invalid; HTTPException (403) for one that could read more."""
    for name in given:
        if name not in _FIELDS:
            raise Invalid(name[:40], "no such field; there are " + ", ".join(_FIELDS))
    scopes = given.get("scopes", ["read"])
    if not isinstance(scopes, list) or not all(isinstance(one, str) for one in scopes):
        raise Invalid("scopes", "a list of texts", scopes)
    content = given.get("content", False)
    if not isinstance(content, bool):
        raise Invalid("content", "true or false", content)
    said = {name: given.get(name, default) for name, default in (("name", ""), ("role", ""), ("expires", "90d"))}
    for name, value in said.items():
        if not isinstance(value, str):
            raise Invalid(name, "text", value)
    text, key = keys.new(said["name"], said["role"], scopes, content=content, life=said["expires"], by=by.name)
    if not reading.reaches(by, keys.who(key).content):
        raise HTTPException(403, f"content: a key may not read more than whoever makes it, which is {by.content}")
    recorder.login("key.create", by.name, by.via, address, about=key.key_id)
    doors.add(key)
    return {"key": text, **keys.shape(key, None)}
