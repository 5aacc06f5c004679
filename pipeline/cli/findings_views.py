"""Findings become what a terminal, a program or a spreadsheet reads, as `pipeline.cli.views` does it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from pipeline.cli import views
from pipeline.cli.tables import Column, pairs
from pipeline.cli.views import Format, Shape

CSV_COLUMNS = (
    "time", "severity", "detection", "title", "sentence", "actor", "actor_kind", "human", "session", "score", "p_value",
    "model", "frameworks", "suppressed", "details", "entries", "revision", "family", "tactic", "action", "credential",
    "policy", "account", "address", "resources", "runbook", "quotes", "key", "finding_id",
)  # fmt: skip
#: Parts of one finding that are shown below its fields.
_PARTS = ("details", "entries", "evidence", "missing", "runbook", "quotes", "key")


def listing(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Findings; returns how many there were. Written while they arrive."""
    return views.listing(rows, format, out, _FINDINGS, CSV_COLUMNS)


def single(row: Shape, format: Format, out: TextIO) -> None:
    """One finding; a table has what was measured and what is usual below it, then its evidence as a timeline."""
    if format != "table":
        listing([row], format, out)
        return
    shown = {**row, "p_value": f"{row['p_value']:.2g}"}
    told = [(name, views.written(value)) for name, value in shown.items() if name not in _PARTS]
    pairs([(name, text) for name, text in told if text], out)
    if row["details"]:
        out.write("\nMeasured, and what is usual:\n")
        pairs(row["details"].items(), out)
    if row.get("runbook"):
        out.write("\nWhat to do:\n")
        pairs([(f"{place}.", text) for place, text in enumerate(row["runbook"], 1)], out)
    if row["evidence"]:
        out.write("\nEvidence:\n")
        views.timeline(row["evidence"], "table", out)
    if row["missing"]:
        out.write(f"Evidence that is not shown here ({len(row['missing'])}):\n")
        pairs([("", name) for name in row["missing"]], out)


def _who(row: Shape) -> str:
    return "\n".join(filter(None, (row["actor"] or "unknown", row["human"] and f"for {row['human']}")))


def _what(row: Shape) -> str:
    # A whodid that is older does not know of it.
    reason = row.get("suppressed", "")
    return "\n".join(filter(None, (row["sentence"] or row["title"], reason and f"suppressed: {reason}")))


_FINDINGS = (
    Column("Time (UTC)", lambda row: row["time"].replace("T", " ").removesuffix("Z").partition(".")[0], whole=True),
    Column("Severity", lambda row: row["severity"], whole=True),
    Column("Finding", lambda row: f"{row['detection']}\n{row['finding_id']}", weight=5),
    Column("Who", _who, weight=3),
    Column("Session", lambda row: row["session"], weight=3),
    Column("What was found", _what, weight=7),
)
