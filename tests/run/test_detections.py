"""What is measured of the misuse stage: made-up organisations, labelled trails, and the rules of others beside it."""

import json
from pathlib import Path

import msgspec
import pytest

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.run import baselines, trails
from pipeline.run.detections import observed
from pipeline.run.rivals import CALLS, RIVALS
from pipeline.score import baseline, modelfile
from pipeline.score.act import Act
from tests.score.entries import told

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path, hash_key="a-key-for-tests-16")


def nobody(*_):
    """Whom nothing is told."""


def test_an_organisation_with_attacks_is_measured_and_adds_up(settings):
    found = observed([5, 6], 4, baseline.load(), settings, nobody, attacks=True)
    shown = found.shown()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["identity_days"] > 600
    assert all(one["told"] == 2 for one in shown["attacks"].values())
    # Nobody has much of a past within four days; a good part shows all the same.
    assert sum(one["found"] for one in shown["attacks"].values()) > len(shown["attacks"])
    for one in shown["attacks"].values():
        assert one["found"] <= one["told"]
        assert (one["seconds"] is None) == (one["found"] == 0)
        assert set(one["by"]) <= set(shown["false_alarms"])
    for one in shown["false_alarms"].values():
        assert one["number"] >= sum(one["where"].values()) - 1
        assert one["kept"] == (one["ratio"] <= 1.5)


@pytest.mark.long
def test_baselines_are_made_without_labels_and_are_the_same_each_time(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "SEQUENCES", 40)
    made = [baselines.trained([3, 4], 2, settings, nobody) for _ in range(2)]
    files = [tmp_path / f"{number}.json.gz" for number in range(2)]
    for one, file in zip(made, files, strict=True):
        modelfile.write(one, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    again = baseline.load(files[0])
    assert again.version == made[0].version
    assert sum(again.days.values()) > 100
    assert {"human", "agent"} <= {group.partition(",")[0] for group in again.days}


@pytest.mark.parametrize("spoil", [
    lambda found: {**found, "measures": ["speed"]},
    lambda found: {**found, "shapes": {"bases": [0.0], "trees": [[]]}},
    lambda found: {**found, "shapes": {**found["shapes"], "trees": [
        [{"measure": [0], "threshold": [0], "left": [0], "right": [0], "value": [0]}], [], []]}},
    lambda found: {**found, "days": "many"},
])  # fmt: skip
def test_a_file_that_is_no_model_is_refused(tmp_path, spoil):
    file = tmp_path / "m.json"
    file.write_bytes(msgspec.json.encode(spoil(msgspec.to_builtins(baseline.load()))))
    with pytest.raises(Exception, match=r"m\.json"):
        baseline.load(file)


def acts(*entries):
    return [Act(entry) for entry in told(*entries)]


KEY = {"actor": "svc", "credential": "aws:AKIAX"}


def flagged(name, story):
    rival = RIVALS[name]()
    return {act.event_id for act in story if rival.flags(act)}


def test_rivals_flag_what_they_are_made_for():
    names = [
        "ListFoundationModels", "GetUseCaseForModelAccess", "PutUseCaseForModelAccess",
        "ListFoundationModelAgreementOffers", "CreateFoundationModelAgreement", "PutFoundationModelEntitlement",
        "InvokeModel",
    ]  # fmt: skip
    story = acts(*({**KEY, "action": f"bedrock:{name}", "after": "1m"} for name in names))
    assert "e6" in flagged("prowler_ratio", story)
    assert {"e3", "e5", "e6", "e7"} <= flagged("elastic_thresholds", story)
    assert not flagged("rate_limit", story)
    many = acts({**KEY, "action": "bedrock:InvokeModel", "repeat": CALLS + 2, "every": "100ms"})
    assert len(flagged("elastic_thresholds", many)) == 2
    assert len(flagged("rate_limit", many)) > CALLS / 2
    assert not flagged("prowler_ratio", many)


def test_labels_that_are_none_are_refused(tmp_path):
    file = tmp_path / "labels.jsonl"
    file.write_text('{"eventID": "a", "label": "x"}\n{"event": 1}\n')
    with pytest.raises(Invalid, match=r"labels\.jsonl:2"):
        trails.labels(file)


@pytest.mark.skipif(not SHARED.exists(), reason="the real trails are not beside this checkout")
def test_on_a_real_trail_attacks_are_told_from_terraform_and_the_console(settings):
    entries = trails.entries_of(SHARED / "cloudtrail" / "invictus.jsonl.gz", settings)
    labels = trails.labels(SHARED / "labels" / "invictus.jsonl.gz")
    found = trails.report(entries, labels, baseline.load(), settings)
    assert sum(one["events"] for one in found.values()) == len(labels)
    share = {label: one["flagged"]["whodid"] / one["events"] for label, one in found.items()}
    plain = {label: one["flagged"]["rate_limit"] / one["events"] for label, one in found.items()}
    assert share["attack"] > 4 * max(share["terraform"], share["console"])
    assert plain["attack"] < plain["terraform"]
