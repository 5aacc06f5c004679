"""Queries as the ClickHouse plugin of Grafana sends them: variables and macros replaced, as its manual describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from pipeline.kit.failures import Invalid

_VARIABLE = re.compile(r"\$\{(\w+):percentencode\}")
_CALL = re.compile(r"\$__(\w+)\(([^()]*)\)")
#: What Grafana or the plugin would still take for something of theirs; a `$` that ends a regular expression is none.
_LEFT = re.compile(r"\$[\w{]|\[\[")
_WORD = re.compile(r"\$__(fromTime|toTime|interval_s)\b")


class Span(NamedTuple):
    """The time that a dashboard shows, and the seconds of one point; times in seconds since 1970."""

    begin: int
    end: int
    step: int = 3600


def expanded(sql: str, span: Span, chosen: Mapping[str, str]) -> str:
    """The query that reaches the database. Raises Invalid for a variable or a macro that there is not."""
    sql = _VARIABLE.sub(lambda found: encoded(chosen[found[1]]), sql)
    sql = _CALL.sub(lambda found: _call(found[1], found[2].strip(), span), sql)
    sql = _WORD.sub(lambda found: _word(found[1], span), sql)
    left = _LEFT.search(sql)
    if left is not None:
        raise Invalid("sql", "no variable or macro but those of dashboards.macros", sql[left.start() : left.end() + 40])
    return sql


def encoded(value: str) -> str:
    """As Grafana's `percentencode` does it: everything but letters, digits, `-`, `_`, `.` and `~`."""
    return quote(value, safe="")


def _word(name: str, span: Span) -> str:
    return {"fromTime": _time(span.begin), "toTime": _time(span.end), "interval_s": str(span.step)}[name]


def _call(name: str, column: str, span: Span) -> str:
    if name == "timeFilter":
        return f"{column} >= {_time(span.begin)} AND {column} <= {_time(span.end)}"
    if name == "dateFilter":
        return f"{column} >= {_date(span.begin)} AND {column} <= {_date(span.end)}"
    if name != "timeInterval":
        raise Invalid("sql", "a macro that dashboards.macros knows", name)
    return f"toStartOfInterval(toDateTime({column}), INTERVAL {span.step} second)"


def _time(seconds: int) -> str:
    return f"toDateTime({seconds})"


def _date(seconds: int) -> str:
    return f"toDate('{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}')"
