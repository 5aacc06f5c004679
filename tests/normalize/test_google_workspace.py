"""Google Workspace: grants to applications, logins, administration, in the API's shape and flattened."""

import pytest

from pipeline.normalize.google_workspace import recognizes
from tests.normalize.common import events, outcomes, reason, turns, vendor_rows

ID = {"time": "2026-01-31T09:00:04Z", "uniqueQualifier": "-1", "applicationName": "token", "customerId": "C1"}
GRANT = "google:grant/c-1/ana@example.com"


def activity(*named, application="token", **fields):
    happened = [{"type": "auth", "name": name, "parameters": parameters} for name, parameters in named]
    return {"kind": "admin#reports#activity", "id": {**ID, "applicationName": application}, "ipAddress": "192.0.2.5",
            "actor": {"email": "ana@example.com", "callerType": "USER"}, "events": happened, **fields}  # fmt: skip


def flat(name, parameters, application="token"):
    found = activity(application=application)
    del found["events"]
    return {**found, "name": name, "type": "auth", "parameters": parameters}


LISTED = [{"name": "client_id", "value": "c-1"}, {"name": "scope", "multiValue": ["a", "b"]}]
MAPPED = {"client_id": "c-1", "scope": ["a", "b"]}


@pytest.mark.parametrize("make", [lambda name: activity((name, LISTED)), lambda name: flat(name, MAPPED)])
def test_a_grant_has_one_name_when_it_is_given_used_and_revoked(make):
    (given,), (used,) = events(make("authorize")), events(make("activity"))
    assert (given.kind, given.issued, given.issued_kind) == ("token_issuance", GRANT, "session")
    assert (used.kind, used.credential) == ("cloud_audit", GRANT)
    assert turns(make("revoke")) == {"revokes": GRANT}
    assert (given.actor, given.human, given.address) == ("ana@example.com", "ana@example.com", "192.0.2.5")
    assert given.attributes["scope"] == '["a", "b"]'
    assert given.action == "workspace:token.authorize"


def test_an_activity_may_hold_several_events_and_is_the_same_however_it_came():
    one, two = events(activity(("authorize", LISTED), ("activity", LISTED)))
    assert (one.action, two.action) == ("workspace:token.authorize", "workspace:token.activity")
    assert two.event_id == f"{one.event_id}#1"
    assert events(flat("authorize", MAPPED))[0].event_id == one.event_id


@pytest.mark.parametrize(
    ("name", "outcome", "kind"),
    [("login_success", "success", "token_issuance"), ("login_failure", "failure", "token_issuance"),
     ("logout", "success", "token_issuance"), ("suspicious_login", "success", "cloud_audit")],
)  # fmt: skip
def test_logins_are_issuance(name, outcome, kind):
    found = [{"name": "login_failure_type", "value": "login_failure_invalid_password"}]
    (event,) = events(activity((name, found), application="login"))
    assert (event.outcome, event.kind) == (outcome, kind)
    assert event.error == ("login_failure_invalid_password" if outcome == "failure" else "")


def test_what_an_administrator_changed_is_named():
    (event,) = events(flat("ASSIGN_ROLE", {"USER_EMAIL": "bo@example.com", "ROLE_NAME": "_SEED_ADMIN"}, "admin"))
    assert event.resources == ["bo@example.com", "_SEED_ADMIN"]


def test_a_rule_is_a_policy():
    (event,) = events(activity(("rule_trigger", [{"name": "rule_name", "value": "No sharing"}]), application="rules"))
    assert event.policy == "No sharing"


def test_a_service_account_is_a_workload():
    actor = {"email": "x@p.iam.gserviceaccount.com"}
    (event,) = events(activity(("activity", LISTED), actor=actor))
    assert (event.actor_kind, event.human, event.credential) == ("workload", "", "")


@pytest.mark.parametrize("parameters", [5, "x", [5, {}, {"name": 5}], {"client_id": {"a": 1}}, None, {"": 1}])
def test_parameters_may_be_anything(parameters):
    assert events(flat("authorize", parameters))[0].kind in ("cloud_audit", "token_issuance")


def test_a_page_is_taken_activity_by_activity():
    page = {"kind": "admin#reports#activities", "items": [activity(("authorize", LISTED)), flat("x", {})]}
    assert len(events(page)) == 2


@pytest.mark.parametrize(
    ("found", "field"),
    [
        (activity(("", [])), "events[].name: "), (activity(), "name: "), (flat("x", {}) | {"actor": 5}, "actor: "),
        (activity(("x", []), id={**ID, "time": None}), "id.time: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(found, field):
    assert reason(found, "google.workspace").startswith(field)


def test_vendors_samples_are_accepted_unless_they_lack_a_time():
    rows = vendor_rows(recognizes)
    found, faults = outcomes(rows, "google.workspace")
    assert len(found) > 20
    assert faults == {"id.time": sum("time" not in row["id"] for row in rows)}
    assert all(event.actor for event in found)
