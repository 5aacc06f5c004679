"""`whodid train agent-runs` and `whodid evaluate agent-runs`, and what they say of a file that is wrong."""

import gzip
import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from pipeline.cli import drift  # noqa: F401  (registers its commands)
from pipeline.cli.main import app
from tests.score.runs import runs

DEV = Path(__file__).parents[3] / "shared/data/agent-runs/dev.jsonl.gz"
runner = CliRunner()


def written(file, told):
    data = b"".join(msgspec.json.encode(run) + b"\n" for run in told)
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    return str(file)


def test_a_model_is_trained_and_evaluated(tmp_path):
    learn, test = written(tmp_path / "train.jsonl.gz", runs(15)), written(tmp_path / "test.jsonl", runs(8, seed=3))
    model = str(tmp_path / "drift.json.gz")
    made = runner.invoke(app, ["train", "agent-runs", learn, "--out", model, "--summary", "json"])
    assert made.exit_code == 0, made.output
    summary = json.loads(made.stdout)
    assert summary["data"]["train.jsonl.gz"]["hijacked"] == 45
    told = runner.invoke(app, ["evaluate", "agent-runs", test, "--model", model, "--adaptive"])
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert report["model"] == summary["model"]
    assert report["auc"] > 0.95
    assert set(report["tpr"]) == {"0.001", "0.005", "0.01", "0.05"}
    assert set(report["suites"]) == {"office"}
    assert report["adaptive"]["base64"]["runs"] == report["runs"]["hijacked"] == 24
    assert report["adaptive"]["by_a_note"]["flagged"] is not None


def test_runs_without_labels_are_scored_and_nothing_is_claimed_of_them(tmp_path):
    unlabelled = [msgspec.structs.replace(run, label="") for run in runs(2)]
    told = runner.invoke(app, ["evaluate", "agent-runs", written(tmp_path / "a.jsonl", unlabelled)])
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert report["auc"] is None
    assert report["runs"] == {"unlabelled": 24}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"run": "a", "prompt": "x"}', "a.jsonl:2: expected an agent run"),
        (b"{", "a.jsonl:2: expected an agent run"),
        (b'{"run": "a", "prompt": "x", "steps": [{"tool": 1}]}', r"`$.steps[0].tool`"),
    ],
)
def test_a_line_that_is_no_run_is_named(tmp_path, line, reason):
    file = tmp_path / "a.jsonl"
    written(file, list(runs(1))[:1])
    file.write_bytes(file.read_bytes() + line + b"\n")
    for command in (["evaluate", "agent-runs", str(file)], ["train", "agent-runs", str(file), "--out", "x"]):
        told = runner.invoke(app, command)
        assert told.exit_code == 2
        assert reason in told.output


def test_a_file_that_breaks_off_or_is_not_there_is_named(tmp_path):
    file = tmp_path / "a.jsonl.gz"
    written(file, runs(3))
    file.write_bytes(file.read_bytes()[:-20])
    for name, reason in ((file, "a.jsonl.gz:36: expected an agent run"), (tmp_path / "none.gz", "no such file")):
        told = runner.invoke(app, ["evaluate", "agent-runs", str(name)])
        assert told.exit_code
        assert reason in str(told.exception or "") + told.output


def test_a_model_that_is_not_there_is_named(tmp_path):
    file = written(tmp_path / "a.jsonl", runs(1))
    told = runner.invoke(app, ["evaluate", "agent-runs", file, "--model", str(tmp_path / "none.json")])
    assert told.exit_code == 2
    assert "none.json" in told.output


@pytest.mark.skipif(not DEV.exists(), reason="the shared agent runs are not beside the checkout")
def test_the_model_that_comes_with_the_program_is_as_good_as_its_card_says(tmp_path):
    told = runner.invoke(app, ["evaluate", "agent-runs", str(DEV)])
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert report["auc"] >= 0.985
    assert report["tpr"]["0.01"] >= 0.90
    assert report["tpr"]["0.005"] >= 0.80
    assert report["direct_flagged"] <= 0.02
    # What is promised of severities holds on agents that the model has not seen.
    assert report["findings"]["benign"]["low (p <= 0.05)"] <= 0.05
    assert report["cost"]["rejected"] == 0
