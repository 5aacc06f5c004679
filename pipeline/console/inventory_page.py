"""A question about the inventory becomes a page of the console, built as the timeline's page is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from pipeline.console import asked, inventory
from pipeline.console.page import STYLES, template
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import Store
from pipeline.store.inventory import LEDGERS, OF, Of
from pipeline.store.pivots import MAX_LIMIT

_FIELDS = ("of", "kind", "since", "limit", "after")


def render(store: Store, given: Mapping[str, str]) -> tuple[int, str]:
    """HTTP status and HTML of the page for the query parameters of its form."""
    query = {"kind": "", "since": "", "limit": str(inventory.DEFAULT_LIMIT), **given}
    of: Of = next((one for one in OF if one == given.get("of")), OF[0])
    rows: list[dict[str, Any]] = []
    next_url, error, code = "", "", 200
    try:
        asked.only(given, _FIELDS)
        if given.get("of", of) != of:
            raise Invalid("of", "one of " + ", ".join(OF), given["of"])
        page = inventory.listing(store, of, {name: value for name, value in query.items() if name != "of"})
        rows = [{**row, **_links(of, row)} for row in page[of]]
        next_url = "/inventory?" + urlencode({**query, "of": of, "after": page["next"]}) if page["next"] else ""
    except Invalid as failure:
        error, code = str(failure), 400
    except Transient as failure:
        error, code = str(failure), 503
    return code, template("inventory.html")(
        styles=STYLES, of=of, inventories=OF, kinds=LEDGERS[of].kinds, max_limit=MAX_LIMIT, query=query, rows=rows,
        next_url=next_url, error=error,
    )  # fmt: skip


def _links(of: Of, row: Mapping[str, Any]) -> dict[str, str]:
    """Where the name's timeline and its detail are. A tool or a server has no timeline of its own."""
    single = f"/v1/{of}/{quote(row['name'], safe='')}?" + urlencode({"kind": row["kind"]})
    if row["kind"] in ("tool", "mcp-server"):
        return {"timeline": single, "single": single}
    pivot = {"credentials": "credential", "sessions": "session"}.get(of) or ("actor" if row["events"] else "human")
    return {"timeline": "/?" + urlencode({"pivot": pivot, "value": row["name"]}), "single": single}
