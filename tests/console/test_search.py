import csv
import io
import json

import httpx
import pyarrow.parquet
import pytest

from pipeline.cli import alerts, findings, outputs, searching  # noqa: F401  (they register their commands)
from pipeline.cli.queries import held, narrowed
from pipeline.console import exporting, search_api
from pipeline.console.app import create
from pipeline.kit.failures import Invalid
from pipeline.query import parse
from pipeline.query.facts import ALERT
from pipeline.store import connect
from pipeline.store.following import Following
from tests.console.browser import Browser, Served
from tests.store.entries import START, entry
from tests.store.findings import finding, risk_of

HOSTILE = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", '"; DROP', "a\nb", "\x1b[31m", "é\u202e"]


@pytest.fixture
def filled(store):
    store.write_entries([entry(f"e{n:02}", n, outcome="denied" if n % 3 else "success") for n in range(30)])
    store.write_findings([finding("f1", severity="high", score=0.5, entries=["e01"])])
    return store


def test_a_page_has_risk_findings_and_the_query_as_it_was_read(filled, browser):
    answer = browser.get("/v1/search", q="actor:bot   (risk:>0.8)", limit=1).json()
    assert answer["query"] == "actor:bot risk:>0.8"
    (row,) = answer["entries"]
    assert (row["event_id"], row["risk"], row["findings"]) == ("e01", risk_of("high", 0.5), ["f1"])
    first = browser.get("/v1/search", q="outcome:denied", limit=3, order="earliest").json()
    second = browser.get("/v1/search", q="outcome:denied", limit=3, order="earliest", after=first["next"]).json()
    both = [row["event_id"] for row in first["entries"] + second["entries"]]
    assert both == ["e01", "e02", "e04", "e05", "e07", "e08"]
    assert {row["risk"] for row in second["entries"]} == {0.0}


def test_counts_bars_points_fields_and_completion(filled, browser):
    assert browser.get("/v1/search/count", q="outcome:denied").json() == {"count": 20, "more": False}
    bars = browser.get("/v1/search/histogram", q="", bins=3).json()
    assert bars == {"start": "2023-11-14T22:13:20Z", "width": 10, "counts": [10, 10, 10]}
    points = browser.get("/v1/search/points", q="risk:>0 or event:e00").json()
    assert (points["event_id"], points["time"]) == (["e01", "e00"], [START + 1_000_000, START])
    assert points["total"] == {"count": 2, "more": False}
    proposed = browser.get("/v1/complete", q="x actor:b").json()
    assert (proposed["begin"], proposed["end"], proposed["proposals"]) == (8, 9, [{"text": "bot", "meaning": ""}])
    assert browser.get("/v1/complete", q="actor:bot", at=2).json()["proposals"][0]["text"] == "actor:"
    assert "used-token" in {one["name"] for one in browser.get("/v1/fields").json()["fields"]}


@pytest.mark.parametrize("path", ["", "/count", "/histogram", "/points"])
def test_what_is_wrong_with_a_query_has_a_column(browser, path):
    answer = browser.get("/v1/search" + path, q="a actr:bot")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["parameter"], error["column"], error["length"], error["meant"]) == ("q", 3, 4, "actor:")


@pytest.mark.parametrize(
    ("given", "named"),
    [({"limit": 0}, "limit"), ({"order": "best"}, "order"), ({"qq": "a"}, "qq"), ({"after": "x"}, "after"),
     ({"q": "x" * 5000}, "q"), ({"exact": "maybe"}, "exact")],
)  # fmt: skip
def test_a_wrong_parameter_is_named(browser, given, named):
    answer = browser.get("/v1/search", **given)
    assert (answer.status_code, answer.json()["error"]["parameter"]) == (400, named)


def test_the_document_of_the_api_has_every_parameter(browser):
    paths = browser.get("/v1/openapi.json").json()["paths"]
    told = {
        path: {one["name"] for one in paths[path].get("get", {}).get("parameters", [])} for path in paths
    }  # fmt: skip
    assert told["/v1/search"] == {"q", "exact", "after", "limit", "order"}
    assert told["/v1/export"] == {"q", "exact", "format"}
    assert told["/v1/tail"] == {"q", "exact", "last-event-id"}
    assert all(one["description"] for one in paths["/v1/search"]["get"]["parameters"])


def test_every_format_of_an_export_opens_and_runs_nothing(store, browser):
    store.write_entries([entry(f"e{n}", n, resources=[text], policy=text) for n, text in enumerate(HOSTILE)])
    store.write_findings([finding("f", severity="low", score=0.0, entries=["e0"])])
    lines = browser.get("/v1/export", q="actor:bot").text.splitlines()
    assert [json.loads(line)["policy"] for line in lines] == HOSTILE
    rows = list(csv.DictReader(io.StringIO(browser.get("/v1/export", q="actor:bot", format="csv").text)))
    assert [row["event_id"] for row in rows] == [f"e{n}" for n in range(len(HOSTILE))]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())
    assert rows[0]["risk"] == "0.3"
    answer = browser.get("/v1/export", q="actor:bot", format="parquet")
    assert answer.headers["x-whodid-most"] == str(exporting.MOST)
    table = pyarrow.parquet.read_table(io.BytesIO(answer.content))
    assert table["policy"].to_pylist() == HOSTILE
    assert table["risk"].to_pylist() == [0.3] + [0.0] * (len(HOSTILE) - 1)
    assert table["findings"].to_pylist()[0] == ["f"]
    assert browser.get("/v1/export", q="actr:x").status_code == 400


def test_an_export_goes_on_over_pages_up_to_its_end(filled, monkeypatch):
    monkeypatch.setattr(exporting, "_PAGE", 7)
    whole = b"".join(exporting.exported(filled, "", "jsonl")).splitlines()
    assert [json.loads(line)["event_id"] for line in whole] == [f"e{n:02}" for n in range(30)]
    assert len(b"".join(exporting.exported(filled, "", "jsonl", most=10)).splitlines()) == 10


def test_who_follows_is_told_of_new_and_revised_entries_once(filled):
    following = Following(filled, parse("actor:bot -outcome:success"))
    assert following.look() == []
    filled.write_entries([
        entry("new", 100, outcome="denied"), entry("other", 101, actor="x"), entry("fine", 102, outcome="success"),
    ])  # fmt: skip
    assert [one.event.event_id for one in following.look()] == ["new"]
    assert following.look() == []
    filled.write_entries([entry("other", 101, actor="bot", revision=1)])
    assert [(one.event.event_id, one.revision) for one in following.look()] == [("other", 1)]
    again = Following(filled, parse("actor:bot -outcome:success"), after=following.place)
    assert {"new", "other"} <= {one.event.event_id for one in again.look()}


def events(lines):
    """Events of a stream: name, id, data."""
    event = {}
    for line in lines:
        if not line and "data" in event:
            yield event["event"], event.get("id"), json.loads(event["data"])
            event = {}
        key, colon, value = line.partition(": ")
        if colon and key:
            event[key] = value


def test_a_stream_tells_what_is_written_and_can_be_resumed(filled, settings, process, monkeypatch):
    monkeypatch.setattr(search_api, "LOOK", 0.05)
    with Served(create(filled, settings, process)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        with client.stream("GET", "/v1/tail", params={"q": "outcome:denied"}) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            told = events(stream.iter_lines())
            assert next(told)[0] == "ready"
            filled.write_entries([entry("quiet", 100, outcome="success"), entry("loud", 101, outcome="denied")])
            name, place, row = next(told)
            assert (name, row["event_id"], row["risk"]) == ("entry", "loud", 0.0)
        filled.write_entries([entry("missed", 102, outcome="denied")])
        with client.stream("GET", "/v1/tail", params={"q": "event:missed"}, headers={"last-event-id": place}) as stream:
            told = events(stream.iter_lines())
            assert [next(told)[0], next(told)[2]["event_id"]] == ["ready", "missed"]
        assert client.get("/v1/tail", params={"q": "actr:x"}).json()["error"]["column"] == 1


def test_no_more_follow_than_may(filled, settings, process, monkeypatch):
    monkeypatch.setattr(search_api, "LISTENERS", 0)
    answer = Browser(create(filled, settings, process)).get("/v1/tail")
    assert (answer.status_code, answer.json()["error"]["parameter"]) == (503, "tail")


def test_both_readers_search_and_export_alike(reader):
    rows = list(reader.search("outcome:denied", 4))
    assert [row["event_id"] for row in rows] == ["e29", "e28", "e26", "e25"]
    assert [row["event_id"] for row in reader.search("risk:>0.8", 9, earliest=True)] == ["e01"]
    assert b"".join(reader.export("event:e01", "jsonl")).count(b"\n") == 1
    with pytest.raises(Invalid, match="column 1"):
        list(reader.search("actr:x", 1))


@pytest.fixture
def folder(tmp_path, settings):
    place = tmp_path / "store"
    with connect(settings.model_copy(update={"clickhouse": f"chdb://{place}"})) as opened:
        opened.write_entries([entry(f"e{n}", n, outcome="denied" if n % 2 else "success") for n in range(6)])
        opened.write_findings([finding("f1", severity="high", entries=["e1"]), finding("f2", severity="low")])
    return place


def test_the_commands_search_narrow_and_export(run, folder, tmp_path):
    found = run("search", "actor:bot outcome:denied", "--limit", "2", "--format", "json")
    assert [row["event_id"] for row in json.loads(found.stdout)] == ["e5", "e3"]
    found = run("timeline", "--actor", "bot", "-q", "outcome:denied or event:e0", "--format", "jsonl")
    assert [json.loads(line)["event_id"] for line in found.stdout.splitlines()] == ["e0", "e1", "e3", "e5"]
    found = run("findings", "--query", "severity:>=high tool*", "--format", "json")
    assert [row["finding_id"] for row in json.loads(found.stdout)] == ["f1"]
    assert run("export", "outcome:denied", "-o", str(tmp_path / "x.csv")).exit_code == 0
    assert (tmp_path / "x.csv").read_text().count("\n") == 4
    assert run("search", "actor:nobody").exit_code == 4


@pytest.mark.parametrize("command", [["search"], ["tail"], ["export"], ["findings", "-q"], ["alerts", "list", "-q"]])
def test_a_faulty_query_is_pointed_at_and_ends_with_2(run, folder, command):
    told = run(*command, "severity:hihg")
    assert told.exit_code == 2
    line, carets = told.stderr.splitlines()[1:3]
    assert line.index("hihg") == carets.index("^")
    assert "did you mean high?" in told.stderr


def test_an_export_needs_an_ending_that_it_knows(run, folder, tmp_path):
    told = run("export", "", "-o", str(tmp_path / "x.xls"))
    assert (told.exit_code, ".parquet" in told.stderr) == (2, True)


def test_rows_are_held_against_a_query():
    rows = [{"alert_id": str(n), "actor": "bot", "severity": "high", "last": "2026-01-01T00:00:00Z"} for n in range(5)]
    rows[3]["severity"] = "low"
    found = held("severity:low until:2026-01-02", ALERT, 9, lambda most: iter(rows[:most]))
    assert [row["alert_id"] for row in found] == ["3"]
    assert narrowed("a or b", {"actor": 'x "y"', "since": "2026-01-01", "until": ""}) == (
        'since:2026-01-01T00:00:00Z actor:"x \\"y\\"" (a or b)'
    )
