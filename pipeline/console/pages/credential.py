"""A credential: its lineage with the lives of all of it, who used it, on what, and what was found."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from pipeline.console import asked, inventory
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, missing
from pipeline.console.pages.lives import family
from pipeline.console.pages.notes import said
from pipeline.console.pages.scale import WIDTH, lasting
from pipeline.store.inventory import several

#: Members of a family that are drawn.
DRAWN = 200


def page(desk: Desk, request: Request, name: str) -> Page:
    """One credential."""
    asked.only(request.query_params, ())
    found = inventory.single(desk.store, "credentials", name, {})
    if found is None:
        return missing("credential", name, "An access key is called aws:AKIA…; see the list of credentials.")
    everything = [*found["ancestors"], *found["descendants"]]
    issuances = everything[:DRAWN]
    names = dict.fromkeys([name, *(one["issued"] for one in issuances), *(one["parent"] for one in issuances)])
    now = desk.now()
    items = {
        one.name: inventory.item(one, now) for one in several(desk.store, "credentials", list(filter(None, names)))
    }
    drawn = family(name, issuances, items, now)
    values: dict[str, Any] = {
        "credential": found, "family": drawn, "width": WIDTH, "lasting": lasting,
        "cut": found["family_truncated"] or len(everything) > DRAWN,
    }  # fmt: skip
    values |= said(desk, "credential", name)
    return Page("credential.html", name, values)
