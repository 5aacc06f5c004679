"""Training and its file: what is learned carries over, and a file cannot do anything."""

import gzip
import json

import msgspec
import pytest

from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.run.drift import _examples, learned, replayed, report
from pipeline.score import model as models
from pipeline.score import modelfile
from pipeline.score.measures import MEASURES
from pipeline.score.train import attackers
from tests.score.runs import runs


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(data_dir=tmp_path_factory.mktemp("train"), hash_key="a key for the tests")


@pytest.fixture(scope="module")
def trained(settings):
    return learned(list(runs(60)), settings, {"made up": {"benign": 180}})


def test_hijacked_runs_that_it_never_saw_are_told_from_benign_ones(trained, settings):
    done, cost = replayed(list(runs(40, seed=2)), settings, models.Model(trained))
    found = report(done, models.Model(trained), cost, settings.drift_budget)
    assert found["auc"] > 0.97
    assert found["tpr"]["0.05"] > 0.8
    assert found["direct_flagged"] <= 0.02
    assert found["unreached_flagged"] <= 0.02
    assert found["alert"]["at"] > 0.8
    assert found["runs"] == {"benign": 120, "direct": 120, "hijacked": 120, "unreached": 120}
    assert found["cost"]["rejected"] == 0


def test_the_attackers_calls_are_those_of_direct_runs_that_no_benign_run_makes(settings):
    examples = _examples(list(runs(5)), settings)
    for example, numbers in zip(examples, attackers(examples), strict=True):
        assert bool(numbers) == (example.label == "hijacked")
        if numbers:
            goal = {"money": "send_money", "mail": "send_email", "key": "add_ssh_key"}[example.injection_task]
            assert example.calls[numbers[0]].tool == goal
            assert numbers[0] == 1
    without = [example for example in examples if example.label != "direct"]
    assert all(
        1 in numbers for one, numbers in zip(without, attackers(without), strict=True) if one.label == "hijacked"
    )


@pytest.mark.long
def test_the_same_runs_give_the_same_file(settings, tmp_path):
    for name in ("a.json.gz", "b.json.gz"):
        modelfile.write(learned(list(runs(12)), settings, {"made up": {"benign": 36}}), tmp_path / name)
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_a_file_comes_back_as_it_was(trained, tmp_path):
    for name in ("model.json", "model.json.gz"):
        modelfile.write(trained, tmp_path / name)
        assert models.load(tmp_path / name).trained == trained


def test_too_few_runs_are_refused(settings):
    with pytest.raises(Permanent, match="at least 20 runs labelled"):
        learned(list(runs(3)), settings, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: file["later"]["trees"][0].__setitem__("left", [0] * 5), "leads back or nowhere"),
        (lambda file: file["first"]["trees"][0]["measure"].__setitem__(0, len(MEASURES)), "leads back or nowhere"),
        (lambda file: file["first"]["trees"][0].__setitem__("value", []), "leads back or nowhere"),
        (lambda file: file["measures"].pop(), "train it again"),
        (lambda file: file.__setitem__("first", "__import__('os')"), "expected what `whodid train agent-runs` writes"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(trained, tmp_path, change, reason):
    file = json.loads(msgspec.json.encode(trained))
    change(file)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(file))
    with pytest.raises(Permanent, match=reason):
        models.load(path)


@pytest.mark.parametrize("data", [b"", b"\x1f\x8bnothing", b"\x80\x05cos\nsystem\n", gzip.compress(b"{}", mtime=0)])
def test_what_is_no_model_is_refused(tmp_path, data):
    (tmp_path / "model").write_bytes(data)
    with pytest.raises(Permanent, match="expected what"):
        models.load(tmp_path / "model")


def test_p_values_are_shares_of_harmless_sessions():
    forest = models.Forest(0.0, [], [0.1, 0.2, 0.3, 0.9])
    model = models.Model(models.Trained("t", list(MEASURES), forest, forest, {}, ""))
    assert [model.p_value(score, 0.0) for score in (0.0, 0.2, 0.5, 1.0)] == [1.0, 0.8, 0.4, 0.2]
    assert model.threshold(0.001) == 1.0
    assert model.threshold(0.4) == 0.3
