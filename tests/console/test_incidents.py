"""Incidents over HTTP, as pages, and from the command line; of a store and of a running desk."""

import io
import json
import zipfile

import pytest
from typer.testing import CliRunner

from pipeline.cli import incident  # noqa: F401  (it registers its command)
from pipeline.cli.desk import DeskReader
from pipeline.cli.main import app
from pipeline.cli.remote import StoreReader
from pipeline.console import links
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident as bundled
from pipeline.store import connect
from tests.console.browser import Browser, Served

START = 1_790_000_000_000_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    home = tmp_path_factory.mktemp("desk")
    return Settings(data_dir=home, clickhouse=f"chdb://{home}/store", hash_key="0123456789abcdef")


@pytest.fixture(scope="module")
def store(settings):
    with connect(settings) as opened:
        Investigation(settings, opened).run(record for _, record in bundled.records(START))
        yield opened


@pytest.fixture(scope="module")
def clue():
    return bundled.truth(START).clue


@pytest.fixture
def browser(store, settings):
    return Browser(create(store, settings, dict))


def test_an_incident_is_json_with_times_that_people_read(browser, clue):
    answer = browser.get("/v1/reconstruct", clue=clue)
    assert answer.status_code == 200
    found = answer.json()
    assert found["title"].startswith("A hijacked agent: invoice-bot")
    assert found["roots"][0]["kind"] == "injection"
    assert found["first"].endswith("Z")
    assert found["reach"]["credentials"][0]["revoked"] is None
    assert {part["role"] for part in found["parts"]} == {"act", "cause"}


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"clue": "nobody"}, "clue"), ({}, "clue"), ({"clue": "x", "kind": "colour"}, "kind"),
        ({"clue": "x", "cutoff": "often"}, "cutoff"), ({"clue": "x", "since": "soon"}, "since"),
        ({"clue": "x", "role": "king"}, "role"), ({"clue": "x", "cluw": "y"}, "cluw"), ({"clue": "x" * 5000}, "clue"),
        ({"clue": "ana@example.com", "cutoff": "7"}, "cutoff"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_question_is_said_by_name(browser, given, parameter):
    answer = browser.get("/v1/reconstruct", **given)
    assert answer.status_code == 400
    assert answer.json()["error"]["parameter"] == parameter


def test_the_page_asks_for_a_clue_and_shows_the_incident_under_a_policy_of_its_own(browser, clue):
    asked = browser.get("/reconstruct")
    assert (asked.status_code, asked.headers["content-security-policy"].count("script-src 'self'")) == (200, 1)
    assert "Reconstruct" in asked.text
    shown = browser.get("/reconstruct", clue=clue, role="responder")
    assert shown.status_code == 200
    policies = shown.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "script-src 'sha256-" in policies[0]
    assert "A hijacked agent: invoice-bot" in shown.text
    assert f"/v1/reconstruct/bundle?clue={clue.replace(':', '%3A')}&amp;role=responder" in shown.text
    wrong = browser.get("/reconstruct", clue="<script>alert(1)</script>")
    assert wrong.status_code == 404
    assert "<script>alert" not in wrong.text


def test_alerts_and_timelines_lead_to_it(browser, store, clue):
    (alert,) = store.rows("SELECT alert_id FROM alerts FINAL WHERE has(detections, 'llmjacking') LIMIT 1", {})
    page = browser.get(f"/alerts/{alert[0]}").text
    assert f"/reconstruct?clue={alert[0]}&amp;kind=alert" in page
    assert "/reconstruct?clue=aws%3A" in browser.get(links.credential(clue)).text


def test_a_bundle_comes_as_an_archive_with_what_the_role_may_have(browser, clue):
    def names(role):
        answer = browser.get("/v1/reconstruct/bundle", clue=clue, role=role)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
        assert answer.headers["content-disposition"].startswith('attachment; filename="whodid-incident-')
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return archive.namelist(), b"".join(archive.read(name) for name in archive.namelist())

    viewer, shown = names("viewer")
    assert "report.html" in viewer
    assert b"Please pay the invoices" not in shown
    responder, all_of_it = names("responder")
    assert any(name.startswith("records/") for name in responder)
    assert b"Please pay the invoices" in all_of_it


@pytest.fixture(params=["store", "desk"])
def reader(request, store, settings):
    if request.param == "store":
        yield StoreReader(store, settings)
        return
    with Served(create(store, settings, dict)) as port:
        yield DeskReader(f"http://127.0.0.1:{port}")


def test_both_readers_tell_the_same_incident_and_write_the_same_bundle(reader, clue, tmp_path):
    row = reader.incident({"clue": clue})
    assert row["roots"][0]["actor"] == "invoice-bot"
    with pytest.raises(Invalid, match="clue"):
        reader.incident({"clue": "nobody"})
    told = []
    name = reader.bundle({"clue": clue, "role": "analyst"}, tmp_path / "folder", lambda *step: told.append(step))
    assert name == row["incident_id"]
    assert told
    manifest = json.loads((tmp_path / "folder" / "manifest.json").read_text())
    there = {str(one.relative_to(tmp_path / "folder")) for one in (tmp_path / "folder").rglob("*") if one.is_file()}
    assert there == {*manifest["files"], "manifest.json"}
    assert reader.bundle({"clue": clue}, tmp_path / "b.zip", lambda *_: None) == name
    with pytest.raises(Invalid, match="out"):
        reader.bundle({"clue": clue}, tmp_path / "folder", lambda *_: None)
    with pytest.raises(Invalid, match="clue"):
        reader.bundle({"clue": "nobody"}, tmp_path / "none", lambda *_: None)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b.zip", "folder"]


@pytest.fixture
def run(store, settings, monkeypatch):
    """Runs the command on the store, whatever it is said to be."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("pipeline.cli.stored.open_reader", lambda _: _Lent(store, settings))
    return lambda *given: CliRunner().invoke(app, ["reconstruct", *given])


class _Lent(StoreReader):
    def close(self):
        """It is somebody else's."""


def test_the_command_tells_the_story_and_how_to_end_what_is_alive(run, clue):
    told = run(clue.removeprefix("aws:"))
    assert told.exit_code == 0
    for text in ("A hijacked agent: invoice-bot", "first sign", "last sign", "Cannot be known",
                 f"  aws iam update-access-key --access-key-id {clue.removeprefix('aws:')}"):  # fmt: skip
        assert text in told.stdout
    assert run(clue, "--format", "json").stdout.strip().startswith("[")
    parts = [json.loads(line) for line in run(clue, "--format", "jsonl").stdout.splitlines()]
    assert {"act"} <= {part["role"] for part in parts}


def test_the_command_says_what_is_wrong_and_ends_with_its_status(run, clue, tmp_path):
    for given, status, text in (
        (("nobody",), 4, "clue"), ((), 2, "--since and --until"), ((clue, "--kind", "colour"), 2, "kind"),
        ((clue, "--role", "king"), 2, "role"), ((clue, "--out", str(tmp_path)), 0, ""),
        ((clue, "--out", str(tmp_path)), 2, "out"), ((clue, "--out", "/proc/none/b"), 1, "/proc"),
    ):  # fmt: skip
        done = run(*given)
        assert done.exit_code == status, done.output
        assert text in done.output
    assert "Traceback" not in done.output
