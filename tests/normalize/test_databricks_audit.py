"""Databricks: tokens made, used and revoked under one name, who ran what as whom, both spellings."""

import json

import pytest

from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, reason, turns

PRINCIPAL = "3f2504e0-4f89-41d3-9a0c-0305e82c33e1"
FILE = {"serviceName": "accounts", "actionName": "generateDbToken", "timestamp": 1769850004123, "requestId": "r-1",
        "sessionId": "s-1", "sourceIPAddress": "192.0.2.5", "userAgent": "curl/8", "workspaceId": "77",
        "accountId": "a-1", "userIdentity": {"email": "ana@example.com", "subjectName": None},
        "requestParams": {"tokenHash": "h1", "tokenExpirationTime": "1769853604000"},
        "response": {"statusCode": 200, "errorMessage": None}}  # fmt: skip
ROW = {"service_name": "accounts", "action_name": "generateDbToken", "event_time": "2026-01-31T09:00:04.123Z",
       "request_id": "r-1", "session_id": "s-1", "source_ip_address": "192.0.2.5", "user_agent": "curl/8",
       "workspace_id": 77, "account_id": "a-1", "user_identity": '{"email": "ana@example.com"}',
       "request_params": {"tokenHash": "h1", "tokenExpirationTime": 1769853604000},
       "response": '{"status_code": 200}', "event_id": "3f2504e0-4f89-41d3-9a0c-0305e82c33e3"}  # fmt: skip


def call(action, asked, **fields):
    return {**FILE, "actionName": action, "requestParams": asked, **fields}


@pytest.mark.parametrize("found", [FILE, ROW])
def test_a_new_token_is_issued_until_it_expires(found):
    (event,) = events(found)
    assert (event.kind, event.issued, event.issued_kind) == ("token_issuance", "databricks:h1", "api-key")
    assert (event.issued_expires, event.issued_subject) == (1_769_853_604_000_000, "ana@example.com")
    assert (event.action, event.outcome, event.time) == (
        "databricks:accounts.generateDbToken", "success", 1_769_850_004_123_000)  # fmt: skip
    assert (event.actor, event.human, event.session, event.request) == (
        "ana@example.com", "ana@example.com", "s-1", "r-1")  # fmt: skip
    assert (event.address, event.user_agent, event.account) == ("192.0.2.5", "curl/8", "77")


def test_a_token_has_one_name_when_it_is_used_and_revoked():
    assert events(call("tokenLogin", {"tokenId": "h1"}))[0].credential == "databricks:h1"
    assert turns(call("revokeDbToken", {"tokenHash": "h1"})) == {"revokes": "databricks:h1"}
    assert turns(call("revokeDbToken", {"tokenHash": "h1"}, response={"statusCode": 404})) == {}
    assert turns(call("revokeDbToken", {"tokenHash": "h1"}, serviceName="unityCatalog")) == {}


def test_a_token_may_be_named_in_the_answer():
    answer = {"statusCode": 200, "result": json.dumps({"token_info": {"token_id": "h2"}, "token_value": "dapiSECRET"})}
    record = call("generateDbToken", {}, response=answer)
    (event,) = events(record)
    assert event.issued == "databricks:h2"
    nested = {**record, "response": {"statusCode": 200, "result": {"token_value": "dapiSECRET"}}}
    for found in (record, nested):
        (one,) = process(Record(json.dumps(found).encode()), CONTEXT)
        assert b"dapiSECRET" not in one.record.value
        assert "dapiSECRET" not in str(one.events)


def test_who_ran_it_and_as_whom_are_both_stated():
    ran = {"run_by": "ana@example.com", "run_as": PRINCIPAL, "acting_resource": "job/7"}
    (event,) = events({**ROW, "service_name": "unityCatalog", "action_name": "getTable", "identity_metadata": ran})
    assert (event.actor, event.actor_kind, event.human) == (PRINCIPAL, "workload", "ana@example.com")
    assert json.loads(event.attributes["delegation"]) == [PRINCIPAL, "ana@example.com"]
    assert event.attributes["actingResource"] == "job/7"


@pytest.mark.parametrize(
    ("action", "issued"),
    [("samlLogin", "login"), ("logout", "login"), ("mintOAuthToken", "session"), ("tokenLogin", "")],
)
def test_logins_and_tokens_are_issuance(action, issued):
    (event,) = events(call(action, {}))
    assert (event.issued_kind, event.issued) == (issued, "")
    assert event.kind == ("token_issuance" if issued else "cloud_audit")


@pytest.mark.parametrize(
    ("code", "outcome"), [(200, "success"), (403, "denied"), ("401", "denied"), (500, "failure"), (None, ""), ("x", "")]
)
def test_what_came_of_it_is_the_status(code, outcome):
    assert events(call("login", {}, response={"statusCode": code}))[0].outcome == outcome


def test_acts_of_the_account_are_the_accounts():
    assert events({**ROW, "workspace_id": 0})[0].account == "a-1"


@pytest.mark.parametrize("expires", ["-1", "x", "9" * 400, [1], None, 10**18])
def test_an_expiry_may_be_anything(expires):
    assert events(call("generateDbToken", {"tokenExpirationTime": expires}))[0].issued_expires == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"actionName": ""}, "action_name: "), ({"timestamp": None}, "timestamp: "),
        ({"timestamp": "x"}, "timestamp: "),
        ({"requestId": 5}, "requestId: "), ({"event_time": "x"}, "event_time: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason({**FILE, **change}, "databricks.audit").startswith(field)
