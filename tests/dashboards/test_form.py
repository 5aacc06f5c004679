"""What holds for every panel: it says what it answers, in which unit, and where the console says more."""

import json
import re
from urllib.parse import quote, urlsplit

import pytest
import yaml

from dashboards import __main__ as generator
from dashboards.board import PLUGIN
from dashboards.macros import encoded, expanded
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.run import evidence_api
from pipeline.simulate import incident, organisation
from tests.console.browser import Browser
from tests.dashboards.conftest import MADE, MEASURED
from tests.dashboards.test_queries import PANELS, choices, sql_of

FOLDER = generator.FOLDER.parent
PROVISIONED = FOLDER / "provisioning"
#: Tables with the column of their time. Those of the inventory have two: a name lasts.
TIMES = {"entries": "time", "findings": "time", "alerts": "last", "deliveries": "at", "behaviours": "day",
         "dead_letters": "time", "tree_heads": "time", "identities": "last", "credentials": "last"}  # fmt: skip
REPLACING = set(TIMES) - {"identities", "credentials"}
COLUMNS = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
CALLED = re.compile(r"\b(?:FROM|JOIN) (?!called\b)([a-z_]+)(?: AS \w)?( FINAL)?", re.IGNORECASE)
LINK = re.compile(r"^\$\{console:raw\}(/.*)$")


def links_of(panel):
    """Each link with the column whose values it takes; None where it takes none."""
    config = panel["fieldConfig"]
    yield from ((None, link["url"]) for link in config["defaults"].get("links", []))
    for override in config["overrides"] or []:
        for one in override["properties"]:
            if one["id"] == "links":
                yield from ((override["matcher"]["options"], link["url"]) for link in one["value"])


def test_the_files_are_fresh():
    written = {path.name: json.loads(path.read_text()) for path in generator.FOLDER.iterdir()}
    made = {f"{name}.json": one for name, one in (MADE | MEASURED).items()}
    assert written == made, "write them anew: make dashboards"


def test_there_is_a_dashboard_of_each_subject():
    assert {*MADE} == {"overview", "identities", "tool-chains", "tokens", "detections", "pipeline-health"}
    assert {made["uid"] for made in MADE.values()} == {f"whodid-{name}" for name in MADE}
    for made in MADE.values():
        assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    assert all(made["description"] and not made["editable"] for made in MADE.values())


@pytest.mark.parametrize(("made", "panel"), PANELS)
def test_a_panel_says_what_it_answers_in_which_unit_and_leads_on(made, panel):
    assert panel["title"].endswith("?")
    assert len(panel["description"]) > 30
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert list(links_of(panel))
    assert panel["datasource"] == panel["targets"][0]["datasource"] == {"type": PLUGIN, "uid": "${datasource}"}
    assert [one["title"] for one in made["panels"]].count(panel["title"]) == 1


@pytest.mark.parametrize(("made", "panel"), PANELS)
def test_a_panel_fits_beside_the_others(made, panel):
    def area(one):
        at = one["gridPos"]
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    assert not any(area(panel) & area(other) for other in made["panels"] if other is not panel)


@pytest.mark.parametrize(("made", "panel"), PANELS)
def test_a_query_reads_current_rows_of_the_time_that_is_shown(made, panel):
    sql = sql_of(panel)
    read = [(table, final) for table, final in CALLED.findall(sql) if table in TIMES]
    assert read
    for table, final in read:
        alone = "max(time)" in sql and "count" not in sql
        assert final or table not in REPLACING or alone, f"{table}: rows that revisions have replaced"
    bounds = len(re.findall(r"\$__(?:timeFilter|dateFilter)\((?:time|at|day)\)", sql))
    bounds += min(sql.count(">= $__fromTime AND"), sql.count("<= $__toTime"))
    assert bounds >= len(read), "a table is read whatever the time that is shown"


@pytest.mark.parametrize(("made", "panel"), [one for one in PANELS if one.values[1]["type"] == "table"])
def test_a_tables_columns_have_their_links_and_units(filled, span, made, panel):
    heads = re.findall(r' AS "([^"]+)"', sql_of(panel))
    for override in panel["fieldConfig"]["overrides"]:
        assert override["matcher"] == {"id": "byName", "options": override["matcher"]["options"]}
        assert override["matcher"]["options"] in heads
    assert len(heads) == len(filled.rows(expanded(sql_of(panel), span, choices(made)))[0])


def test_no_value_of_the_demonstration_is_in_a_dashboard():
    text = json.dumps(MADE, ensure_ascii=False)
    truth = incident.truth(organisation.START)
    told = [truth.session, truth.clue, *truth.chain, "invoice-bot", "example.com", "203.0.113"]
    assert not [value for value in told if value in text]


# Links lead to what there is


@pytest.fixture(scope="module")
def console(filled, tmp_path_factory):
    settings = Settings(clickhouse="chdb://memory", data_dir=tmp_path_factory.mktemp("whodid"))
    app = create(filled, settings, dict)
    app.include_router(evidence_api.router(settings, filled))
    return Browser(app)


@pytest.mark.parametrize(("made", "panel"), PANELS)
def test_links_open_a_page_of_the_console(filled, span, console, made, panel):
    heads = re.findall(r' AS "([^"]+)"', sql_of(panel))
    rows = filled.rows(expanded(sql_of(panel), span, choices(made)))
    for column, url in links_of(panel):
        path = LINK.match(url)[1]
        values = [""] if column is None else [row[heads.index(column)] for row in rows if row[heads.index(column)]]
        assert values, f"{column} is never anything"
        assert (column is None) == ("${__value" not in path) or path.startswith("/v1/coverage")
        asked = path.replace("${__value.raw:percentencode}", encoded(str(values[0])))
        asked = asked.replace("${__from:date:iso}", "2026-03-02T08:00:00.000Z")
        asked = asked.replace("${__to:date:iso}", "2026-03-03T08:00:00.000Z")
        asked = asked.replace("${identity:percentencode}", quote("a b/ü", safe=""))
        assert "$" not in asked
        assert urlsplit(asked).scheme == ""
        answer = console.get(asked)
        assert answer.status_code == 200, (asked, answer.text[:300])


# What Grafana is given beside


def test_grafana_is_given_a_source_that_may_only_read_and_no_secret():
    (source,) = yaml.safe_load((PROVISIONED / "datasources" / "whodid.yaml").read_text())["datasources"]
    assert source["type"] == PLUGIN
    assert source["jsonData"]["username"] == "grafana"
    assert source["secureJsonData"]["password"].startswith("${")
    (provider,) = yaml.safe_load((PROVISIONED / "dashboards" / "whodid.yaml").read_text())["providers"]
    assert (provider["type"], provider["disableDeletion"]) == ("file", True)


def test_the_reader_has_the_right_to_every_column_that_is_asked_for_and_to_no_text(filled):
    users = yaml.safe_load((PROVISIONED / "clickhouse" / "grafana.yaml").read_text())
    grants = {}
    for one in users["users"]["grafana"]["grants"]["query"]:
        columns, table = re.fullmatch(r"GRANT SELECT(?:\((.*)\))? ON whodid\.(\w+)", one).groups()
        grants[table] = set(columns.split(", ")) if columns else None
    assert {*grants} == {*TIMES}
    granted = {name for columns in grants.values() for name in columns or ()}
    for _, panel in (one.values for one in PANELS):
        words = set(re.findall(r"\w+", re.sub(r"'[^']*'|\"[^\"]*\"", "", sql_of(panel))))
        for table, _ in CALLED.findall(sql_of(panel)):
            if grants.get(table):
                there = {name for (name,) in filled.rows(COLUMNS, {"table": table})}
                assert grants[table] <= there
                assert words & there <= granted, (panel["title"], table)
    hidden = {"text", "arguments", "attributes", "alert", "details", "quotes", "sentence", "value"}
    assert not [name for columns in grants.values() for name in (columns or ()) if name in hidden]
    assert users["profiles"]["grafana"]["readonly"] == 2
