"""Auth0 tenant logs: agents that act for people, token exchanges, the Management API's tokens, revocations, logouts."""

import copy
import json

import pytest

from pipeline.normalize.auth0_log import recognizes
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, outcomes, reason, turns, vendor_rows

ID = "90020260131090004123000000000000000000000001223372"
BASE = {
    "date": "2026-01-31T09:00:04.123Z", "type": "seacft", "description": "Code for token", "log_id": ID,
    "client_id": "cli_desk", "client_name": "Desk", "ip": "192.0.2.5", "user_id": "auth0|ana", "tenant_name": "example",
    "user_name": "ana@example.com", "user_agent": "Firefox", "details": {"access_token_jti": "T1"},
}  # fmt: skip
API = {
    **BASE, "type": "sapi", "description": "Create a role", "user_name": None, "user_id": "google-oauth2|1",
    "details": {"response": {"statusCode": 201, "body": {}}, "request": {
        "method": "post", "path": "/api/v2/roles", "body": {"client_secret": "plain-client-secret"},
        "auth": {"credentials": {"jti": "T1"}, "strategy": "jwt",
                 "user": {"email": "ana@example.com", "name": "Ana", "user_id": "google-oauth2|1"}}}},
}  # fmt: skip


def changed(base=BASE, **fields):
    return {**copy.deepcopy(base), **fields}


def test_a_client_that_takes_a_token_acts_for_the_person():
    (event,) = events(BASE)
    assert (event.event_id, event.kind, event.action, event.outcome) == (
        ID,
        "token_issuance",
        "auth0:seacft",
        "success",
    )
    assert event.time == 1_769_850_004_123_000
    assert (event.actor, event.actor_kind, event.human) == ("cli_desk", "workload", "ana@example.com")
    assert (event.issued, event.issued_kind, event.issued_subject) == ("jti:T1", "session", "auth0|ana")
    assert json.loads(event.attributes["delegation"]) == ["cli_desk", "ana@example.com"]
    assert (event.account, event.address, event.user_agent) == ("example", "192.0.2.5", "Firefox")


def test_a_management_call_uses_the_token_that_an_exchange_issued():
    (event,) = events(API)
    assert (event.kind, event.action) == ("cloud_audit", "auth0:sapi Create a role")
    assert event.credential == events(BASE)[0].issued
    assert (event.actor, event.actor_kind, event.actor_name) == ("ana@example.com", "human", "Ana")
    assert (event.resources, event.attributes["method"]) == (["/api/v2/roles"], "post")


def test_an_agent_acts_for_the_person_through_those_who_handed_the_token_on():
    actor = {"sub": "cli_agent", "act": {"sub": "cli_desk"}}
    told = changed(type="success_on_behalf_of_token_exchange", agent_id="agt_1", details={"actor": actor})
    (event,) = events(told)
    assert (event.actor, event.actor_kind, event.human) == ("agt_1", "agent", "ana@example.com")
    assert json.loads(event.attributes["delegation"]) == ["agt_1", "cli_desk", "ana@example.com"]
    (other,) = events(changed(told, agent_id=None, external_agent_id="ext-7"))
    assert (other.actor, other.actor_kind) == ("ext-7", "agent")
    (plain,) = events(changed(told, agent_id=None))
    assert (plain.actor, plain.actor_kind) == ("cli_agent", "workload")


@pytest.mark.parametrize(
    ("change", "actor", "kind", "human"),
    [
        ({"type": "s"}, "ana@example.com", "human", "ana@example.com"),
        ({"type": "s", "user_name": ""}, "auth0|ana", "human", "auth0|ana"),
        ({"type": "seccft", "user_name": "", "user_id": ""}, "cli_desk", "workload", ""),
        ({"type": "sapi", "user_name": None, "user_id": "cli_sync@clients"}, "cli_sync", "workload", ""),
        ({"type": "seccft", "user_name": "", "user_id": "", "client_id": None}, "", "", ""),
    ],
)  # fmt: skip
def test_who_acts_is_said_as_far_as_the_log_says_it(change, actor, kind, human):
    (event,) = events(changed(**change))
    assert (event.actor, event.actor_kind, event.human) == (actor, kind, human)


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("s", None, "success"), ("fp", None, "failure"), ("ferrt", 200, "failure"), ("sapi", 403, "denied"),
        ("fapi", 500, "failure"), ("mgmt_api_read", 200, "success"), ("limit_wc", None, "denied"),
        ("signup_pwd_leak", 200, "denied"), ("failed_on_behalf_of_token_exchange", None, "failure"),
        ("ciba_exchange_succeeded", None, "success"), ("depnote", None, ""), ("sapi", True, "success"),
    ],
)  # fmt: skip
def test_outcomes_are_what_the_code_or_the_answer_says(code, status, outcome):
    assert events(changed(type=code, details={"response": {"statusCode": status}}))[0].outcome == outcome


def test_a_failed_exchange_issues_nothing():
    (event,) = events(changed(type="feacft"))
    assert (event.kind, event.issued, event.error) == ("token_issuance", "", "Code for token")


@pytest.mark.parametrize(
    ("details", "session"),
    [
        ({"session_id": "S1"}, "S1"), ({"refresh_token": {"session_id": "S2"}}, "S2"),
        ({"prompts": [{"session_id": "S3"}, {"session_id": "S4"}]}, "S4"), ({"prompts": "x"}, ""), (None, ""), ([], ""),
    ],
)  # fmt: skip
def test_the_session_is_found_wherever_it_is_stated(details, session):
    assert events(changed(type="s", details=details))[0].session == session


def test_a_refresh_token_is_known_by_its_family_which_ends_when_one_of_it_is_used_twice():
    (event,) = events(changed(type="sertft", details={"familyId": "F1", "access_token_jti": "T2"}))
    assert (event.credential, event.issued) == ("auth0:F1", "jti:T2")
    assert turns(changed(type="ferrt", details={"familyId": "F1"})) == {"revokes": "auth0:F1"}


def test_revocations_name_the_credential_and_a_logout_ends_its_session():
    assert turns(changed(type="srrt", details={"credential_id": "dcr_1"})) == {"revokes": "auth0:dcr_1"}
    details = copy.deepcopy(API["details"])
    details["request"] |= {"method": "delete", "path": "/api/v2/refresh-tokens/rt_1"}
    assert turns(changed(API, details=details)) == {"revokes": "auth0:rt_1"}
    details["response"]["statusCode"] = 404
    assert turns(changed(API, details=details)) == {}
    (event,) = events(changed(type="slo", details={"session_id": "S1"}))
    assert (event.session, event.attributes["session"]) == ("S1", "ended")
    assert "session" not in events(changed(type="flo"))[0].attributes


STREAM = {"log_id": ID, "data": BASE}


@pytest.mark.parametrize(
    ("envelope", "number"),
    [(STREAM, 1), ([STREAM, BASE], 2), ({"source": "aws.partner/auth0.com/t-1", "detail": STREAM}, 1)],
)  # fmt: skip
def test_envelopes_are_taken_off(envelope, number):
    assert [event.event_id for event in events(envelope)] == [ID] * number


def test_an_id_that_is_none_of_auth0s_is_not_trusted_to_be_unique():
    one, two = (events(changed(log_id="1", ip=ip))[0] for ip in ("192.0.2.1", "192.0.2.2"))
    assert one.event_id != two.event_id


def test_a_secret_in_a_requests_body_reaches_neither_event_nor_evidence():
    (one,) = process(Record(json.dumps(API).encode()), CONTEXT)
    assert b"plain-client-secret" not in one.record.value
    assert "plain-client-secret" not in str(one.events)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"date": None}, "date: "), ({"date": "x"}, "date: "), ({"type": ""}, "type: "), ({"ip": 5}, "ip: "),
        ({"references": 5}, "references: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason(changed(**change), "auth0.log").startswith(field)


def test_vendors_samples_are_all_accepted():
    rows = vendor_rows(recognizes)
    found, faults = outcomes(rows, "auth0.log")
    assert len(found) == len(rows) > 10
    assert not faults
    assert all(event.actor and event.address for event in found)
    assert sum(bool(event.credential) for event in found) > len(found) / 2
