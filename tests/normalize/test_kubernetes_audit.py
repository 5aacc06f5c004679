"""Kubernetes audit: requests, tokens issued and used, impersonation, what RBAC said, and what must not be kept."""

import copy
import json

import pytest

from pipeline.normalize.kubernetes_audit import recognizes
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, outcomes, reason, vendor_rows

TOKEN = "5c1f9b1e-7a3c-4f0e-9d55-2b1c8f6f4a10"
ALLOWED = 'RBAC: allowed by RoleBinding "read/pods" of Role "reader" to ServiceAccount "agent/pay"'
REQUEST = {
    "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
    "auditID": "2e9f0b5a-3f8e-4f5b-8a34-6f9f0d1c2b3a", "verb": "get",
    "requestURI": "/api/v1/namespaces/agent/secrets/db",
    "user": {
        "username": "system:serviceaccount:agent:pay", "uid": "8a1d", "groups": ["system:serviceaccounts"],
        "extra": {
            "authentication.kubernetes.io/credential-id": [f"JTI={TOKEN}"],
            "authentication.kubernetes.io/pod-name": ["pay-7d9c"], "authentication.kubernetes.io/node-name": ["n1"],
        },
    },
    "sourceIPs": ["192.0.2.9", "10.0.0.1"], "userAgent": "python/3.12",
    "objectRef": {"resource": "secrets", "namespace": "agent", "name": "db", "apiVersion": "v1"},
    "responseStatus": {"metadata": {}, "code": 200},
    "requestReceivedTimestamp": "2026-01-31T09:00:04.123456Z", "stageTimestamp": "2026-01-31T09:00:04.130000Z",
    "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ALLOWED},
}  # fmt: skip
ISSUE = {
    **REQUEST, "auditID": "3e9f0b5a-3f8e-4f5b-8a34-6f9f0d1c2b3a", "verb": "create", "level": "RequestResponse",
    "requestURI": "/api/v1/namespaces/agent/serviceaccounts/pay/token",
    "user": {"username": "system:node:n1", "groups": ["system:nodes"],
             "extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=ab12"]}},
    "objectRef": {"resource": "serviceaccounts", "namespace": "agent", "name": "pay", "subresource": "token"},
    "responseStatus": {"code": 201},
    "requestObject": {"spec": {"audiences": ["example.com"], "boundObjectRef": {"kind": "Pod", "name": "pay-7d9c"}}},
    "responseObject": {"status": {"token": "opaque-token-value-1", "expirationTimestamp": "2026-01-31T10:00:04Z"}},
    "annotations": {"authentication.kubernetes.io/issued-credential-id": f"JTI={TOKEN}"},
}  # fmt: skip
EXEC = {
    **REQUEST, "verb": "create", "stage": "ResponseStarted", "user": {"username": "ana@example.com"},
    "impersonatedUser": {"username": "system:serviceaccount:ops:break-glass"},
    "objectRef": {"resource": "pods", "namespace": "agent", "name": "pay-7d9c", "subresource": "exec"},
    "responseStatus": {"code": 101},
}  # fmt: skip
AZURE = {"records": [{"category": "kube-audit", "properties": {"log": json.dumps(one)}} for one in (REQUEST, ISSUE)]}


def changed(**fields):
    return {**copy.deepcopy(REQUEST), **fields}


def test_a_request_keeps_every_field_that_links():
    (event,) = events(REQUEST)
    assert (event.kind, event.action, event.outcome) == ("cloud_audit", "kubernetes:get secrets", "success")
    assert (event.event_id, event.request) == (REQUEST["auditID"], REQUEST["auditID"])
    assert event.time == 1_769_850_004_123_456
    assert (event.actor, event.actor_kind) == ("system:serviceaccount:agent:pay", "workload")
    assert event.credential == f"kubernetes:JTI={TOKEN}"
    assert event.resources == ["namespaces/agent/secrets/db"]
    assert (event.address, event.user_agent) == ("192.0.2.9", "python/3.12")
    assert event.attributes["pod-name"] == "pay-7d9c"


def test_a_token_request_issues_the_credential_that_the_pods_requests_use():
    (event,) = events(ISSUE)
    assert (event.kind, event.action) == ("token_issuance", "kubernetes:create serviceaccounts/token")
    assert event.issued == events(REQUEST)[0].credential
    assert (event.issued_kind, event.issued_subject) == ("session", "system:serviceaccount:agent:pay")
    assert event.issued_expires == 1_769_853_604_000_000
    assert (event.actor_kind, event.credential) == ("service", "kubernetes:X509SHA256=ab12")
    assert event.attributes["boundTo"] == "pay-7d9c"


def test_a_refused_token_request_issues_nothing():
    (event,) = events({**ISSUE, "responseStatus": {"code": 403, "reason": "Forbidden", "message": "no"}})
    assert (event.kind, event.outcome, event.issued) == ("token_issuance", "denied", "")
    assert event.error == "Forbidden: no"


def test_the_policy_is_what_the_authorizer_gave_as_its_reason_and_nothing_else():
    assert events(REQUEST)[0].policy == ALLOWED
    (event,) = events(
        changed(annotations={"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""})
    )
    assert (event.policy, event.outcome, event.attributes["decision"]) == ("", "denied", "forbid")


def test_who_impersonates_acts_and_whom_is_stated_as_a_chain():
    (event,) = events(EXEC)
    assert (event.actor, event.action) == ("ana@example.com", "kubernetes:create pods/exec")
    assert json.loads(event.attributes["delegation"]) == ["ana@example.com", "system:serviceaccount:ops:break-glass"]


def test_the_stages_of_a_request_are_events_with_ids_of_their_own():
    stages = ["RequestReceived", "ResponseStarted", "ResponseComplete"]
    found = [events(changed(stage=stage))[0] for stage in stages]
    assert len({event.event_id for event in found}) == 3
    assert [event.phase for event in found] == ["start", "start", "end"]
    assert {event.request for event in found} == {REQUEST["auditID"]}


def test_on_eks_the_aws_key_is_the_credential_and_the_role_sessions_name_links():
    extra = {"accessKeyId": ["ASIAEXAMPLEEXAMPLE12"], "sessionName": ["conv-7"], "arn": ["arn:aws:sts::1:x/y"]}
    (event,) = events(changed(user={"username": "kubernetes-admin", "extra": extra}))
    assert (event.credential, event.session_name) == ("aws:ASIAEXAMPLEEXAMPLE12", "conv-7")
    assert event.attributes["arn"] == "arn:aws:sts::1:x/y"


def test_a_request_for_no_resource_is_known_by_its_path():
    (event,) = events(changed(objectRef=None, requestURI="/healthz?verbose"))
    assert (event.action, event.resources) == ("kubernetes:get", ["/healthz"])


@pytest.mark.parametrize(
    "envelope",
    [
        {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [REQUEST, ISSUE]}, [REQUEST, ISSUE],
        AZURE,
    ],
    ids=["list", "array", "azure"],
)  # fmt: skip
def test_lists_and_envelopes_are_taken_event_by_event(envelope):
    assert [event.event_id for event in events(envelope)] == [REQUEST["auditID"], ISSUE["auditID"]]


@pytest.mark.parametrize("log", ["[" * 5000, "{" * 5000, "", "not json", '{"a":' * 100 + "1" + "}" * 100])
def test_an_envelope_around_anything_else_is_one_dead_letter(log):
    assert reason({"category": "kube-audit", "properties": {"log": log}}).startswith(("verb: ", "value: "))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"requestReceivedTimestamp": None, "stageTimestamp": None}, "requestReceivedTimestamp: "),
        ({"requestReceivedTimestamp": "soon"}, "requestReceivedTimestamp: "), ({"verb": ""}, "verb: "),
        ({"user": "ana"}, "user: "), ({"user": {"groups": [1]}}, "user.groups[0]: "),
        ({"objectRef": {"name": 7}}, "objectRef.name: "),
        ({"responseStatus": {"code": "200"}}, "responseStatus.code: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason(changed(**change)).startswith(field)


@pytest.mark.parametrize("reference", [{"resource": "secrets"}, {"resource": "tokenreviews"}, ISSUE["objectRef"]])
def test_credentials_in_bodies_reach_neither_event_nor_evidence(reference):
    hidden = ["cGFzc3dvcmQtMTIz", "opaque-token-value-1"]
    record = {**ISSUE, "objectRef": reference, "requestObject": [{"op": "add", "value": hidden[0]}]}
    for text in (json.dumps(record), json.dumps(record).replace('"secrets"', '"secr\\u0065ts"')):
        (one,) = process(Record(text.encode(), "kubernetes.audit"), CONTEXT)
        assert not any(secret in str(one.events) or secret in str(one.record.value) for secret in hidden)
        assert json.loads(one.record.value)["auditID"] == ISSUE["auditID"]


def test_evidence_of_other_requests_is_the_very_same_bytes():
    value = json.dumps(EXEC).encode()
    assert process(Record(value), CONTEXT)[0].record.value is value


def test_vendors_samples_are_accepted_unless_they_lack_what_an_event_needs():
    rows = vendor_rows(recognizes)
    _, faults = outcomes(rows, "kubernetes.audit")
    assert set(faults) <= {"requestReceivedTimestamp", "verb"}
    timed = [{"requestReceivedTimestamp": "2026-01-31T09:00:00Z", **row} for row in rows]
    found, faults = outcomes([row for row in timed if "verb" in row], "kubernetes.audit")
    assert found
    assert not faults
    assert all(event.resources and event.action for event in found)
    assert sum(bool(event.actor) for event in found) > len(found) / 2
