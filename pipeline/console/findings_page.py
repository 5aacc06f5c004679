"""A question about findings becomes a page of the console, built as the timeline's page is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pipeline.console import findings
from pipeline.console.page import STYLES, template
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import Store
from pipeline.store.findings import SEVERITIES
from pipeline.store.inventory import OF
from pipeline.store.pivots import MAX_LIMIT


def render(store: Store, given: Mapping[str, str]) -> tuple[int, str]:
    """HTTP status and HTML of the page for the query parameters of its form."""
    query = {**dict.fromkeys(findings.PARAMETERS, ""), "limit": str(findings.DEFAULT_LIMIT), **given}
    rows: list[dict[str, Any]] = []
    next_url, error, code = "", "", 200
    try:
        page = findings.listing(store, query)
        rows = [findings.linked(row) for row in page["findings"]]
        next_url = "/findings?" + urlencode({**query, "after": page["next"]}) if page["next"] else ""
    except Invalid as failure:
        error, code = str(failure), 400
    except Transient as failure:
        error, code = str(failure), 503
    return code, template("findings.html")(
        styles=STYLES, inventories=OF, severities=SEVERITIES, max_limit=MAX_LIMIT, query=query, findings=rows,
        more_url=next_url, error=error,
    )  # fmt: skip
