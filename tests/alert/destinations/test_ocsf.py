"""OCSF events, held against the whole schema of OCSF 1.5.0."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings

from pipeline.alert.destinations.ocsf import Ocsf, payload
from pipeline.alert.ocsf import event
from pipeline.alert.wire import Away, Refused
from pipeline.kit.failures import Transient
from tests.alert.destinations.notices import EMPTY, SEVERAL
from tests.alert.destinations.ocsf_schema import wrong
from tests.alert.destinations.pages import in_json
from tests.alert.destinations.test_hostile import NOTICES
from tests.alert.raw import Raw, answer
from tests.alert.said import configured, hostile, said


@pytest.mark.parametrize("name", SEVERAL)
def test_the_schema_of_ocsf_has_nothing_against_an_event(name):
    found = json.loads(payload(SEVERAL[name]))
    assert wrong(found) == []
    assert found["type_uid"] == found["class_uid"] * 100 + found["activity_id"]
    assert len(payload(SEVERAL[name])) < 640 * 1024


@pytest.mark.parametrize(
    "changes",
    [{"severity_id": "4"}, {"severity_id": 77}, {"severity": "Low"}, {"cloud": {}}, {"evidences": {}}, {"is_alert": 1},
     {"evidences": [{"name": "nothing"}]}, {"metadata": {"version": "1.5.0"}}, {"no_such_attribute": 1},
     {"finding_info": {"uid": "a", "titel": "b"}}, {"finding_info": {"uid": "a", "product_uid": "b"}},
     {"observables": [{"name": "finding.actor", "type_id": 4, "value": "build-7"}]},
     {"evidences": [{"user": {"name": "a", "type_id": 3, "type": "workload"}}]},
     {"evidences": [{"src_endpoint": {"ip": "nowhere"}}]}, {"verdict_id": 11}, {"time": "2026-01-01T00:00:00Z"}],
)  # fmt: skip
def test_the_schema_would_see_an_error(changes):
    assert wrong(event(said()) | changes)


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
    assert found["is_alert"] == (changes["state"] != "closed")


def test_an_example_says_that_it_is_one():
    found = event(said(is_example=True))
    assert (found["verdict"], found["metadata"]["labels"]) == ("Test", ["example"])
    assert found["finding_info"]["title"].startswith("EXAMPLE: ")


def test_techniques_of_attack_and_of_atlas_are_told():
    found = event(said(frameworks=["T1078.004", "AML.T0051.001", "ASI03"], stage="credential-access"))
    attacks = found["finding_info"]["attacks"]
    assert attacks[0]["tactic"] == {"uid": "TA0006", "name": "Credential Access"}
    assert [one["technique"]["uid"] for one in attacks[1:]] == ["T1078", "AML.T0051"]
    assert [one["sub_technique"]["uid"] for one in attacks[1:]] == ["T1078.004", "AML.T0051.001"]


def test_hostile_text_is_short_and_inert():
    found = json.loads(payload(hostile()))
    assert len(payload(hostile())) < 512 * 1024
    assert "risk_score" not in found
    assert "\u202e" not in found["message"]


@settings(max_examples=100, deadline=None)
@given(NOTICES)
def test_whatever_an_alert_says_becomes_an_event(notice):
    assert wrong(json.loads(payload(notice))) == []


def test_where_nothing_is_known_nothing_is_claimed():
    found = event(EMPTY)
    assert not {"anomaly_analyses", "resources", "observables", "cloud", "remediation"} & found.keys()
    (evidence,) = found["evidences"]
    assert evidence == {"actor": {"user": {"name": "unknown", "type_id": 0, "type": "Unknown"}}}


def test_the_kind_of_an_actor_keeps_its_name():
    kinds = {kind: event(said(actor_kind=kind))["evidences"][0]["actor"]["user"] for kind in ("human", "agent", "ci")}
    assert [(one["type_id"], one["type"]) for one in kinds.values()] == [(1, "User"), (99, "agent"), (99, "ci")]


def test_a_closed_alert_is_none_whatever_is_told_of_it():
    assert event(said(state="closed", news="updated"))["is_alert"] is False


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


def test_without_its_secret_nothing_is_sent():
    async def main() -> list[Any]:
        async with Raw() as raw:
            there = configured(Ocsf, kind="ocsf", url=raw.url, headers={"X-Key": {"env": "WHODID_NOT_THERE"}})
            wire = there.wire()
            with pytest.raises(Transient, match="WHODID_NOT_THERE"):
                await there.send(said(), wire)
            await wire.close()
            return raw.asked

    assert asyncio.run(main()) == []


def test_the_example_of_the_page_is_what_is_sent():
    shown = in_json("ocsf.md", '"class_uid"')
    found = json.loads(payload(said()))
    assert {**found, "unmapped": shown["unmapped"]} == shown
