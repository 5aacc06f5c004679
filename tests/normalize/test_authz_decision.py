"""Authorization decisions: AuthZEN's requests with their responses, and the flat shape."""

import json

import pytest

from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, reason

TRACE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
ASKED = {
    "timestamp": "2026-01-31T09:00:04.120Z", "request_id": "R-1",
    "request": {"subject": {"type": "user", "id": "ana@example.com"}, "action": {"name": "pay"},
                "resource": {"type": "invoice", "id": "4711"}},
    "response": {"decision": True},
}  # fmt: skip
FLAT = {"timestamp": "2026-01-31T09:00:04Z", "subject": "invoices", "action": "pay", "decision": "deny"}


def asked(response=None, **more):
    request = {**ASKED["request"], **more}
    return {**ASKED, "request": request, "response": response or ASKED["response"]}


def test_an_evaluation_says_who_asked_for_what_and_what_was_decided():
    (event,) = events(ASKED)
    assert (event.kind, event.action, event.outcome) == ("cloud_audit", "authz:pay", "success")
    assert (event.actor, event.actor_kind, event.human) == ("ana@example.com", "human", "ana@example.com")
    assert (event.resources, event.request, event.policy) == (["invoice/4711"], "R-1", "")
    assert (event.time, event.error) == (1_769_850_004_120_000, "")


def test_an_agent_in_the_context_acts_for_the_subject():
    context = {"agent": "invoices", "session": "s", "tool_call": "c1", "task": "pay all", "jti": "7", "ip": "192.0.2.7",
               "traceparent": TRACE}  # fmt: skip
    (event,) = events(asked(context=context))
    assert (event.actor, event.actor_kind, event.human) == ("invoices", "agent", "ana@example.com")
    assert json.loads(event.attributes["delegation"]) == ["invoices", "ana@example.com"]
    assert (event.session, event.tool_call, event.credential, event.address) == ("s", "c1", "jti:7", "192.0.2.7")
    assert (event.trace, event.parent_span, event.attributes["task"]) == ("ab" * 16, "cd" * 8, "pay all")


def test_nested_actors_of_a_subjects_token_are_a_chain():
    claims = {"sub": "ana", "act": {"sub": "invoices", "act": {"sub": "planner"}}}
    (event,) = events(asked(subject={"type": "user", "id": "ana", "properties": claims}))
    assert (event.actor, event.human) == ("invoices", "ana")
    assert json.loads(event.attributes["delegation"]) == ["invoices", "planner", "ana"]


@pytest.mark.parametrize(
    ("context", "policy", "error"),
    [
        ({"reason_admin": {"en": "abroad"}}, "", '{"en": "abroad"}'),
        ({"reason": "abroad", "id": "p7"}, "p7", "abroad"),
        ({"policy": {"id": "pay", "version": "r4", "rule": "small"}}, "pay / small (r4)", ""),
        ({"policy_id": "pay", "policy_version": "r4"}, "pay (r4)", ""),
    ],
)  # fmt: skip
def test_a_response_may_say_why_and_by_which_policy(context, policy, error):
    (event,) = events(asked({"decision": False, "context": context}))
    assert (event.outcome, event.policy, event.error) == ("denied", policy, error)


def test_several_evaluations_are_several_events_with_what_they_share():
    request = {"subject": {"type": "agent", "id": "a"}, "evaluations": [{"action": {"name": "read"}},
               {"action": {"name": "pay"}, "subject": {"type": "workload", "id": "b"}}]}  # fmt: skip
    response = {"evaluations": [{"decision": True}, {"decision": False}]}
    one, two = events({"timestamp": 1769850004, "request": request, "response": response})
    assert (one.actor, one.actor_kind, one.action, one.outcome) == ("a", "agent", "authz:read", "success")
    assert (two.actor, two.actor_kind, two.action, two.outcome) == ("b", "workload", "authz:pay", "denied")
    assert one.event_id != two.event_id


def test_the_flat_shape_says_all_that_a_decision_may_say():
    (event,) = events({
        **FLAT, "on_behalf_of": ["planner", "ana@example.com"], "resource": {"type": "account", "id": "7"},
        "task": "pay all", "session": "s", "tool_call": "c1", "policy": "payments", "policy_version": "r4",
        "reason": "limit", "credential": "jti:7", "trace": "t", "span": "p", "address": "192.0.2.7", "pdp": "opal",
    })  # fmt: skip
    assert (event.actor, event.human, event.outcome) == ("invoices", "ana@example.com", "denied")
    assert json.loads(event.attributes["delegation"]) == ["invoices", "planner", "ana@example.com"]
    assert (event.policy, event.error, event.resources) == ("payments (r4)", "limit", ["account/7"])
    assert (event.session, event.tool_call, event.credential) == ("s", "c1", "jti:7")
    assert (event.trace, event.parent_span, event.address) == ("t", "p", "192.0.2.7")
    assert (event.attributes["task"], event.attributes["pdp"]) == ("pay all", "opal")


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [(True, "success"), (False, "denied"), ("ALLOW", "success"), ("Permit", "success"), ("Deny", "denied")],
)
def test_a_decision_may_be_written_in_any_usual_way(decision, outcome):
    assert events({**FLAT, "decision": decision})[0].outcome == outcome


@pytest.mark.parametrize("who", ["subject", "principal", "actor"])
def test_who_asks_may_have_any_usual_name(who):
    found = {name: value for name, value in FLAT.items() if name != "subject"} | {who: {"type": "service", "id": "x"}}
    assert (events(found)[0].actor, events(found)[0].actor_kind) == ("x", "service")


def test_tokens_that_are_asked_with_reach_neither_event_nor_evidence():
    found = asked(context={"access_token": "plain-old-token", "headers": {"authorization": "Basic cmF3Y3JlZHM="}})
    (one,) = process(Record(json.dumps(found).encode()), CONTEXT)
    assert not any(secret in str(one.events) + str(one.record.value) for secret in ("plain-old-token", "cmF3Y3JlZHM"))


@pytest.mark.parametrize(
    ("found", "field"),
    [
        ({**FLAT, "decision": "perhaps"}, "decision: "), ({**FLAT, "timestamp": None}, "timestamp: "),
        ({**FLAT, "session": 7}, "session: "), ({**ASKED, "response": {"decision": None}}, "decision: "),
        ({**ASKED, "request": {"evaluations": []}, "response": {"evaluations": []}}, "response.evaluations: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(found, field):
    assert reason(found, "authz.decision").startswith(field)
