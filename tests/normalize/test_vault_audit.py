"""Vault audit: logins, tokens, leases, wrappings, granting policies; and logs that hash nothing."""

import copy
import json

import pytest

from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, reason, turns

HASH = "hmac-sha256:"
AUTH = {
    "client_token": HASH + "aa01", "accessor": HASH + "bb01", "display_name": "kubernetes-agent-pay",
    "entity_id": "9b1c6a52-7f0d-4d0e-8e2f-1a2b3c4d5e6f", "token_type": "service", "policies": ["default", "pay"],
    "metadata": {"role": "pay", "service_account_name": "pay", "service_account_namespace": "agent"},
    "token_issue_time": "2026-01-31T09:00:00Z", "token_ttl": 3600,
    "policy_results": {"allowed": True, "granting_policies": [
        {"name": "pay", "namespace_id": "root", "type": "acl"}, {"name": "hours", "type": "egp"}]},
}  # fmt: skip
READ = {
    "time": "2026-01-31T09:00:04.123456789Z", "type": "response", "auth": AUTH,
    "request": {
        "id": "4f0f7a1e-2d8c-4c55-9a5f-0c1d2e3f4a5b", "operation": "read", "path": "secret/data/db", "mount_type": "kv",
        "client_token": HASH + "aa01", "client_token_accessor": HASH + "bb01", "client_id": "c-1",
        "namespace": {"id": "n1", "path": "team/"}, "remote_address": "192.0.2.8", "remote_port": 40000,
    },
    "response": {"mount_type": "kv", "data": {"data": {"password": HASH + "cc01"}}},
}  # fmt: skip
LOGIN = {
    "time": "2026-01-31T09:00:00.5Z", "type": "response", "auth": AUTH,
    "request": {"id": "5f0f7a1e-2d8c-4c55-9a5f-0c1d2e3f4a5b", "operation": "update", "path": "auth/kubernetes/login",
                "mount_type": "kubernetes", "remote_address": "192.0.2.8", "data": {"jwt": HASH + "dd01"}},
    "response": {"auth": AUTH, "mount_type": "kubernetes"},
}  # fmt: skip
AWS = {
    **READ, "request": {**READ["request"], "id": "6f0f7a1e-2d8c-4c55-9a5f-0c1d2e3f4a5b", "path": "aws/sts/deploy",
                        "mount_type": "aws"},
    "response": {"secret": {"lease_id": "aws/sts/deploy/x1"}, "data": {
        "access_key": "ASIAEXAMPLEEXAMPLE12", "secret_key": HASH + "ee01", "security_token": HASH + "ee02"}},
}  # fmt: skip


def changed(base, **fields):
    return {**copy.deepcopy(base), **fields}


def test_a_read_keeps_every_field_that_links():
    (event,) = events(READ)
    assert (event.kind, event.action, event.outcome, event.phase) == ("cloud_audit", "vault:read kv", "success", "end")
    assert (event.event_id, event.request) == (READ["request"]["id"], READ["request"]["id"])
    assert event.time == 1_769_850_004_123_456
    assert (event.actor, event.actor_name) == (AUTH["entity_id"], "kubernetes-agent-pay")
    assert (event.credential, event.issued) == (f"vault:{HASH}bb01", "")
    assert (event.resources, event.account, event.address) == (["secret/data/db"], "team/", "192.0.2.8")
    assert event.policy == "acl:pay, egp:hours"


def test_a_login_uses_no_token_and_issues_the_one_that_is_used_afterwards():
    (event,) = events(LOGIN)
    assert (event.kind, event.action, event.actor_kind) == ("token_issuance", "vault:login kubernetes", "workload")
    assert (event.credential, event.issued) == ("", events(READ)[0].credential)
    assert (event.issued_kind, event.issued_subject) == ("session", AUTH["entity_id"])
    assert event.issued_expires == 1_769_853_600_000_000


def test_a_child_token_is_issued_with_its_parent_and_a_renewed_one_is_not_issued_again():
    path = {**READ["request"], "operation": "update", "path": "auth/token/create", "mount_type": "token"}
    (event,) = events(changed(READ, request=path, response={"auth": {**AUTH, "accessor": HASH + "bb02"}}))
    assert (event.credential, event.issued) == (f"vault:{HASH}bb01", f"vault:{HASH}bb02")
    (event,) = events(changed(READ, request={**path, "path": "auth/token/renew-self"}, response={"auth": AUTH}))
    assert (event.kind, event.issued) == ("token_issuance", "")
    assert (event.attributes["renews"], event.issued_expires) == (f"vault:{HASH}bb01", 1_769_853_600_000_000)


@pytest.mark.parametrize(
    ("path", "data", "revoked"),
    [
        ("auth/token/revoke-self", None, HASH + "bb01"),
        ("auth/token/revoke-accessor", {"accessor": HASH + "bb02"}, HASH + "bb02"),
        ("auth/token/revoke", {"token": HASH + "aa02"}, None),
        ("auth/token/revoke", {"token": HASH + "aa01"}, HASH + "bb01"),
        ("auth/token/revoke-accessor", "none", None),
        ("sys/leases/revoke", {"lease_id": "aws/sts/deploy/x1"}, "aws/sts/deploy/x1"),
        ("sys/leases/revoke", {"lease_id": HASH + "ff01"}, None),
        ("sys/leases/revoke/aws/sts/deploy/x1", None, "aws/sts/deploy/x1"),
        ("sys/leases/revoke-prefix/aws/sts", None, None),
        ("auth/token/tidy", None, None),
    ],
)
def test_what_is_revoked_is_named_as_it_was_issued_or_not_at_all(path, data, revoked):
    request = {**READ["request"], "operation": "update", "path": path, **({} if data is None else {"data": data})}
    entry = {**READ, "request": request, "response": None}
    assert turns(entry) == ({"revokes": f"vault:{revoked}"} if revoked else {})
    assert turns({**entry, "error": "1 error occurred"}) == {}
    assert turns({**entry, "type": "request"}) == {}


def test_an_aws_key_that_is_exempt_from_hashing_is_the_one_that_cloudtrail_shows():
    (event,) = events(AWS)
    assert (event.kind, event.issued, event.issued_kind) == ("token_issuance", "aws:ASIAEXAMPLEEXAMPLE12", "lease")
    assert event.credential == f"vault:{HASH}bb01"


def test_a_hashed_dynamic_secret_is_known_by_its_lease():
    hashed = {**AWS["response"], "data": {"access_key": HASH + "ff01"}}
    assert events(changed(AWS, response=hashed))[0].issued == "vault:aws/sts/deploy/x1"


def test_a_wrapped_answer_issues_the_wrapping_token():
    wrap = {"token": HASH + "01", "accessor": HASH + "02", "wrapped_accessor": HASH + "03", "ttl": 60,
            "creation_path": "auth/approle/login", "creation_time": "2026-01-31T09:00:00Z"}  # fmt: skip
    (event,) = events(changed(LOGIN, response={"wrap_info": wrap}))
    assert (event.issued, event.issued_kind) == (f"vault:{HASH}02", "wrapping")
    assert event.issued_expires == 1_769_850_060_000_000
    assert event.attributes["wrapped_accessor"] == HASH + "03"


def test_a_request_and_its_response_are_two_events_of_one_request():
    asked = {name: READ[name] for name in ("time", "auth", "request")}
    (first,), (second,) = events({**asked, "type": "request"}), events(READ)
    assert (first.phase, first.outcome, first.request) == ("start", "", second.request)
    assert first.event_id != second.event_id


@pytest.mark.parametrize(
    ("error", "outcome"),
    [("1 error occurred:\n\t* permission denied\n\n", "denied"), ("unsupported path", "failure")],
)
def test_an_error_says_what_came_of_it_and_nothing_is_issued(error, outcome):
    (event,) = events(changed(LOGIN, error=error))
    assert (event.kind, event.outcome, event.issued) == ("token_issuance", outcome, "")


def test_a_policy_that_was_not_said_to_grant_is_none():
    (event,) = events(changed(READ, auth={**AUTH, "policy_results": None}))
    assert event.policy == ""
    assert event.attributes["policies"] == "default, pay"


RAW = {
    **LOGIN, "auth": {**AUTH, "client_token": "s.rawrawrawrawraw1", "accessor": "acc1"},
    "request": {**LOGIN["request"], "data": {"password": "hunter2hunter2"}, "headers": {"authorization": ["x cmF3"]}},
    "response": {"auth": {**AUTH, "client_token": "s.rawrawrawrawraw1", "accessor": ""},
                 "data": {"secret_key": ["rawsecretkey1"]}, "wrap_info": {"token": "hvs.rawraw"}},
}  # fmt: skip
SECRETS = ["s.rawrawrawrawraw1", "hunter2hunter2", "cmF3", "rawsecretkey1", "hvs.rawraw"]


@pytest.mark.parametrize("record", [RAW, {**RAW, "type": "request", "auth": None, "response": None}])
def test_what_a_device_logs_raw_reaches_neither_event_nor_evidence(record):
    (one,) = process(Record(json.dumps(record).encode()), CONTEXT)
    assert one.rejected is None
    assert not any(secret in str(one.events) or secret in str(one.record.value) for secret in SECRETS)
    assert json.loads(one.record.value)["request"]["path"] == "auth/kubernetes/login"


def test_a_raw_token_links_by_its_keyed_hash():
    issued = events(RAW)[0].issued
    used = {**READ["request"], "client_token": "s.rawrawrawrawraw1", "client_token_accessor": ""}
    assert issued.startswith("vault:<secret:")
    assert events(changed(READ, request=used))[0].credential == issued


def test_evidence_of_a_hashing_device_is_the_very_same_bytes():
    value = json.dumps(AWS).encode()
    assert process(Record(value), CONTEXT)[0].record.value is value


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time": None}, "time: "), ({"time": "late"}, "time: "), ({"type": "audit"}, "type: "),
        ({"request": {"path": "a"}}, "request.operation: "), ({"auth": {"policies": [1]}}, "auth.policies[0]: "),
        ({"response": {"auth": {"token_ttl": "1h"}}}, "response.auth.token_ttl: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason(changed(READ, **change), "vault.audit").startswith(field)
