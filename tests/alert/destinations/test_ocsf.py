"""OCSF events, held against the models of py-ocsf-models, and against what those lack."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from pydantic import BaseModel

from pipeline.alert.destinations.ocsf import Ocsf, payload
from pipeline.alert.ocsf import event
from pipeline.alert.wire import Away, Refused
from tests.alert.destinations.pages import in_json
from tests.alert.raw import Raw, answer
from tests.alert.said import configured, hostile, said

#: Of OCSF 1.5.0, and not in py-ocsf-models 0.10.0: attributes by the object that has them.
LACKING = {
    "DetectionFinding": {"is_alert", "anomaly_analyses", "verdict_id", "verdict", "src_url"},
    "FindingInformation": {"uid_alt"},
    "EvidenceArtifacts": {"actor", "src_endpoint"},
}


def unknown(given: Any, model: type[BaseModel], path: str = "") -> list[str]:
    """Attributes of an object that its model does not have, but for those that it lacks."""
    found = []
    for name, value in given.items():
        field = model.model_fields.get(name)
        if field is None:
            if name not in LACKING.get(model.__name__, set()):
                found.append(f"{path}{name} of {model.__name__}")
            continue
        inner = [one for one in _models(field.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
        for one in value if isinstance(value, list) else [value]:
            if inner and isinstance(one, dict):
                found += unknown(one, inner[0], f"{path}{name}.")
    return found


def _models(annotation: Any) -> list[Any]:
    parts = getattr(annotation, "__args__", None)
    return [annotation] if not parts else [one for part in parts for one in _models(part)]


def without_lacking(given: dict[str, Any]) -> dict[str, Any]:
    """What the library can judge: of a service it demands uid and version, which OCSF does not."""
    kept = {name: value for name, value in given.items() if name not in LACKING["DetectionFinding"]}
    kept["evidences"] = [
        {name: value for name, value in one.items() if name not in LACKING["EvidenceArtifacts"]}
        for one in json.loads(json.dumps(kept.get("evidences", [])))
    ]
    for one in kept["evidences"]:
        if "api" in one:
            one["api"]["service"] = {"uid": "", "version": "", **one["api"]["service"]}
    return kept


@pytest.mark.parametrize("mask", ["nothing", "content", "details"])
@pytest.mark.parametrize("news", ["opened", "updated", "acknowledged", "closed"])
def test_an_event_is_a_detection_finding(mask, news):
    found = event(said(mask, news=news, state={"closed": "closed"}.get(news, "open"), accounts=["123456789012"]))
    DetectionFinding.model_validate(without_lacking(found))
    assert not unknown(found, DetectionFinding)
    assert found["type_uid"] == found["class_uid"] * 100 + found["activity_id"]


def test_what_the_library_lacks_is_as_the_schema_has_it():
    found = event(said())
    (analysis,) = found["anomaly_analyses"]
    assert set(analysis) == {"analysis_targets", "anomalies"}
    assert set(analysis["analysis_targets"][0]) == {"name", "type"}
    for anomaly in analysis["anomalies"]:
        assert set(anomaly) == {"observation_parameter", "observation_type", "observed_pattern", "observations"}
        assert all(set(one) == {"value", "count"} for one in anomaly["observations"])
    first = found["evidences"][0]
    assert set(first["actor"]) <= {"user", "session"}
    assert set(first["src_endpoint"]) == {"ip"}
    assert found["metadata"]["profiles"][0] == "incident"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state": "open"}, ("New", "Unknown", 1)),
        ({"state": "acknowledged", "news": "acknowledged"}, ("In Progress", "Unknown", 2)),
        ({"state": "closed", "news": "closed", "verdict": "true"}, ("Resolved", "True Positive", 3)),
        ({"state": "closed", "news": "closed", "verdict": "false"}, ("Suppressed", "False Positive", 3)),
        ({"state": "closed", "news": "closed", "verdict": "benign"}, ("Suppressed", "Benign", 3)),
    ],
)
def test_what_analysts_say_is_said_in_ocsfs_words(changes, expected):
    found = event(said(changes=[], revision=1, **{"news": "opened", **changes}))
    assert (found["status"], found["verdict"], found["activity_id"]) == expected
    assert found["is_alert"] == (changes.get("news") != "closed") if "is_alert" in found else True


def test_an_example_says_that_it_is_one():
    found = event(said(is_example=True))
    assert (found["verdict"], found["metadata"]["labels"]) == ("Test", ["example"])
    assert found["finding_info"]["title"].startswith("EXAMPLE: ")


def test_techniques_of_attack_and_of_atlas_are_told():
    found = event(said(frameworks=["T1078.004", "AML.T0051.001", "ASI03"], stage="credential-access"))
    attacks = found["finding_info"]["attacks"]
    assert attacks[0]["tactic"]["uid"] == "TA0006"
    assert [one["technique"]["uid"] for one in attacks[1:]] == ["T1078", "AML.T0051"]
    assert [one["sub_technique"]["uid"] for one in attacks[1:]] == ["T1078.004", "AML.T0051.001"]


def test_hostile_text_makes_a_valid_event():
    found = json.loads(payload(hostile()))
    DetectionFinding.model_validate(without_lacking(found))
    assert not unknown(found, DetectionFinding)
    assert len(payload(hostile())) < 512 * 1024
    assert "risk_score" not in found
    assert "\u202e" not in found["message"]


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text(), st.integers(-(2**62), 2**62))
def test_whatever_an_alert_says_becomes_an_event(name, severity, time):
    found = json.loads(payload(said(actor=name, severity=severity, first=time, last=time, at=time)))
    assert found["class_uid"] == 2004


def test_it_is_sent_as_one_event_or_in_an_array(tmp_path):
    (tmp_path / "token").write_text("Bearer abc")

    async def main() -> list[Any]:
        async with Raw() as raw:
            headers = {"Authorization": {"file": str(tmp_path / "token")}}
            for array in (False, True):
                there = configured(Ocsf, kind="ocsf", url=raw.url, array=array, headers=headers)
                wire = there.wire()
                await there.send(said(), wire)
                await wire.close()
            return raw.asked

    one, many = asyncio.run(main())
    assert one.headers["authorization"] == "Bearer abc"
    assert one.headers["idempotency-key"] == said().key
    assert one.json == many.json[0]


@pytest.mark.parametrize(("status", "failure"), [(400, Refused), (413, Refused), (401, Away), (503, Away)])
def test_what_the_receiver_answers_decides(status, failure):
    async def main() -> None:
        async with Raw(answer(status)) as raw:
            there = configured(Ocsf, kind="ocsf", url=raw.url)
            wire = there.wire()
            with pytest.raises(failure):
                await there.send(said(), wire)
            await wire.close()

    asyncio.run(main())


def test_the_example_of_the_page_is_what_is_sent():
    shown = in_json("ocsf.md", '"class_uid"')
    found = json.loads(payload(said()))
    assert {**found, "unmapped": shown["unmapped"]} == shown
