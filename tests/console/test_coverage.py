"""What was heard, and which logs are missing: API, both readers, command."""

import json
import time

import pytest
from typer.testing import CliRunner

from pipeline.cli import coverage as command  # noqa: F401  (registers its command)
from pipeline.cli.main import app
from pipeline.console.coverage import GAPS
from pipeline.correlate import bindings, links
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.store import connect
from pipeline.store.coverage import LINKING
from schemas.event import UNKNOWN
from tests.store.entries import issuance
from tests.store.test_coverage import event

ROWS = [
    event("silent", 0, "okta.system-log"),
    event("unissued", 20, "aws.cloudtrail", unbound=bindings.UNSEEN_TEMPORARY),
    event("other", 20, "aws.cloudtrail", unbound=bindings.UNSEEN),
    event("standing", 20, "aws.cloudtrail", unbound=bindings.UNSEEN_STANDING),
    event("bound", 20, "aws.cloudtrail"),
    event("call", 20, "mcp", "tool_call", unbound=links.NO_PROMPT),
    event("call with a prompt", 20, "mcp", "tool_call"),
    event("sessionless", 20, "mcp", "tool_call", unbound=bindings.NO_SESSION),
    issuance("b", "a", 20 * 86_400),
]
ROWS[4].actor_kind = "agent"
ROWS[4].event.attributes = {UNKNOWN: "riskLevel\nclient.os", "riskLevel": "HIGH", "client.os": "x"}
ROWS[4].event.address = "192.0.2.1"


def fill(store):
    store.write_entries(ROWS)
    return store


@pytest.fixture
def filled(store):
    return fill(store)


def test_gaps_say_which_log_is_missing_and_what_closes_them(browser, filled):
    found = browser.get("/v1/coverage").json()
    told = {(gap["name"], gap["format"]): (gap["events"], gap["of"]) for gap in found["gaps"]}
    assert told == {
        ("source-silent", "okta.system-log"): (0, 0), ("kind-absent", ""): (0, 0), ("use", ""): (1, 1),
        ("issuance", "aws.cloudtrail"): (2, 4), ("standing-key", "aws.cloudtrail"): (1, 4),
        ("schema-drift", "aws.cloudtrail"): (1, 4),
        ("tool-call", "aws.cloudtrail"): (1, 1), ("prompt", "mcp"): (1, 3), ("session", "mcp"): (1, 3),
    }  # fmt: skip
    assert [gap["name"] for gap in found["gaps"]][:3] == ["kind-absent", "kind-absent", "source-silent"]
    assert {gap["name"] for gap in found["gaps"]} == {*GAPS}
    assert all(gap["fix"] and gap["sentence"] for gap in found["gaps"])


def test_each_link_of_a_source_is_stated_or_missing_for_a_reason(browser, filled):
    sources = {one["format"]: one for one in browser.get("/v1/coverage").json()["sources"]}
    cloud = {link["link"]: link for link in sources["aws.cloudtrail"]["linking"]}
    assert cloud["address"] == {"link": "address", "state": "stated", "share": 0.25, "why": ""}
    assert cloud["trace"]["state"] == "never"
    assert cloud["human"]["state"] == "missing"
    for source in sources.values():
        assert [link["link"] for link in source["linking"]] == list(LINKING)
        assert all(bool(link["why"]) == (link["state"] in ("missing", "never")) for link in source["linking"])
    assert sources["aws.cloudtrail"]["unknown_fields"] == {"client.os": 1, "riskLevel": 1}


def test_of_a_format_that_is_not_ours_nothing_is_said(store, browser):
    store.write_entries([event("strange", 20, "acme.log")])
    (source,) = browser.get("/v1/coverage").json()["sources"]
    assert {link["state"] for link in source["linking"]} <= {"stated", "unknown"}


def test_the_status_page_shows_which_fields_are_not_known(store, browser):
    made = event("now", 0, "okta.system-log")
    made.event.time, made.event.attributes = time.time_ns() // 1000, {UNKNOWN: "riskLevel", "riskLevel": "HIGH"}
    store.write_entries([made])
    page = browser.get("/status").text
    assert "Fields that no format knows" in page
    assert "riskLevel" in page


def test_sources_are_listed_with_times_and_shares(browser, filled):
    cloud = next(one for one in browser.get("/v1/coverage").json()["sources"] if one["format"] == "aws.cloudtrail")
    assert (cloud["events"], cloud["unbound"], cloud["unbound_share"]) == (4, 3, 0.75)
    assert cloud["last"] == "2023-12-04T22:13:20Z"
    long = browser.get("/v1/coverage", days="30").json()
    assert {one["format"]: one["events"] for one in long["sources"]}["okta.system-log"] == 1
    assert "source-silent" not in {gap["name"] for gap in long["gaps"]}


@pytest.mark.parametrize("given", [{"days": "0"}, {"days": "x"}, {"dais": "7"}])
def test_a_wrong_parameter_is_named(browser, filled, given):
    answer = browser.get("/v1/coverage", **given)
    assert (answer.status_code, answer.json()["error"]["parameter"]) == (400, *given)


def test_an_empty_store_has_no_gaps(browser):
    assert browser.get("/v1/coverage").json()["gaps"] == []


def test_both_readers_give_the_same(reader, filled, browser):
    assert reader.coverage({"days": "7"}) == browser.get("/v1/coverage").json()
    with pytest.raises(Invalid, match="days"):
        reader.coverage({"days": "0"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("whodid") / "store"
    with connect(Settings(clickhouse=f"chdb://{path}")) as opened:
        fill(opened)
    return path


def test_the_command_prints_sources_and_gaps(run):
    told = " ".join(run("coverage").output.split())
    for text in (
        "aws.cloudtrail",
        "75.0%",
        "3 tool_call",
        "Logs that seem to be missing",
        "50.0%",
        "none in these days",
    ):
        assert text in told
    assert json.loads(run("coverage", "--format", "json").stdout)["events"] == 8
    assert run("coverage", "--format", "csv").stdout.splitlines()[1].startswith("aws.cloudtrail,4,3,0.75,")


def test_a_store_without_events_is_nothing_found(tmp_path, monkeypatch):
    monkeypatch.setenv("WHODID_PORT", "1")
    with connect(Settings(clickhouse=f"chdb://{tmp_path}/store")):
        pass
    result = CliRunner().invoke(app, ["coverage", "--store", str(tmp_path / "store")])
    assert (result.exit_code, "no events" in result.stderr) == (4, True)
