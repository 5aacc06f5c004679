"""What logs can be connected, what each tells, and what becomes of somebody's files."""

import gzip
import json

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app, register
from pipeline.normalize.formats import FORMATS
from pipeline.run import source_pages
from tests.normalize.common import shared
from tests.normalize.test_okta_system_log import GRANT, LOGIN

register()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WHODID_DATA_DIR", str(tmp_path))


def run(*words, code=0):
    found = CliRunner().invoke(app, ["sources", *map(str, words)])
    assert found.exit_code == code, found.output
    return found.stdout


def test_all_formats_are_listed_and_each_is_shown():
    assert [one["format"] for one in json.loads(run("list", "--format", "json"))] == list(FORMATS)
    for name in FORMATS:
        assert FORMATS[name].source.title in run("show", name)
    assert "expected one of canonical" in CliRunner().invoke(app, ["sources", "show", "octa"]).output
    run("show", "octa", code=2)


def test_what_would_become_of_a_file_is_counted(tmp_path):
    lines = [LOGIN, GRANT, {**LOGIN, "published": "soon"}, {"of": "nobody"}, {**LOGIN, "uuid": "x", "riskLevel": "LOW"}]
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n{\n")
    okta, none = json.loads(run("check", file, "--format", "json", code=1))
    assert (okta["format"], okta["records"], okta["events"]) == ("okta.system-log", 4, {"token_issuance": 3})
    assert okta["rejected"] == {"published: expected a time in ISO 8601, e.g. 2026-01-31T12:00:00Z": 1}
    assert (okta["session"], okta["issued"], okta["trace"]) == (0.6667, 0.3333, 0)
    assert okta["unknown_fields"] == {"riskLevel": 1}
    assert (none["format"], none["records"], sum(none["rejected"].values())) == ("(not recognized)", 2, 2)
    assert "(not recognized)" in run("check", file, code=1)


def test_files_that_are_understood_end_with_nothing_said(tmp_path):
    assert "okta.system-log" in run("check", source_pages.EXAMPLES / "okta.system-log.json")
    run("check", source_pages.EXAMPLES / "okta.system-log.json", "--as", "nothing", code=2)
    broken = tmp_path / "a.gz"
    broken.write_bytes(gzip.compress(json.dumps(LOGIN).encode())[:-9])
    run("check", broken, code=1)


def test_nothing_is_stored_and_nothing_is_sent(tmp_path):
    run("check", source_pages.EXAMPLES / "okta.system-log.json")
    assert {path.name for path in tmp_path.iterdir()} <= {"hash.key"}


def test_vendors_events_are_taken_or_rejected_for_a_reason(tmp_path):
    """Real rows; `whodid sources check` prints the table that the issue asks for."""
    with gzip.open(shared("adapters/vendor-events.jsonl.gz")) as lines:
        rows = [json.loads(line)["event"] for line in lines]
    file = tmp_path / "vendors.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    found = {one["format"]: one for one in json.loads(run("check", file, "--format", "json", code=1))}
    for name, one in found.items():
        assert all(": expected " in reason for reason in one["rejected"]), name
        assert one["records"] <= sum(sum(one[what].values()) for what in ("events", "rejected", "ignored")), name
    assert sum(one["records"] for one in found.values()) == len(rows)
