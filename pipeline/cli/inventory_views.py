"""The inventory becomes what a terminal, a program or a spreadsheet reads, as `pipeline.cli.views` does it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from pipeline.cli import names_views, views
from pipeline.cli.tables import Column, grid, pairs
from pipeline.cli.views import Format, Shape
from pipeline.store.inventory import Of

CSV_COLUMNS: dict[Of, tuple[str, ...]] = {
    "identities": (
        "name", "kind", "kind_from", "declared", "observed", "disagree", "title", "owner", "first", "last", "events",
        "served", "superseded", "credentials", "sessions", "addresses", "users", "names", "role",
        "current",
    ),
    "credentials": (
        "name", "kind", "kind_from", "state", "issued", "issuer", "issuer_human", "parents", "subject", "expires",
        "revoked", "revoker", "used_after", "first_used", "last_used", "events", "actor", "owner", "sessions",
        "address_count", "addresses", "issuances", "revocations", "first", "last",
    ),
    "sessions": (
        "name", "parent", "state", "ended", "expires", "actor", "kind", "owner", "first", "last", "events",
        "superseded", "actors", "humans", "tools", "resources", "credentials", "tool_count", "resource_count",
        "credential_count", "current",
    ),
}  # fmt: skip
#: Of one name: everything that it was seen together with, a line each.
RELATED_COLUMNS = ("relation", "name", "events", "first", "last")
#: Parts of a detail that have tables of their own.
_PARTS = ("names", "related", "superseded_by", "children", "ancestors", "descendants", "behaviour")


def listing(of: Of, rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Identities, credentials or sessions; returns how many there were."""
    return views.listing(rows, format, out, _COLUMNS[of], CSV_COLUMNS[of])


def single(row: Shape, format: Format, out: TextIO) -> None:
    """One of them in detail. A CSV has what it was seen together with."""
    if format in ("json", "jsonl"):
        views.listing([row], format, out, (), ())
    elif format == "csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(RELATED_COLUMNS)
        writer.writerows([views.cell(line[name]) for name in RELATED_COLUMNS] for line in _related(row))
    else:
        told = [(name, views.written(value)) for name, value in row.items() if name not in _PARTS]
        pairs([(name, text) for name, text in told if text], out)
        if row.get("names"):
            grid(row["names"], names_views.NAMES, out)
        if lines := list(_related(row)):
            grid(lines, _RELATED, out)
        if row.get("behaviour"):
            grid(row["behaviour"], _BEHAVIOUR, out)
        for name in ("ancestors", "descendants"):
            if row.get(name):
                grid([{"relation": name, **issuance} for issuance in row[name]], _ISSUANCES, out)
        if not row["complete"]:
            out.write("Not every row was read: the numbers are those of the listing.\n")


def _related(row: Shape) -> Iterator[Shape]:
    for name, relation in row["related"].items():
        for value in relation["values"]:
            yield {"relation": name, **value}
        if relation["total"] > len(relation["values"]):
            more = f"… and {relation['total'] - len(relation['values']):,} more"
            yield {"relation": name, "name": more, "events": "", "first": "", "last": ""}
    for name in ("superseded_by", "children"):
        yield from ({"relation": name, **value} for value in row[name])


def _called(row: Shape) -> str:
    """With its identity's other names."""
    others = [f"also {one['name']} ({names_views.why(one)})" for one in row["names"][:3]]
    more = f"and {len(row['names']) - 3} more" if len(row["names"]) > 3 else ""
    return "\n".join(filter(None, (row["name"], "" if row["current"] else "superseded", *others, more)))


def _moment(time: str | None) -> str:
    return (time or "").replace("T", " ").removesuffix("Z").partition(".")[0]


def _kind(row: Shape) -> str:
    """With what it was observed to be where that is something else than a source declares."""
    observed = f"observed: {row['observed']}" if row.get("disagree") else ""
    return "\n".join(filter(None, (row["kind"] or "unknown", observed)))


def _whose(row: Shape) -> str:
    users = row["users"]
    more = f" and {len(users) - 1} more" if len(users) > 1 else ""
    return str(row["owner"]) or (f"by {users[0]}{more}" if users else "")


def _issued(row: Shape) -> str:
    if row["issued"] is None:
        return "never seen issued"
    return "\n".join(filter(None, (_moment(row["issued"]), row["issuer"] and f"by {row['issuer']}")))


def _state(row: Shape) -> str:
    after = f"used after {row['used_after']}" if row["used_after"] else ""
    return "\n".join(filter(None, (row["state"], after)))


def _worker(shares: Shape) -> str:
    """Who most likely was at work, and how surely."""
    share, name = max((shares[name], name) for name in ("human", "agent", "script"))
    return f"{name} {share:.2f}" if share else "not known"


def _some(names: list[str], total: int) -> str:
    more = f" and {total - 2} more" if total > 2 else ""
    return ", ".join(names[:2]) + more


_FIRST = Column("First seen (UTC)", lambda row: _moment(row["first"]), whole=True)
_LAST = Column("Last seen (UTC)", lambda row: _moment(row["last"]), whole=True)
_EVENTS = Column("Events", lambda row: f"{row['events']:,}" if row["events"] != "" else "", whole=True)
_COLUMNS: dict[Of, tuple[Column, ...]] = {
    "identities": (
        Column("Name", _called, weight=4),
        Column("Kind", _kind, weight=2),
        Column("How we know", lambda row: row["kind_from"], weight=2),
        Column("For whom", _whose, weight=3),
        _EVENTS,
        Column("For it", lambda row: f"{row['served']:,}" if row["served"] else "", whole=True),
        _FIRST,
        _LAST,
    ),
    "credentials": (
        Column("Name", lambda row: row["name"], weight=3),
        Column("Kind", lambda row: row["kind"] or "unknown", whole=True),
        Column("State", _state, weight=2),
        Column("Issued (UTC)", _issued, weight=3),
        Column("Used by", lambda row: "\n".join(filter(None, (row["actor"], row["owner"]))), weight=3),
        _EVENTS,
        Column("Last used (UTC)", lambda row: _moment(row["last_used"]) or "never", whole=True),
    ),
    "sessions": (
        Column("Name", lambda row: row["name"] + ("" if row["current"] else "\nsuperseded"), weight=3),
        Column("Who", lambda row: _some(row["actors"], row["actor_count"]), weight=2),
        Column("For whom", lambda row: _some(row["humans"], row["human_count"]), weight=2),
        Column("Tools", lambda row: _some(row["tools"], row["tool_count"]), weight=2),
        Column("Credentials", lambda row: _some(row["credentials"], row["credential_count"]), weight=3),
        _EVENTS,
        Column("State", lambda row: row["state"], whole=True),
        Column("Opened (UTC)", lambda row: _moment(row["first"]), whole=True),
        Column("Last event (UTC)", lambda row: _moment(row["last"]), whole=True),
    ),
}
_RELATED = (
    Column("Seen with", lambda row: row["relation"], whole=True),
    Column("Name", lambda row: row["name"], weight=4),
    _EVENTS,
    _FIRST,
    _LAST,
)
_ISSUANCES = (
    Column("Issuance", lambda row: row["relation"], whole=True),
    Column("Time (UTC)", lambda row: _moment(row["time"]), whole=True),
    Column("Issued", lambda row: row["issued"], weight=2),
    Column("With", lambda row: row["parent"], weight=2),
    Column("By", lambda row: row["actor"], weight=2),
    Column("As", lambda row: row["subject"], weight=2),
)
_BEHAVIOUR = (
    Column("Day", lambda row: row["day"], whole=True),
    Column("Said to be", lambda row: row["declared"], whole=True),
    Column("Worked like", _worker, whole=True),
    Column("Before", lambda row: _worker(row["before"]), whole=True),
)
