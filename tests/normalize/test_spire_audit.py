"""SPIRE: SVIDs that are issued, for whom and until when; calls of the APIs; lines that tell of nothing."""

import json

import pytest

from pipeline.normalize.spire_audit import SOURCE, recognizes
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, reason

AGENT = "spiffe://example.org/spire/agent/k8s_psat/prod/n1"
CALL = {
    "level": "info", "msg": "API accessed", "subsystem_name": "api", "time": "2026-01-31T09:00:04Z", "type": "audit",
    "status": "success", "authorized_as": "agent", "authorized_via": "datastore", "caller_addr": "192.0.2.9:49152",
    "caller_id": AGENT, "method": "BatchNewX509SVID", "service": "svid.v1.SVID", "request_id": "req-1",
    "entry_id": "e-1", "spiffe_id": "spiffe://example.org/pay", "expires_at": 1_769_853_604, "csr": "ab12",
}  # fmt: skip
SIGNED = {**CALL, "msg": "Signed X509 SVID", "type": None, "status": None, "expires_at": None,
          "expiration": "2026-01-31T10:00:04Z", "serial_num": "2034"}  # fmt: skip


def test_an_svid_is_issued_to_a_workload_by_an_entry_through_an_agent():
    (event,) = events(CALL)
    assert (event.kind, event.action, event.outcome) == ("token_issuance", "spire:BatchNewX509SVID", "success")
    assert (event.actor, event.actor_kind, event.address) == (AGENT, "service", "192.0.2.9")
    assert (event.issued_subject, event.policy) == ("spiffe://example.org/pay", "entry e-1")
    assert (event.issued, event.issued_expires) == ("", 1_769_853_604_000_000)
    assert (event.request, event.attributes["csr"]) == ("req-1", "ab12")


def test_the_line_of_the_signature_states_the_serial_number_in_the_same_request():
    (event,) = events(SIGNED)
    assert (event.kind, event.action, event.issued) == ("token_issuance", "spire:sign X.509", "x509:serial/2034")
    (call,) = events(CALL)
    assert (event.request, event.issued_expires) == (call.request, call.issued_expires)
    assert event.event_id != call.event_id


def test_the_entries_of_one_batch_are_events_of_their_own():
    one, two = events([CALL, {**CALL, "entry_id": "e-2"}])
    assert (one.request == two.request, one.event_id == two.event_id) == (True, False)


@pytest.mark.parametrize(
    ("change", "outcome", "error"),
    [
        ({"status_code": "PermissionDenied", "status_message": "no"}, "denied", "PermissionDenied: no"),
        ({"status_code": "NotFound", "status_message": "entry not found"}, "failure", "NotFound: entry not found"),
        ({}, "failure", ""),
    ],
)  # fmt: skip
def test_a_call_that_fails_issues_nothing(change, outcome, error):
    (event,) = events({**CALL, "status": "error", **change})
    assert (event.outcome, event.error, event.issued_subject, event.issued_expires) == (outcome, error, "", 0)


@pytest.mark.parametrize(
    ("change", "actor", "kind", "address"),
    [
        ({"caller_id": "spiffe://example.org/admin"}, "spiffe://example.org/admin", "workload", "192.0.2.9"),
        ({"caller_id": None, "caller_uid": 1000, "caller_addr": "@"}, "uid:1000", "", ""),
        ({"caller_addr": "[2001:db8::9]:80"}, AGENT, "service", "2001:db8::9"),
        ({"caller_id": None, "caller_addr": None}, "", "", ""),
    ],
)  # fmt: skip
def test_callers_are_named_as_far_as_the_line_names_them(change, actor, kind, address):
    (event,) = events({**CALL, **change})
    assert (event.actor, event.actor_kind, event.address) == (actor, kind, address)


def test_other_calls_are_about_their_entry_and_no_policy():
    (event,) = events({**CALL, "method": "BatchDeleteEntry", "spiffe_id": None})
    assert (event.kind, event.resources, event.policy) == ("cloud_audit", ["entry/e-1"], "")


@pytest.mark.parametrize(("stated", "micros"), [
    ("1769853604", 1_769_853_604_000_000), (True, 0), ("soon", 0), (10**400, 0), (5, 0), (1.5, 0), (None, 0),
])  # fmt: skip
def test_an_expiry_that_is_none_is_not_believed(stated, micros):
    assert events({**CALL, "expires_at": stated})[0].issued_expires == micros


def test_lines_that_tell_of_no_call_give_no_event():
    told = {"level": "info", "msg": "Starting Server APIs", "subsystem_name": "endpoints", "time": CALL["time"]}
    assert recognizes(told)
    (one,) = process(Record(json.dumps(told).encode(), "spire.audit"), CONTEXT)
    assert (one.events, one.ignored) == ([], SOURCE.ignores)


def test_other_programs_lines_are_not_taken_for_spires():
    told = {"level": "info", "time": CALL["time"], "type": "audit", "msg": "user created"}
    assert not recognizes(told)
    assert not recognizes({**told, "msg": []})
    assert recognizes({**told, "msg": "API accessed"})


def test_a_join_token_reaches_neither_event_nor_evidence():
    told = {**CALL, "method": "CreateJoinToken", "token": "plain-join-token"}
    (one,) = process(Record(json.dumps(told).encode()), CONTEXT)
    assert b"plain-join-token" not in one.record.value
    assert "plain-join-token" not in str(one.events)


@pytest.mark.parametrize(("change", "field"), [
    ({"time": None}, "time: "), ({"time": 5}, "time: "), ({"method": None}, "method: "),
    ({"spiffe_id": {}}, "spiffe_id: "),
])  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason({**CALL, **change}, "spire.audit").startswith(field)
