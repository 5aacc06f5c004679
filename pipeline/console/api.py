"""Questions over HTTP become JSON.

In:     GET requests, and POST of decisions
Out:    the shapes of `pipeline.console.shapes`
Fails:  400 with the parameter at fault, 404, 503 while the store is away; always `{"error": {"parameter", "message"}}`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from pipeline.console import alerts, asked, findings, incidents, inventory, names, shapes, state
from pipeline.console.access.rights import DECISIONS
from pipeline.console.access.who import Who, caller, who
from pipeline.console.bodies import body
from pipeline.kit.config import Settings
from pipeline.store import Store, queries
from pipeline.store.inventory import OF, Of
from pipeline.store.pivots import MAX_LIMIT


def router(
    store: Store, settings: Settings, status: state.Status, decide: alerts.Decide | None,
    proving: Callable[[], incidents.Proving | None],
) -> APIRouter:  # fmt: skip
    """The routes under `/v1`, and `/healthz`. Without `decide` nothing can be decided."""
    routes = APIRouter()
    for of in OF:
        _inventory(routes, store, of)
    _names(routes, store)
    _findings(routes, store)
    _alerts(routes, store)
    _decisions(routes, store, decide)
    _incidents(routes, store, settings, proving)
    _process(routes, store, settings, status)

    @routes.get("/v1/timeline")
    def timeline(request: Request) -> dict[str, Any]:
        """Entries of one pivot, oldest first; `next` is the `after` of the next page, null at the end.

        Of an actor or a person those under all of its names: `names` says which others and why; `exact` omits them.
        """
        question = asked.question(request.query_params)
        page = question.answer(store)
        return {
            "pivot": question.pivot,
            "value": question.value,
            "entries": [shapes.entry(entry) for entry in page.entries],
            "next": asked.cursor(page.next) if page.next else None,
            "names": [names.name(one) for one in page.names],
        }

    @routes.get("/v1/events/{event_id:path}")
    def event(event_id: str) -> dict[str, Any]:
        """The current entry of one event."""
        found = queries.event(store, event_id)
        if found is None:
            raise HTTPException(404, f"event_id: no event has the id {event_id[:200]!r}")
        return shapes.entry(found)

    @routes.get("/v1/dead-letters")
    def dead_letters(request: Request) -> dict[str, Any]:
        """Dead letters, latest first."""
        given = request.query_params
        asked.only(given, ("stage", "limit", "offset"))
        limit = asked.number(given, "limit", 100, 1, MAX_LIMIT)
        offset = asked.number(given, "offset", 0, 0, 2**62)
        found = queries.dead_letters(store, stage=given.get("stage", ""), limit=limit, offset=offset)
        return {"dead_letters": [shapes.dead_letter(item) for item in found]}

    @routes.get("/v1/dead-letters/{rejected_id:path}")
    def dead_letter(rejected_id: str) -> dict[str, Any]:
        """One dead letter with its bytes."""
        found = queries.dead_letter(store, rejected_id)
        if found is None:
            raise HTTPException(404, f"rejected_id: no dead letter has the id {rejected_id[:200]!r}")
        return shapes.dead_letter(found)

    return routes


def _process(routes: APIRouter, store: Store, settings: Settings, status: state.Status) -> None:
    @routes.get("/v1/status")
    def status_report(request: Request) -> dict[str, Any]:
        """What the process says of itself, what the store holds, and whether the desk asks who somebody is."""
        caller = who(request)
        access = {"open": not caller.known, "name": caller.name, "role": caller.role.title, "content": caller.content}
        return {**state.report(store, status), "access": access}

    @routes.get("/healthz")
    def healthz(request: Request) -> JSONResponse:
        """200 when all is well, else 503. Reasons, and whose embedded store it is, are for those who signed in."""
        reasons = state.troubles(store, status)
        said: dict[str, Any] = {"service": "whodid", "healthy": not reasons, "login": caller(request) is None}
        if caller(request) is not None:
            said |= {"reasons": reasons, "embedded_store": settings.clickhouse if store.embedded else None}
        return JSONResponse(said, 503 if reasons else 200)


def _inventory(routes: APIRouter, store: Store, of: Of) -> None:
    @routes.get(f"/v1/{of}", name=of)
    def listing(request: Request) -> dict[str, Any]:
        """A page of the inventory, latest first; `next` is the `after` of the next page, null at the end."""
        return inventory.listing(store, of, request.query_params)

    @routes.get(f"/v1/{of}/{{name:path}}", name=f"one of {of}")
    def single(name: str, request: Request) -> dict[str, Any]:
        """One name with everything that its current rows say."""
        found = inventory.single(store, of, name, request.query_params)
        if found is None:
            raise HTTPException(404, f"name: {of} has none of the name {name[:200]!r}")
        return found


def _names(routes: APIRouter, store: Store) -> None:
    @routes.get("/v1/aliases")
    def aliases(request: Request) -> dict[str, Any]:
        """What analysts have said of names, the rules, and the names of one identity. Read only."""
        return names.listing(store, request.query_params)


def _findings(routes: APIRouter, store: Store) -> None:
    @routes.get("/v1/findings")
    def listing(request: Request) -> dict[str, Any]:
        """A page of findings, latest first; `next` is the `after` of the next page, null at the end."""
        return findings.listing(store, request.query_params)

    @routes.get("/v1/findings/{finding_id:path}")
    def single(finding_id: str) -> dict[str, Any]:
        """One finding with the entries that are its evidence."""
        found = findings.single(store, finding_id)
        if found is None:
            raise HTTPException(404, f"finding_id: no finding has the id {finding_id[:200]!r}")
        return found


def _alerts(routes: APIRouter, store: Store) -> None:
    @routes.get("/v1/alerts")
    def listing(request: Request) -> dict[str, Any]:
        """A page of alerts, the one with the latest event first; `next` is the `after` of the next page."""
        return alerts.listing(store, request.query_params)

    @routes.get("/v1/alerts/{alert_id}")
    def single(alert_id: str) -> dict[str, Any]:
        """One alert with its evidence, who was told of it, what is proposed, and what was like it before."""
        found = alerts.single(store, alert_id)
        if found is None:
            raise HTTPException(404, f"alert_id: no alert has the id {alert_id[:200]!r}")
        return found

    @routes.get("/v1/deliveries")
    def deliveries(request: Request) -> dict[str, Any]:
        """Attempts to tell a destination of an alert, latest first."""
        return alerts.deliveries(store, request.query_params)

    @routes.get("/v1/responses")
    def responses(request: Request) -> dict[str, Any]:
        """What is proposed, approved, done; latest first."""
        return alerts.responses(store, request.query_params)


def _incidents(
    routes: APIRouter, store: Store, settings: Settings, proving: Callable[[], incidents.Proving | None]
) -> None:
    @routes.get("/v1/reconstruct")
    def reconstruct(request: Request) -> dict[str, Any]:
        """The incident that a clue belongs to: `clue` (and `kind`), or `since` and `until`; `cutoff`."""
        return incidents.answer(store, request.query_params, settings.hashing_key)

    @routes.get("/v1/reconstruct/bundle")
    def bundle(request: Request) -> Response:
        """The same as a ZIP archive with report, timelines, graph and proofs; `role` says what of contents is in it."""
        given, key = request.query_params, settings.hashing_key
        name, data = incidents.packed(store, given, key=key, prove=proving())
        return Response(data, media_type="application/zip",
                        headers={"content-disposition": f'attachment; filename="{name}"'})  # fmt: skip


def _decisions(routes: APIRouter, store: Store, decide: alerts.Decide | None) -> None:
    @routes.post("/v1/{kind}/{about}/decisions", status_code=202)
    async def decisions(kind: Literal["alerts", "responses"], about: str, request: Request) -> dict[str, Any]:
        """Decide: `{"what": "close", "verdict": "benign", "by": "ana@example.com", "reason": "…"}`.

        202 when the decision is safe; the alert is what it says a moment later. Who decides is whoever signed in; `by`
        counts only on a desk that is open.
        """
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            # Another site's page may send a form, and nothing that says it is JSON.
            raise HTTPException(415, "content-type: expected application/json")
        given = await body(request)
        return await run_in_threadpool(accept, store, decide, about, given, who(request))


def accept(store: Store, decide: alerts.Decide | None, about: str, given: Mapping[str, Any], by: Who) -> dict[str, Any]:
    """Take a decision. Raises Invalid; Transient; HTTPException."""
    least = DECISIONS.get(str(given.get("what", "")), by.role)
    if by.role < least:
        raise HTTPException(403, f"what: this takes {least.title}, {by.name} is {by.role.title}")
    if by.known:
        given = {**given, "by": by.name}
    if decide is None:
        raise HTTPException(503, "decide: this process has no broker to tell")
    decision = alerts.decision(store, about, given)
    if decision is None:
        raise HTTPException(404, f"about: no alert or response has the id {about[:200]!r}")
    decide(decision)
    return {"decision_id": decision.decision_id, "about": about, "what": decision.what, "by": decision.by}
