"""OCSF events of a bundle, held against the whole schema of OCSF 1.5.0."""

import json
from collections import Counter

import pytest

from pipeline.report import ocsf
from pipeline.report.ascii import line
from pipeline.report.bundle import Bundle
from schemas.incident import Clue, Incident
from tests.alert.destinations.ocsf_schema import wrong
from tests.report import hostile
from tests.report.incidents import STOLEN, case

CLASSES = {2005: "incident_finding", 6003: "api_activity", 3002: "authentication"}


def events(of, integrity=None):
    bundle = Bundle(of.incident, of.entries, "full", b"")
    found = ocsf.events(bundle.incident, bundle.shapes, bundle.parts, integrity)
    return [json.loads(line(one)) for one in found]


@pytest.mark.parametrize("of", [case, hostile.case])
def test_the_schema_has_nothing_against_an_event(of):
    found = events(of())
    assert len(found) == len(of().entries) + 1
    for one in found:
        assert wrong(one, CLASSES[one["class_uid"]]) == []
        assert one["type_uid"] == one["class_uid"] * 100 + one["activity_id"]
        assert len(line(one)) < 300_000


def test_the_incident_comes_first_and_every_entry_is_led_back_to_it():
    first, *others = events(case())
    assert first["class_uid"] == 2005
    assert first["finding_info_list"][0]["uid"] == "inc-7f3a1c9e"
    assert {one["metadata"]["correlation_uid"] for one in others} == {"inc-7f3a1c9e"}
    assert Counter(one["class_name"] for one in others) == {"API Activity": 62, "Authentication": 4}
    assert first["observables"][0]["value"] == STOLEN
    assert {"tactic": {"uid": "TA0040", "name": "Impact"}} in first["finding_info_list"][0]["attacks"]


def test_what_was_done_is_said_in_ocsfs_words():
    by = {one["message"].split(": ")[-1]: one for one in events(case())[1:]}
    assert by["s3:GetObject"]["activity_name"] == "Read"
    assert by["bedrock:CreateFoundationModelAgreement"]["activity_name"] == "Create"
    assert by["read_mail"]["activity_name"] == "Tool Call"
    made = by["iam:CreateAccessKey"]
    assert made["session"]["credential_uid"] == STOLEN
    assert made["unmapped"]["whodid"]["credential_chain"][0] == made["actor"]["user"]["credential_uid"]


def test_what_proves_a_record_is_hooked_in():
    found = events(case(), lambda shape: {"leaf": shape["event_id"]})
    assert all(one["unmapped"]["record_integrity"]["leaf"] == one["metadata"]["uid"] for one in found[1:])
    assert all("record_integrity" not in one["unmapped"] for one in events(case()))


def test_an_incident_of_which_nothing_is_known_is_one_too():
    assert wrong(ocsf.finding(Incident(incident_id="", clue=Clue("span"), made=0, cutoff=0)), "incident_finding") == []
