"""Okta System Log: login sessions, token grants, agents that act for people, API tokens, policy evaluations."""

import copy
import json

import pytest

from pipeline.normalize.okta_system_log import recognizes
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, outcomes, reason, turns, vendor_rows

ANA = {"id": "00u1ana", "type": "User", "alternateId": "ana@example.com", "displayName": "Ana", "detailEntry": None}
AGENT = {"id": "wlp1pay", "type": "AI Agent", "alternateId": "unknown", "displayName": "Invoice agent"}
LOGIN = {
    "uuid": "1b2c3d4e-0a1b-11ef-9c3d-1d2e3f405162", "published": "2026-01-31T09:00:04.123Z", "version": "0",
    "eventType": "user.session.start", "displayMessage": "User login to Okta", "severity": "INFO", "actor": ANA,
    "client": {"userAgent": {"rawUserAgent": "Mozilla/5.0", "os": "Linux"}, "zone": "null", "device": "Computer",
               "id": None, "ipAddress": "192.0.2.5"},
    "authenticationContext": {"externalSessionId": "trsEXAMPLE", "rootSessionId": "trsEXAMPLE"}, "target": None,
    "outcome": {"result": "SUCCESS", "reason": None}, "transaction": {"type": "WEB", "id": "T-1", "detail": {}},
    "debugContext": {"debugData": {"requestId": "T-1", "dtHash": "-", "requestUri": "/idp/idx/identify"}},
}  # fmt: skip
GRANT = {
    **LOGIN, "uuid": "2b2c3d4e-0a1b-11ef-9c3d-1d2e3f405162", "eventType": "app.oauth2.token.grant.id_jag",
    "actor": AGENT,
    "authenticationContext": {"externalSessionId": "unknown"}, "client": {"id": "wlp1pay", "ipAddress": "192.0.2.6"},
    "debugContext": {"debugData": {"grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
                                   "grantedScopes": "invoices.read", "clientSecret": "plain-client-secret"}},
    "target": [ANA, {"id": "ID.1", "type": "id_jag", "displayName": "ID-JAG", "alternateId": None, "detailEntry": {
        "expires": "2026-01-31T09:05:04.000Z", "subject": "00u1ana", "hash": "aGFzaDE", "actor": "wlp1planner"}}],
}  # fmt: skip
POLICY = {
    **LOGIN, "uuid": "3b2c3d4e-0a1b-11ef-9c3d-1d2e3f405162", "eventType": "policy.evaluate_sign_on",
    "outcome": {"result": "DENY", "reason": "Sign-on policy evaluation resulted in DENY"},
    "target": [{"id": "00p1", "type": "PolicyEntry", "displayName": "Finance"},
               {"id": "0pr1", "type": "PolicyRule", "displayName": "Managed devices"}],
}  # fmt: skip


def changed(base, **fields):
    return {**copy.deepcopy(base), **fields}


def test_a_login_opens_a_session_of_a_person():
    (event,) = events(LOGIN)
    assert (event.kind, event.action, event.outcome) == ("token_issuance", "okta:user.session.start", "success")
    assert (event.event_id, event.request) == (LOGIN["uuid"], "T-1")
    assert event.time == 1_769_850_004_123_000
    assert (event.actor, event.actor_kind, event.human) == ("ana@example.com", "human", "ana@example.com")
    assert (event.session, event.parent_session) == ("trsEXAMPLE", "")
    assert (event.issued, event.issued_kind) == ("", "login")
    assert (event.address, event.user_agent) == ("192.0.2.5", "Mozilla/5.0")
    assert "dtHash" not in event.attributes
    assert "zone" not in event.attributes


def test_a_grant_to_an_agent_issues_a_token_for_the_person_and_states_the_chain():
    (event,) = events(GRANT)
    assert (event.kind, event.issued, event.issued_kind) == ("token_issuance", "okta:aGFzaDE", "session")
    assert (event.actor, event.actor_kind, event.human) == ("wlp1pay", "agent", "ana@example.com")
    assert (event.issued_subject, event.issued_expires) == ("00u1ana", 1_769_850_304_000_000)
    assert json.loads(event.attributes["delegation"]) == ["wlp1pay", "wlp1planner", "ana@example.com"]
    assert event.session == ""


def test_a_chain_may_be_stated_as_nested_claims():
    record = copy.deepcopy(GRANT)
    record["target"][1]["detailEntry"]["actor"] = json.dumps({"sub": "wlp1pay", "act": {"sub": "wlp1planner"}})
    assert json.loads(events(record)[0].attributes["delegation"]) == ["wlp1pay", "wlp1planner", "ana@example.com"]


@pytest.mark.parametrize("actor", ["{", "{" * 3000, '{"sub": 5}', 7, [], "[]", "\x00"])
def test_a_chain_may_be_anything(actor):
    record = copy.deepcopy(GRANT)
    record["target"][1]["detailEntry"]["actor"] = actor
    assert events(record)[0].issued == "okta:aGFzaDE"


def test_a_failed_grant_issues_nothing():
    record = changed(GRANT, eventType="app.oauth2.token.grant", outcome={"result": "FAILURE", "reason": "bad_client"})
    (event,) = events(record)
    assert (event.kind, event.outcome, event.issued, event.error) == ("token_issuance", "failure", "", "bad_client")


def test_an_api_token_is_the_same_when_made_and_when_used():
    token = {"id": "00T1", "type": "Token", "displayName": "ci"}
    (made,) = events(changed(LOGIN, eventType="system.api_token.create", target=[token]))
    transaction = {"id": "T-2", "detail": {"requestApiTokenId": "00T1"}}
    (used,) = events(changed(LOGIN, eventType="user.lifecycle.create", transaction=transaction))
    assert (made.issued, made.issued_kind) == (used.credential, "api-key")
    assert used.kind == "cloud_audit"


def test_a_token_is_revoked_under_the_name_that_it_was_issued_with():
    token = {"id": "00T1", "type": "Token", "displayName": "ci"}
    assert turns(changed(LOGIN, eventType="system.api_token.revoke", target=[token])) == {"revokes": "okta:00T1"}
    granted = {
        "id": "AT.1",
        "type": "access_token",
        "detailEntry": {"expires": "2026-01-31T09:05:04.000Z", "hash": "aH"},
    }
    revoked = changed(LOGIN, eventType="app.oauth2.as.token.revoke", target=[granted])
    assert turns(revoked) == {"revokes": "okta:aH"}
    assert turns({**revoked, "outcome": {"result": "FAILURE"}}) == {}
    of_a_client = changed(
        LOGIN, eventType="app.oauth2.token.revoke.implicit.client", target=[{"id": "c", "type": "client"}]
    )
    assert turns(of_a_client) == {}


def test_an_evaluation_names_its_policy_and_rule_and_other_events_have_none():
    (event,) = events(POLICY)
    assert (event.policy, event.outcome) == ("Finance / Managed devices", "denied")
    assert events(changed(POLICY, eventType="policy.lifecycle.update"))[0].policy == ""


def test_a_session_within_another_has_a_parent():
    context = {"externalSessionId": "trsINNER", "rootSessionId": "trsEXAMPLE"}
    (event,) = events(changed(LOGIN, authenticationContext=context))
    assert (event.session, event.parent_session) == ("trsINNER", "trsEXAMPLE")


HOOK = {"eventType": "com.okta.event_hook", "cloudEventsVersion": "0.1", "eventTime": "2026-01-31T09:00:05Z",
        "data": {"events": [LOGIN, GRANT]}}  # fmt: skip
BRIDGE = {"source": "aws.partner/okta.com/x/y", "detail-type": "SystemLog", "detail": LOGIN}


@pytest.mark.parametrize(("envelope", "number"), [(HOOK, 2), (BRIDGE, 1), ([LOGIN, GRANT], 2)])
def test_envelopes_are_taken_event_by_event(envelope, number):
    assert [event.event_id for event in events(envelope)] == [LOGIN["uuid"], GRANT["uuid"]][:number]


def test_events_out_of_a_warehouse_have_no_capitals_in_their_names_and_mean_the_same():
    lower = {name.lower(): inner for name, inner in LOGIN.items()}
    (one,), (other,) = events(lower), events(LOGIN)
    for name in ("event_id", "action", "actor", "session", "credential", "address", "attributes"):
        assert getattr(one, name) == getattr(other, name)
    forged = {**LOGIN, "eventtype": "user.session.end"}
    assert events(forged)[0].action == other.action


@pytest.mark.parametrize("escaped", ["clientSecret", "client\\u0053ecret"])
def test_a_clients_secret_reaches_neither_event_nor_evidence(escaped):
    value = json.dumps(GRANT).replace("clientSecret", escaped).encode()
    (one,) = process(Record(value), CONTEXT)
    assert b"plain-client-secret" not in one.record.value
    assert "plain-client-secret" not in str(one.events)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"published": None}, "published: "), ({"published": "x"}, "published: "), ({"eventType": ""}, "eventType: "),
        ({"actor": "ana"}, "actor: "), ({"target": [{"id": 1}]}, "target[0].id: "),
        ({"client": {"ipAddress": 5}}, "client.ipAddress: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason(changed(LOGIN, **change), "okta.system-log").startswith(field)


def test_vendors_samples_are_accepted_unless_they_lack_a_time():
    rows = vendor_rows(recognizes)
    found, faults = outcomes(rows, "okta.system-log")
    assert found
    assert set(faults) <= {"published"}
    assert faults["published"] == sum(row.get("published", "redacted") == "redacted" for row in rows)
    assert all(event.actor and event.address for event in found)
    assert sum(bool(event.session) for event in found) > len(found) / 2
