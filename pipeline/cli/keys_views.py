"""Keys, and who read what, become what a terminal, a program or a spreadsheet reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from pipeline.cli import views
from pipeline.cli.tables import Column
from pipeline.cli.views import Format, Shape

KEY_COLUMNS = (
    "key_id", "name", "role", "scopes", "content", "state", "made", "made_by", "expires", "last_used", "last_address",
    "revoked", "revoked_by",
)  # fmt: skip
READ_COLUMNS = (
    "at", "name", "role", "via", "address", "route", "query", "content", "amount", "subjects", "events", "key_id",
    "session", "read_id",
)  # fmt: skip
#: Whose contents a row of a table names.
_SHOWN = 3


def made(row: Shape, format: Format, out: TextIO) -> None:
    """A new key, the only time that it is shown."""
    if format != "table":
        out.write(json.dumps(row) + "\n")
        return
    out.write(f"{row['key']}\n")
    out.write(
        f"\n{row['name']}, {row['role']}, {', '.join(row['scopes'])}, until {row['expires']}; id {row['key_id']}.\n"
    )
    out.write("It is shown this once. Give it as WHODID_API_KEY, or as `Authorization: Bearer …`.\n")


def keys(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Keys; returns how many there were."""
    return views.listing(rows, format, out, _KEYS, KEY_COLUMNS)


def reads(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Who read what; returns how many rows there were."""
    return views.listing(rows, format, out, _READS, READ_COLUMNS)


def _subjects(row: Shape) -> str:
    more = len(row["subjects"]) - _SHOWN
    return ", ".join(row["subjects"][:_SHOWN]) + (f" and {more} more" if more > 0 else "")


_KEYS = (
    Column("Id", lambda row: row["key_id"], whole=True),
    Column("Name", lambda row: row["name"], weight=3),
    Column("Role", lambda row: row["role"], whole=True),
    Column("Scopes", lambda row: ", ".join(row["scopes"]) + (" + content" if row["content"] else ""), weight=2),
    Column("State", lambda row: row["state"], whole=True),
    Column("Until (UTC)", lambda row: row["expires"][:16], whole=True),
    Column("Last used", lambda row: (row["last_used"] or "never")[:16], whole=True),
)
_READS = (
    Column("At (UTC)", lambda row: row["at"][:19], whole=True),
    Column("Who", lambda row: f"{row['name']} ({row['role']})", weight=2),
    Column("From", lambda row: row["address"], whole=True),
    Column("Asked", lambda row: f"{row['route']}{'?' + row['query'] if row['query'] else ''}", weight=5),
    Column("Texts", lambda row: f"{row['amount']:,}", whole=True),
    Column("Of", _subjects, weight=3),
)
