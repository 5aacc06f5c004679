"""`whodid replay` as it is typed: what it prints, and what it says of what cannot be."""

import csv
import io
import json
import re
import time

import pytest
from typer.testing import CliRunner

from pipeline.cli import (
    replay,  # noqa: F401  (registers its commands)
    replay_views,
)
from pipeline.cli.desk import DeskReader
from pipeline.cli.main import app
from pipeline.kit.failures import Transient
from pipeline.score import baseline, model
from pipeline.store import connect, replays
from schemas.replay import Replay
from tests.run.replaying import investigated, organisation, settings_in

runner = CliRunner()
SPAN = ["--since", "2026-03-02", "--until", "2026-03-03T00:00:00Z"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data directory with the store of an organisation."""
    made = tmp_path_factory.mktemp("replay")
    investigated(settings_in(made), *organisation(made / "logs", 1000))
    return made


@pytest.fixture
def run(home, monkeypatch):
    monkeypatch.setenv("WHODID_HASH_KEY", "0123456789abcdef")
    return lambda *given: runner.invoke(
        app, ["replay", *given, "--store", str(home / "store"), "--data-dir", str(home)]
    )


def test_unchanged_history_says_so(run):
    told = run(*SPAN)
    assert told.exit_code == 0, told.output
    assert "none: the settings as they are" in told.stdout
    assert re.search(r"1,000 entries replayed, 1,000 compared in .* s: no difference\n", told.stderr)


def test_a_new_rule_is_printed_in_every_format_and_shown_again(run, rules):
    told = run(*SPAN, "--rules", str(rules), "--format", "json")
    assert told.exit_code == 0, told.output
    whole = json.loads(told.stdout)
    assert whole["replay"]["options"] == {"rules": str(rules)}
    found = [one for one in whole["differences"] if one["sort"] == "finding"]
    assert {one["subject"] for one in found} == {"models-called"}
    name = whole["replay"]["replay_id"]
    assert json.loads(run("show", name, "--format", "json").stdout) == whole
    lines = [json.loads(line) for line in run("show", name, "--format", "jsonl").stdout.splitlines()]
    assert lines == whole["differences"]
    rows = list(csv.DictReader(io.StringIO(run("show", name, "--format", "csv").stdout)))
    assert [row["name"] for row in rows] == [one["name"] for one in lines]
    table = run("show", name)
    assert "models-called" in table.stdout
    assert f"findings {len(found)} new" in table.stderr
    assert json.loads(run("list", "--format", "json").stdout)[0]["replay_id"] == name
    assert run("drop", name).exit_code == 0
    assert run("show", name).exit_code == 4


def test_what_is_not_shown_is_counted(run, rules):
    told = run(*SPAN, "--rules", str(rules), "--limit", "1", "--format", "jsonl")
    sorts = [json.loads(line)["sort"] for line in told.stdout.splitlines()]
    assert sorts == ["finding", "alert"]
    assert re.search(r"\d+ more are not shown: --limit", told.stderr)


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ([], 2, "expected --since and --until"),
        (["--since", "2026-03-03", "--until", "2026-03-02"], 2, "since: expected a time before --until"),
        (["--since", "soon", "--until", "2026-03-02"], 2, "since: expected a time such as"),
        (["--since", "2001-01-01", "--until", "2001-03-02"], 4, "the store has no entries"),
        ([*SPAN, "--lead-in", "3"], 2, "lead-in: expected a number and s, m, h or d, e.g. 14d, got '3'"),
        ([*SPAN, "--model", "v7"], 2, "model: expected a file, or one of tool-chain-drift@"),
        ([*SPAN, "--rules", "/nowhere"], 2, "/nowhere: expected a folder with rules"),
        (["show", "000000000000"], 4, "no replay 000000000000"),
        (["drop", "'; DROP"], 4, "no replay"),
    ],
)
def test_what_cannot_be_is_said_with_its_fix(run, given, status, said):
    told = run(*given)
    assert (told.exit_code, said in told.stderr) == (status, True), told.output


def test_a_faulty_rule_is_named_and_no_replay_begins(run, home, rules):
    (rules / "faulty.yml").write_text("title: Nothing else\n")
    with connect(settings_in(home)) as store:
        before = replays.replays(store)
    told = run(*SPAN, "--rules", str(rules))
    assert told.exit_code == 2
    assert "faulty" in told.stderr
    with connect(settings_in(home)) as store:
        assert replays.replays(store) == before


def test_models_are_chosen_by_file_or_version_one_of_each_kind(run, home, tmp_path):
    versions = [model.load().name, baseline.load().version]
    told = run(*SPAN, "--model", versions[0], "--model", versions[1].partition("@")[2], "--format", "json")
    whole = json.loads(told.stdout)
    assert whole["replay"]["options"] == {"drift_model": versions[0], "baselines": versions[1]}
    assert whole["differences"] == []
    twice = run(*SPAN, "--model", versions[0], "--model", versions[0])
    assert twice.exit_code == 2
    assert "at most one of each kind" in twice.stderr
    (other := tmp_path / "other.json").write_text('{"name": "weather"}')
    wrong = run(*SPAN, "--model", str(other))
    assert wrong.exit_code == 2
    assert "expected a model of one of these kinds: tool-chain-drift, identity-baselines" in wrong.stderr


def test_a_store_that_a_running_desk_owns_is_refused_with_the_fix(run, monkeypatch):
    monkeypatch.setattr(DeskReader, "owns", lambda *_: True)
    told = run(*SPAN)
    assert isinstance(told.exception, Transient)
    assert "end it, then repeat this" in str(told.exception)


def test_one_that_gives_no_sign_of_life_is_shown_as_killed():
    now = int(time.time() * 1e6)
    made = Replay(replay_id="0" * 12, began=0, at=now - 600_000_000, since=0, until=1, begins=0, ends=1)
    out = io.StringIO()
    replay_views.listing([made], "json", out, now / 1e6)
    assert json.loads(out.getvalue())[0]["state"] == "killed"
