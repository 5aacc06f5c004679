"""The incident that a clue belongs to: a form that asks for the clue, and the report as a document of its own."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from pipeline.console import incidents
from pipeline.console.access import reading
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, answer
from pipeline.kit.failures import Invalid, Transient
from pipeline.reconstruct import CUTOFF
from pipeline.reconstruct.clue import KINDS


def document(desk: Desk, request: Request) -> HTMLResponse | None:
    """The report with its own policy for what it runs; None while nothing is asked for."""
    given = request.query_params
    if not (given.get("clue") or (given.get("since") and given.get("until"))):
        return None
    try:
        report, policy = incidents.report(desk.store, given, desk.settings.hashing_key)
        return HTMLResponse("".join(report), headers={"content-security-policy": policy})
    except Invalid as failure:
        return answer(request, _form(request, str(failure), 404 if failure.field == "clue" else 400))
    except Transient as failure:
        return answer(request, _form(request, str(failure), 503))


def page(_: Desk, request: Request) -> Page:
    """The form."""
    return _form(request)


def _form(request: Request, error: str = "", status: int = 200) -> Page:
    roles = reading.allowed()
    usual = incidents.ROLE if incidents.ROLE in roles else roles[0]
    query = {**dict.fromkeys(incidents.PARAMETERS, ""), "cutoff": str(CUTOFF), "role": usual, **request.query_params}
    return Page(
        "reconstruct.html", "Reconstruct an incident",
        {"query": query, "kinds": KINDS, "roles": roles, "error": error}, status,
    )  # fmt: skip
