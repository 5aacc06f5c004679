import csv
import io
import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import (
    findings,  # noqa: F401  (registers its commands)
    findings_views,
)
from pipeline.cli.main import app
from pipeline.cli.remote import StoreReader
from pipeline.console.findings import MOST
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.store import connect
from pipeline.store.aliases import alias
from schemas.finding import Finding
from tests.console.test_page import Tags
from tests.console.test_views import COMMANDS, HOSTILE
from tests.store.entries import entry
from tests.store.findings import finding

ROWS = [
    entry("p", 0, human="ana", session="s/1 ü?"), entry("a", 1, human="ana", session="s/1 ü?", resources=["r1"]),
    entry("b", 2, human="ana", session="s/1 ü?"), entry("c", 9, actor="octo", session="s2"),
]  # fmt: skip
DRIFT = finding(
    "f/1 ü?", 2, severity="high", human="ana", session="s/1 ü?", entries=["b", "p", "late"],
    details={"tool": "send_mail", "share_with_this_tool": "0.004"}, frameworks=["ASI01", "AML.T0053"], revision=3,
)  # fmt: skip
FOUND = [
    DRIFT, finding("f2", 9, actor="octo", session="s2", detection="action-without-tool-call"),
    finding("f3", 4, session="s2", severity="low", entries=["c"]), finding("f4", 8, retracted=True),
]  # fmt: skip


def fill(store):
    store.write_entries(ROWS)
    store.write_findings(FOUND)
    return store


@pytest.fixture
def filled(store):
    return fill(store)


# The API


def test_suppressed_findings_are_listed_for_who_asks(browser, store):
    store.write_findings([*FOUND, finding("f5", 7, suppressed="the <b>scanner</b> (until 2026-12-31, by ana)")])
    assert "f5" not in {one["finding_id"] for one in browser.get("/v1/findings").json()["findings"]}
    listed = browser.get("/v1/findings", suppressed="true").json()["findings"]
    assert {one["finding_id"]: one["suppressed"] for one in listed}["f5"].startswith("the <b>")
    assert browser.get("/v1/findings/f5").json()["suppressed"]
    assert "scanner" not in browser.get("/findings").text
    page = browser.get("/findings", suppressed="true").text
    assert "suppressed: the &lt;b&gt;scanner" in page
    assert "checked" in page


def test_the_command_shows_suppressed_findings_with_their_reason(store, tmp_path):
    out = io.StringIO()
    row = {**dict.fromkeys(findings_views.CSV_COLUMNS, ""), "time": "2026-01-31T08:00:00Z", "finding_id": "f"}
    findings_views.listing([{**row, "sentence": "s", "suppressed": "the scanner"}], "table", out)
    assert "suppressed: the scanner" in out.getvalue()
    result = CliRunner().invoke(app, ["findings", "--help"])
    assert "--suppressed" in result.output


def test_findings_are_listed_latest_first_with_a_next_page(browser, filled):
    first = browser.get("/v1/findings", limit=2).json()
    assert [one["finding_id"] for one in first["findings"]] == ["f2", "f3"]
    second = browser.get("/v1/findings", limit=2, after=first["next"]).json()
    assert (second["next"], second["names"]) == (None, [])
    (found,) = second["findings"]
    assert {*found} == {*Finding.__struct_fields__} - {"retracted"}
    assert (found["time"], found["severity"], found["p_value"]) == ("2023-11-14T22:13:22Z", "high", 0.0012)
    assert (found["entries"], found["details"]["tool"], found["revision"]) == (["b", "p", "late"], "send_mail", 3)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"actor": "bot"}, ["f3", "f/1 ü?"]), ({"session": "s2"}, ["f2", "f3"]), ({"human": "ana"}, ["f/1 ü?"]),
        ({"detection": "action-without-tool-call"}, ["f2"]), ({"severity": "low", "session": "s2"}, ["f3"]),
        ({"since": "2023-11-14T22:13:24Z", "until": "2023-11-14T22:13:29Z"}, ["f3"]), ({"session": ""}, None),
        ({"actor": "nobody"}, []),
    ],
)  # fmt: skip
def test_findings_are_asked_for_by_what_they_are_about(browser, filled, asked, expected):
    found = [one["finding_id"] for one in browser.get("/v1/findings", **asked).json()["findings"]]
    assert found == (["f2", "f3", "f/1 ü?"] if expected is None else expected)


def test_findings_of_an_actor_are_under_all_of_its_names(browser, filled):
    alias(filled, "octo", "bot", "HR", "bob")
    everything = browser.get("/v1/findings", actor="bot").json()
    assert [one["finding_id"] for one in everything["findings"]] == ["f2", "f3", "f/1 ü?"]
    assert [(one["name"], one["because"], one["by"]) for one in everything["names"]] == [("octo", "alias", "bob")]
    only = browser.get("/v1/findings", actor="octo", exact="true").json()
    assert ([one["finding_id"] for one in only["findings"]], only["names"]) == (["f2"], [])


def test_a_finding_is_shown_with_its_evidence_and_what_of_it_is_missing(browser, filled):
    shown = browser.get("/v1/findings/f%2F1%20%C3%BC%3F").json()
    assert [one["event_id"] for one in shown["evidence"]] == ["p", "b"]
    assert shown["evidence"][0] == browser.get("/v1/events/p").json()
    assert (shown["entries"], shown["missing"]) == (["b", "p", "late"], ["late"])
    assert browser.get("/v1/findings/f2").json()["evidence"] == []


def test_the_evidence_that_is_read_is_bounded(browser, filled):
    names = [f"e{n:03}" for n in range(MOST + 5)]
    filled.write_entries([entry(name, n) for n, name in enumerate(names)])
    filled.write_findings([finding("wide", entries=names[::-1])])
    shown = browser.get("/v1/findings/wide").json()
    assert [one["event_id"] for one in shown["evidence"]] == names[5:]
    assert shown["missing"] == names[4::-1]


def test_what_is_not_found_is_404(browser, filled):
    answer = browser.get("/v1/findings/nope")
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "parameter": "finding_id", "message": "finding_id: no finding has the id 'nope'"
    }  # fmt: skip
    assert browser.get("/v1/findings/f4").status_code == 404, "retracted"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"severity": "dire"}, "severity"), ({"since": "soon"}, "since"), ({"until": "x"}, "until"),
        ({"limit": "0"}, "limit"), ({"after": "x"}, "after"), ({"exact": "maybe"}, "exact"),
        ({"credential": "x"}, "credential"), ({"session": "x" * 5000}, "session"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/findings", "/findings"])
def test_a_wrong_parameter_is_named(browser, path, parameters, named):
    answer = browser.get(path, **parameters)
    assert answer.status_code == 400
    assert f"{named}: " in answer.text
    assert path == "/findings" or answer.json()["error"]["parameter"] == named


def test_the_status_counts_current_findings(browser, filled):
    assert browser.get("/v1/status").json()["store"]["findings"] == 3
    assert "<dt>Findings</dt><dd>3</dd>" in browser.get("/status").text


def test_while_the_store_is_away_findings_say_so(browser, store):
    store.close()
    assert browser.get("/v1/findings").json()["error"]["message"] == "store: closed"
    assert browser.get("/v1/findings/x").status_code == 503
    page = browser.get("/findings")
    assert (page.status_code, "store: closed" in page.text) == (503, True)


# Readers and commands


def test_both_readers_give_the_same_findings(reader, filled):
    filled.write_findings([finding(f"x{n:04}", 100 + n, session="many") for n in range(1500)])
    rows = [row["finding_id"] for row in reader.findings({"session": "many"}, 10_000)]
    assert rows == [f"x{n:04}" for n in range(1499, -1, -1)]
    assert len(list(reader.findings({}, 1001))) == 1001
    shown = reader.finding("f/1 ü?")
    assert [one["event_id"] for one in shown["evidence"]] == ["p", "b"]
    assert reader.finding("nope") is None
    with pytest.raises(Invalid, match="severity: expected one of low"):
        list(reader.findings({"severity": "x"}, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("whodid") / "store"
    with connect(Settings(clickhouse=f"chdb://{path}")) as opened:
        alias(fill(opened), "octo", "bot", "HR", "bob")
    return path


def test_findings_print_a_table(run):
    told = run("findings", "--severity", "high").output
    for text in ("2023-11-14 22:13:22", "high", "tool-chain-drift", "f/1 ü?", "bot", "for ana", "s/1 ü?", "send_mail"):
        assert text in told
    assert "f2" not in told
    shown = run("findings", "--actor", "bot", "--format", "jsonl")
    assert [json.loads(line)["finding_id"] for line in shown.stdout.splitlines()] == ["f2", "f3", "f/1 ü?"]
    assert "also under the name octo (same as bot: alias by bob: HR)" in shown.stderr
    exact = run("findings", "--actor", "octo", "--exact", "--format", "jsonl")
    assert (exact.stdout.count("\n"), exact.stderr) == (1, "")


def test_a_finding_prints_everything_and_its_evidence_as_a_timeline(run):
    told = run("finding", "f/1 ü?").output
    for text in (
        "no prompt of the session asks for", "0.97", "0.0012", "drift@1", "ASI01 AML.T0053", "share_with_this_tool",
        "0.004", "How we know", "2023-11-14 22:13:20", "s3:GetObject", "not shown here (1)", "late",
    ):  # fmt: skip
        assert text in told
    assert "Evidence:" not in run("finding", "f2").output


def test_commands_print_json_and_csv(run):
    rows = json.loads(run("findings", "--format", "json").output)
    assert [json.loads(line) for line in run("findings", "--format", "jsonl").output.splitlines()] == rows
    found = list(csv.DictReader(io.StringIO(run("findings", "--format", "csv").output)))
    assert [row["finding_id"] for row in found] == [row["finding_id"] for row in rows] == ["f2", "f3", "f/1 ü?"]
    assert {*found[0]} == {*findings_views.CSV_COLUMNS} == {*rows[0]}
    shown = json.loads(run("finding", "f/1 ü?", "--format", "jsonl").output)
    assert {*shown} == {*rows[0]} | {"evidence", "missing"}
    (line,) = csv.DictReader(io.StringIO(run("finding", "f/1 ü?", "--format", "csv").output))
    assert line["entries"] == "b p late"


def test_nothing_found_and_wrong_usage_have_their_own_status(run):
    assert run("finding", "nope").exit_code == 4
    assert run("findings", "--since", "2030-01-01").exit_code == 4
    assert isinstance(run("findings", "--severity", "dire").exception, Invalid)


@pytest.mark.parametrize("command", ["findings", "finding"])
def test_help_has_examples(command):
    told = CliRunner().invoke(app, [command, "--help"]).output
    assert "Examples:" in told
    assert f"whodid {command} " in told


def hostile() -> Finding:
    texts = ("detection", "model", "title", "severity", "actor", "actor_kind", "human", "session", "sentence")
    return finding(
        "f" + HOSTILE, entries=[HOSTILE, "other" + HOSTILE], details={HOSTILE: HOSTILE}, frameworks=[HOSTILE],
        **dict.fromkeys(texts, HOSTILE),
    )  # fmt: skip


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_hostile_text_commands_no_terminal(store, format):
    store.write_entries([entry(HOSTILE, actor=HOSTILE)])
    store.write_findings([hostile()])
    reader, out = StoreReader(store), io.StringIO()
    assert findings_views.listing(reader.findings({"session": HOSTILE}, 5), format, out) == 1
    findings_views.single(reader.finding("f" + HOSTILE), format, out)
    assert not set(out.getvalue()) & set(COMMANDS)
    assert "[bold]" in out.getvalue()


# The pages


def test_the_page_shows_findings_and_leads_to_what_they_are_about(browser, filled):
    page = browser.get("/findings").text
    assert page.index("action-without-tool-call") < page.index('class="tag high">high')
    assert 'href="/sessions/s%2F1%20%C3%BC%3F"' in page
    assert 'href="/identities/octo"' in page
    assert 'href="/findings/f%2F1%20%C3%BC%3F"' in page
    assert "p 0.0012" in page


def test_a_session_shows_what_was_found_in_it(browser, filled):
    page = browser.get("/sessions/s%2F1%20%C3%BC%3F").text
    assert page.index("What was found in it") < page.index("tool-chain-drift") < page.index("What caused what")
    assert "What was found" not in browser.get("/sessions/other").text


def test_a_finding_has_a_page_with_its_evidence(browser, filled):
    page = browser.get("/findings/f%2F1%20%C3%BC%3F").text
    assert "2 entries, 1 more are not in the store" in page
    assert 'href="/reconstruct?clue=f%2F1+%C3%BC%3F&amp;kind=finding"' in page


def test_the_page_of_findings_has_filters_and_a_next_page(browser, filled):
    assert "3 findings, newest first" in browser.get("/findings").text
    page = browser.get("/findings", severity="high", human="ana").text
    assert "1 finding, newest first" in page
    assert "<option selected>high" in page
    assert 'name="human" value="ana"' in page
    page = browser.get("/findings", limit=2).text
    link = next(found["href"] for _, found in Tags(page).found if found.get("href", "").startswith("/findings?"))
    assert "1 finding, newest first" in browser.get(link).text
    assert "No findings." in browser.get("/findings", session="nope").text
