"""Panels as data: a question, its query, and where the console answers it further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Shape = Literal["table", "timeseries", "stat"]
#: Units by Grafana's names.
COUNT, SHARE, SECONDS, MILLISECONDS = "short", "percentunit", "s", "ms"
#: The span that a dashboard shows, as the console's pages take it.
SPAN = "since=${__from:date:iso}&until=${__to:date:iso}"


class Panel(NamedTuple):
    """One panel. Links are paths of the console; `{}` in one is the value of the row."""

    shape: Shape
    #: What it answers: a question or a statement.
    title: str
    description: str
    sql: str
    #: Of every number that `units` does not name.
    unit: str = COUNT
    #: Of a table: by column, where its value leads. Else by the words of the link.
    links: Mapping[str, str] = {}
    units: Mapping[str, str] = {}
    #: Of 24 columns, and rows.
    width: int = 12
    height: int = 8


class Choice(NamedTuple):
    """A variable: one value of a query, or all (`*`)."""

    name: str
    label: str
    sql: str


class Board(NamedTuple):
    """One dashboard: rows of panels by their heading."""

    name: str
    title: str
    description: str
    rows: Mapping[str, tuple[Panel, ...]]
    choices: tuple[Choice, ...] = ()
    #: Whether its panels ask Prometheus, in its language, and not the store.
    measured: bool = False


def table(title: str, description: str, sql: str, links: Mapping[str, str], *, unit: str = COUNT,
          units: Mapping[str, str] | None = None, width: int = 12, height: int = 9) -> Panel:  # fmt: skip
    """Rows, of which columns lead into the console."""
    return Panel("table", title, description, sql, unit, links, units or {}, width, height)


def series(title: str, description: str, sql: str, links: Mapping[str, str], *, unit: str = COUNT,
           width: int = 12) -> Panel:  # fmt: skip
    """Numbers over time, a line for each text beside them."""
    return Panel("timeseries", title, description, sql, unit, links, {}, width)


def stat(
    title: str, description: str, sql: str, links: Mapping[str, str], *, unit: str = COUNT, width: int = 6
) -> Panel:
    """One number."""
    return Panel("stat", title, description, sql, unit, links, {}, width, 4)


def chosen(name: str, *columns: str) -> str:
    """SQL that holds when a variable is `*` or the value of one of these columns.

    What comes from a name or an address bar is percent-encoded into the text, so it never ends it.
    """
    return f"decodeURLComponent('${{{name}:percentencode}}') IN ('*', {', '.join(columns)})"
