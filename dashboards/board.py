"""Boards become the JSON that Grafana loads, with the Grafana Foundation SDK."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DynamicConfigValue,
    VariableOption,
    VariableRefresh,
)

from dashboards.panels import Board, Choice, Panel

__all__ = ["Board", "rendered"]

PLUGIN = "grafana-clickhouse-datasource"
PROMETHEUS = "prometheus"
_SOURCE = DataSourceRef(PLUGIN, "${datasource}")
_TAG = "whodid"
_BUILDERS: Mapping[str, Any] = {"table": table.Panel, "timeseries": timeseries.Panel, "stat": stat.Panel}
#: What a console link is told of the row: the value of the cell that was clicked, whatever is in it.
_VALUE = "${__value.raw:percentencode}"


class Query(Dataquery):
    """A query of the ClickHouse plugin, as its SQL editor saves it."""

    def __init__(self, sql: str, over_time: bool) -> None:
        self._sql, self._over_time = sql, over_time

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "refId": "A",
            "datasource": _SOURCE.to_json(),
            "editorType": "sql",
            "queryType": "timeseries" if self._over_time else "table",
            "format": 0 if self._over_time else 1,
            "rawSql": self._sql,
        }


class Expression(Dataquery):
    """A query of Prometheus, as Grafana saves it: over time, or of now."""

    def __init__(self, expr: str, over_time: bool) -> None:
        self._expr, self._over_time = expr, over_time

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "refId": "A",
            "datasource": _SOURCE.to_json() | {"type": PROMETHEUS},
            "expr": self._expr,
            "range": self._over_time,
            "instant": not self._over_time,
            "legendFormat": "__auto",
        }


class _Target(Builder[Dataquery]):
    def __init__(self, query: Dataquery) -> None:
        self._query = query

    def build(self) -> Dataquery:
        return self._query


def rendered(board: Board, console: str) -> str:
    """One dashboard as JSON text, which links to the console at this address."""
    label, plugin = ("Prometheus", PROMETHEUS) if board.measured else ("ClickHouse", PLUGIN)
    made = (
        build.Dashboard(board.title)
        .uid(f"whodid-{board.name}")
        .description(board.description)
        .tags([_TAG])
        .time("now-24h", "now")
        .timezone("utc")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(build.DashboardLink("Dashboards").type(DashboardLinkType.DASHBOARDS).tags([_TAG]).keep_time(True))
        .link(build.DashboardLink("Console").type(DashboardLinkType.LINK).url("${console:raw}/").target_blank(True))
        .with_variable(build.DatasourceVariable("datasource").label(label).type(plugin))
        .with_variable(build.ConstantVariable("console").label("Console").value(console.rstrip("/")))
    )
    for choice in board.choices:
        made = made.with_variable(_variable(choice))
    numbers = itertools.count(1)
    for heading, panels in board.rows.items():
        made = made.with_row(build.Row(heading).id(next(numbers)))
        for panel in panels:
            made = made.with_panel(_panel(panel, board.measured).id(next(numbers)))
    return JSONEncoder(indent=1, sort_keys=True, ensure_ascii=False).encode(made.build()) + "\n"


def _variable(choice: Choice) -> build.QueryVariable:
    return (
        build.QueryVariable(choice.name)
        .label(choice.label)
        .datasource(_SOURCE)
        .query(_squeezed(choice.sql))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value("*")
        .current(VariableOption(text="All", value="$__all"))
    )


def _panel(panel: Panel, measured: bool) -> Any:  # noqa: ANN401  (a builder of whichever kind)
    make = Expression if measured else Query
    made: Any = _BUILDERS[panel.shape]()
    made = (
        made.title(panel.title)
        .description(panel.description)
        .datasource(DataSourceRef(PROMETHEUS if measured else PLUGIN, "${datasource}"))
        .unit(panel.unit)
        .span(panel.width)
        .height(panel.height)
        .no_value("none in this time")
        .with_target(_Target(make(_squeezed(panel.sql), panel.shape == "timeseries")))
    )
    if panel.shape != "table":
        return made.data_links([_link(words, path) for words, path in panel.links.items()])
    for column, properties in _columns(panel).items():
        made = made.override_by_name(column, properties)
    return made


def _columns(panel: Panel) -> Mapping[str, list[DynamicConfigValue]]:
    found: dict[str, list[DynamicConfigValue]] = {}
    for column, path in panel.links.items():
        link = _link(f"Open in the console: {column.lower()}", path)
        found.setdefault(column, []).append(DynamicConfigValue("links", [link.build().to_json()]))
    for column, unit in panel.units.items():
        found.setdefault(column, []).append(DynamicConfigValue("unit", unit))
    return found


def _link(words: str, path: str) -> build.DashboardLink:
    url = "${console:raw}" + path.replace("{}", _VALUE)
    return build.DashboardLink(words).type(DashboardLinkType.LINK).url(url).target_blank(True)


def _squeezed(sql: str) -> str:
    return "\n".join(line.strip() for line in sql.strip().splitlines())
