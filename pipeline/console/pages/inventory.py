"""Lists of identities, credentials and sessions."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from pipeline.console import asked, inventory, links
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page
from pipeline.kit.failures import Invalid
from pipeline.store.inventory import LEDGERS, OF, Of
from pipeline.store.pivots import MAX_LIMIT

#: Rows of a page unless it is asked for more: their sets are what takes long.
ROWS = 50
_FIELDS = ("of", "kind", "since", "limit", "after", "superseded")


def page(desk: Desk, request: Request) -> Page:
    """A page of one list, latest first."""
    given = request.query_params
    asked.only(given, _FIELDS)
    of: Of | None = next((one for one in OF if one == given.get("of", OF[0])), None)
    if of is None:
        raise Invalid("of", "one of " + ", ".join(OF), given["of"])
    query = {"kind": "", "since": "", "superseded": "", "limit": str(ROWS), **given}
    found = inventory.listing(desk.store, of, {name: value for name, value in query.items() if name != "of"})
    more = links.with_query("/inventory", {**query, "of": of, "after": found["next"]}) if found["next"] else ""
    values: dict[str, Any] = {
        "of": of, "inventories": OF, "kinds": LEDGERS[of].kinds, "max_limit": MAX_LIMIT, "query": query,
        "rows": found[of], "next_url": more,
    }  # fmt: skip
    return Page("inventory.html", of.capitalize(), values)
