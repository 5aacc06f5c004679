"""Every query of every dashboard, as Grafana would send it, against a store with a day of an organisation in it."""

import math

import pytest

from dashboards.macros import Span, expanded
from tests.dashboards.conftest import MADE

PANELS = [
    pytest.param(made, panel, id=f"{name}: {panel['title']}")
    for name, made in MADE.items()
    for panel in made["panels"]
    if panel["type"] != "row"
]
CHOICES = [
    pytest.param(one, id=f"{name}: {one['name']}")
    for name, made in MADE.items()
    for one in made["templating"]["list"]
    if one["type"] == "query"
]
HOSTILE = "x\\' OR 1=1 --'); DROP TABLE entries; ${console} $__timeFilter(time) %27 🦊\n"


def choices(made, value="*"):
    return {one["name"]: value for one in made["templating"]["list"] if one["type"] == "query"}


def sql_of(panel):
    (target,) = panel["targets"]
    return target["rawSql"]


@pytest.mark.parametrize(("made", "panel"), PANELS)
def test_a_panel_shows_something(filled, span, made, panel):
    rows = filled.rows(expanded(sql_of(panel), span, choices(made)))
    assert rows
    if panel["type"] == "stat":
        ((value,),) = rows
        assert value is not None
        assert not math.isnan(value)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_variable_has_values_and_each_panel_takes_them(filled, span, choice):
    values = [name for (name,) in filled.rows(expanded(choice["query"], span, {}))]
    assert values
    made = next(made for made in MADE.values() if choice in made["templating"]["list"])
    users = [panel for panel in made["panels"] if f"${{{choice['name']}:" in str(panel.get("targets"))]
    assert users
    for panel in users:
        everything = filled.rows(expanded(sql_of(panel), span, choices(made)))
        found = [
            filled.rows(expanded(sql_of(panel), span, {**choices(made), choice["name"]: value}))
            for value in values
        ]  # fmt: skip
        assert any(found), panel["title"]
        assert any(one != everything for one in found) or len(values) == 1, panel["title"]


@pytest.mark.parametrize(("made", "panel"), PANELS)
def test_a_panel_respects_the_time_that_is_shown(filled, made, panel):
    rows = filled.rows(expanded(sql_of(panel), Span(1_000_000_000, 1_000_086_400), choices(made)))
    assert panel["type"] == "stat" or rows == []
    values = {value for row in rows for value in row}
    # Nothing, or (of an age) what lies between the end of that time and no event at all.
    assert all(not value or math.isnan(value) or "age" in sql_of(panel) for value in values)


@pytest.mark.parametrize(("made", "panel"), [one for one in PANELS if "percentencode" in sql_of(one.values[1])])
def test_a_hostile_value_of_a_variable_is_a_value(filled, span, made, panel):
    hostile = choices(made, HOSTILE)
    rows = filled.rows(expanded(sql_of(panel), span, hostile))
    assert panel["type"] == "stat" or rows == []
    (back,) = filled.rows(expanded("SELECT decodeURLComponent('${name:percentencode}')", span, {"name": HOSTILE}))
    assert back == (HOSTILE,)
