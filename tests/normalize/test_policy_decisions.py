"""Decision logs of OPA and Cedar: who asked for what, what was decided, by which policy."""

import copy
import json

import pytest

from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, reason

OPA = {
    "labels": {"app": "payments", "id": "1b2c", "version": "1.0.0"},
    "decision_id": "1b2c3d4e-0a1b-4cef-9c3d-1d2e3f405162", "path": "tools/authz/allow",
    "bundles": {"authz": {"revision": "r7"}}, "requested_by": "[2001:db8::7]:59943", "result": True,
    "timestamp": "2026-01-31T09:00:04.123456789Z", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f0",
    "input": {"user": "ana", "method": "GET", "path": ["invoices", "7"], "password": "hunter2hunter2",
              "headers": {"authorization": "Basic cmF3Y3JlZHM="}},
}  # fmt: skip
CHAIN = {"sub": "ana", "act": {"sub": "invoice-agent", "act": {"sub": "planner"}}}
CEDAR = {
    "id": "019394db-f52b-7b06-88b8-a288670a32c1", "request_id": "R-1", "timestamp": "2026-01-31T09:00:04.123Z",
    "log_kind": "Decision", "pdp_id": "pdp-1", "policystore_id": "store", "policystore_version": "1.2",
    "principal": ["App::Workload", "App::User"], "User": {"sub": "ana"}, "Workload": {"client_id": "invoice-agent"},
    "diagnostics": {"reason": [{"id": "p-7", "description": "agents may read"}], "errors": []},
    "action": 'App::Action::"Read"', "resource": 'App::Invoice::"7"', "decision": "ALLOW",
    "tokens": {"access_token": {"jti": "j-1"}}, "application_id": "payments",
}  # fmt: skip


def asked(**fields):
    found = copy.deepcopy(OPA)
    found["input"] = fields
    return found


def test_a_decision_of_opa_names_who_asked_the_policy_and_its_revision():
    (event,) = events(OPA)
    assert (event.kind, event.action, event.outcome) == ("cloud_audit", "opa:tools/authz/allow", "success")
    assert (event.event_id, event.time) == (OPA["decision_id"], 1_769_850_004_123_456)
    assert (event.actor, event.attributes["actorField"]) == ("ana", "input.user")
    assert (event.policy, event.account) == ("tools/authz/allow (authz r7)", "payments")
    assert (event.trace, event.parent_span) == (OPA["trace_id"], "00f0")
    assert (event.resources, event.address) == (["invoices/7"], "2001:db8::7")


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (False, "denied"),
        ({"allow": False}, "denied"),
        ({"allowed": True}, "success"),
        ([1], ""),
        (None, ""),
    ],
)
def test_what_opa_decided_is_said_where_the_result_says_it(result, outcome):
    assert events({**OPA, "result": result})[0].outcome == outcome
    assert events({**OPA, "result": result, "error": {"message": "undefined"}})[0].outcome == "failure"


def test_the_act_claims_of_a_token_are_a_chain_whose_first_acts():
    (event,) = events(asked(user="ana", token={"payload": CHAIN}))
    assert event.actor == "invoice-agent"
    assert json.loads(event.attributes["delegation"]) == ["invoice-agent", "planner", "ana"]


@pytest.mark.parametrize(
    ("found", "actor", "kind"),
    [
        ({"attributes": {"source": {"principal": "spiffe://example.com/pay"}}}, "spiffe://example.com/pay", "workload"),
        ({"request": {"userInfo": {"username": "system:node:n"}}}, "system:node:n", ""),
        ({"subject": {"id": "ben"}}, "ben", ""), ({"user": ["x"], "claims": CHAIN["act"]}, "planner", ""), ({}, "", ""),
    ],
)  # fmt: skip
def test_who_asks_is_read_where_inputs_name_it(found, actor, kind):
    (event,) = events(asked(**found))
    assert (event.actor, event.actor_kind) == (actor, kind)


def test_credentials_in_an_input_reach_neither_event_nor_evidence():
    (one,) = process(Record(json.dumps(OPA).encode()), CONTEXT)
    assert not any(secret in str(one.events) + str(one.record.value) for secret in ("hunter2hunter2", "cmF3Y3JlZHM"))


def test_a_decision_of_cedar_names_its_policies_store_and_token():
    (event,) = events(CEDAR)
    assert (event.kind, event.action, event.outcome) == ("cloud_audit", 'cedar:App::Action::"Read"', "success")
    assert (event.event_id, event.request, event.time) == (CEDAR["id"], "R-1", 1_769_850_004_123_000)
    assert (event.actor, event.actor_kind, event.human) == ("invoice-agent", "workload", "ana")
    assert json.loads(event.attributes["delegation"]) == ["invoice-agent", "ana"]
    assert (event.policy, event.credential) == ("p-7 (store 1.2)", "jti:j-1")
    assert event.resources == ['App::Invoice::"7"']


def test_cedars_own_shape_is_understood_too_and_a_denial_by_default_has_no_policy():
    own = {"timestamp": "2026-01-31T09:00:04Z", "decision": "Deny", "principal": {"type": "User", "id": "ana"},
           "action": {"type": "Action", "id": "read"}, "resource": {"__entity": {"type": "Doc", "id": "7"}},
           "diagnostics": {"reason": [], "errors": ["e"]}}  # fmt: skip
    (event,) = events(own)
    assert (event.outcome, event.policy, event.error) == ("denied", "", "e")
    assert (event.actor, event.action, event.resources) == ('User::"ana"', 'cedar:Action::"read"', ['Doc::"7"'])
    own["diagnostics"]["reason"] = ["policy0"]
    assert events(own)[0].policy == "policy0"


def test_what_cedarling_says_of_itself_is_no_event():
    record = {"log_kind": "System", "pdp_id": "p", "timestamp": "2026-01-31T09:00:04Z", "msg": "started"}
    (one,) = process(Record(json.dumps(record).encode()), CONTEXT)
    assert (one.rejected, one.events) == (None, [])
    assert one.ignored


@pytest.mark.parametrize(
    ("found", "field"),
    [
        ({**OPA, "timestamp": None}, "timestamp: "), ({**OPA, "path": None}, "path: "),
        ({**OPA, "labels": 1}, "labels: "),
        ({**CEDAR, "timestamp": None}, "timestamp: "), ({**CEDAR, "decision": "PERHAPS"}, "decision: "),
        ({**CEDAR, "diagnostics": {"reason": "x"}}, "diagnostics.reason: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(found, field):
    assert reason(found).startswith(field)
