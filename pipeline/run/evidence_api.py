"""Questions about the evidence over HTTP become JSON, answered by the process that owns the store.

GET  /v1/evidence/heads              the last head of each log
GET  /v1/evidence/keys               statements of keys
GET  /v1/evidence/proof/{event_id}   inclusion proofs of an event's revisions
GET  /v1/evidence/verify             verify everything; POST with `{"keys": […], "since": checkpoint}` to say more
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from pipeline.evidence.publish import Published, place_of
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.run.inclusions import heads_of, proof_of
from pipeline.run.verify import Checkpoint, Verification
from pipeline.store import Store

#: Bytes of a checkpoint.
_BODY = 16 * 1024 * 1024


class Question(msgspec.Struct):
    """What a verification may be told."""

    #: Fingerprints of the keys that are trusted.
    keys: list[str] = []
    since: Checkpoint | None = None


def router(settings: Settings, store: Store) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/v1/evidence/heads")
    def heads() -> dict[str, Any]:
        """The last head of each log."""
        return {"heads": heads_of(store)}

    @routes.get("/v1/evidence/keys")
    def keys() -> dict[str, Any]:
        """What is stated of keys."""
        return {"keys": stated(settings)}

    @routes.get("/v1/evidence/proof/{event_id:path}")
    def proof(event_id: str) -> dict[str, Any]:
        """Inclusion proofs of an event's revisions."""
        found = proof_of(store, event_id)
        if found is None:
            raise HTTPException(404, f"event_id: no leaf is of the event {event_id[:200]!r}")
        return found

    @routes.get("/v1/evidence/verify")
    def verify() -> dict[str, Any]:
        """Verify everything. It takes a while."""
        return verified(settings, store, Question())

    @routes.post("/v1/evidence/verify")
    async def verify_since(request: Request) -> dict[str, Any]:
        """Verify what the question says."""
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            # Another site's page may send a form, and nothing that says it is JSON.
            raise HTTPException(415, "content-type: expected application/json")
        return await run_in_threadpool(verified, settings, store, await question(request))

    return routes


async def question(request: Request) -> Question:
    """What a request says. Raises Invalid."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _BODY:
            raise Invalid("body", f"at most {_BODY} bytes")
    try:
        return msgspec.json.decode(data, type=Question)
    except msgspec.MsgspecError as error:
        raise Invalid("body", f"keys and since ({error})") from error


def verified(settings: Settings, store: Store, asked: Question) -> dict[str, Any]:
    """The JSON object of a report, with the checkpoint to go on from if everything verifies."""
    run = Verification(settings, store)
    report = run.run(asked.keys or None, asked.since)
    checkpoint = msgspec.to_builtins(run.checkpoint()) if report.holds else None
    return {**report.shape(), "checkpoint": checkpoint}


def stated(settings: Settings) -> list[dict[str, Any]]:
    """Public keys as they are published, the oldest first."""
    found = Published(place_of(settings.evidence_place)).statements() if settings.evidence_place else []
    shapes = [{**msgspec.to_builtins(one.fields), **msgspec.to_builtins(one)} for one in found]
    return sorted(shapes, key=lambda shape: int(shape["time"]))
