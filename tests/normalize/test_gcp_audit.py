"""Google Cloud audit logs: keys issued and used, chains of service accounts, permissions, GKE."""

import copy
import json

import pytest

from pipeline.normalize.gcp_audit import recognizes
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, outcomes, reason, turns, vendor_rows
from tests.normalize.test_aws_cloudtrail import small

SA, OTHER = "pay@proj-1.iam.gserviceaccount.com", "deploy@proj-1.iam.gserviceaccount.com"
KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
GET = {
    "insertId": "x1y2z3", "logName": "projects/proj-1/logs/cloudaudit.googleapis.com%2Fdata_access",
    "timestamp": "2026-01-31T09:00:04.123456789Z", "receiveTimestamp": "2026-01-31T09:00:05Z", "severity": "INFO",
    "trace": "projects/proj-1/traces/4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7",
    "resource": {"type": "gcs_bucket", "labels": {"project_id": "proj-1", "location": "eu"}},
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "storage.googleapis.com",
        "methodName": "storage.objects.get", "resourceName": "projects/_/buckets/inv/objects/1.pdf", "status": {},
        "authenticationInfo": {
            "principalEmail": SA, "principalSubject": f"serviceAccount:{SA}",
            "serviceAccountKeyName": f"//iam.googleapis.com/projects/proj-1/serviceAccounts/{SA}/keys/{KEY}"},
        "authorizationInfo": [{"resource": "projects/_/buckets/inv/objects/1.pdf", "permission": "storage.objects.get",
                               "granted": True}],
        "requestMetadata": {"callerIp": "192.0.2.3", "callerSuppliedUserAgent": "gsutil/5", "requestAttributes": {}},
    },
}  # fmt: skip


def entry(base=GET, **payload):
    found = copy.deepcopy(base)
    found["protoPayload"].update(payload)
    found["insertId"] += payload.get("methodName") or ""
    return found


NEW_KEY = entry(
    serviceName="iam.googleapis.com", methodName="google.iam.admin.v1.CreateServiceAccountKey",
    authenticationInfo={"principalEmail": "ana@example.com", "principalSubject": "user:ana@example.com"},
    request={"name": f"projects/proj-1/serviceAccounts/{SA}"},
    response={"name": f"projects/proj-1/serviceAccounts/{SA}/keys/{KEY}", "privateKeyData": "plainprivatekeydata1"},
)  # fmt: skip
GENERATE = entry(
    serviceName="iamcredentials.googleapis.com", methodName="GenerateAccessToken",
    authenticationInfo={"principalEmail": OTHER, "serviceAccountDelegationInfo": [
        {"principalSubject": "user:ana@example.com", "firstPartyPrincipal": {"principalEmail": "ana@example.com"}},
        {"firstPartyPrincipal": {"principalEmail": SA}}]},
    request={"name": "projects/-/serviceAccounts/target@proj-2.iam.gserviceaccount.com", "lifetime": "3600s",
             "delegates": [f"projects/-/serviceAccounts/{SA}"]},
)  # fmt: skip
EXCHANGE = entry(
    serviceName="sts.googleapis.com", methodName="google.identity.sts.v1.SecurityTokenService.ExchangeToken",
    authenticationInfo={"principalSubject": "repo:acme/pay:ref:refs/heads/main"}, authorizationInfo=None,
    metadata={"mapped_principal": "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/"
                                  "gh/subject/repo:acme/pay:ref:refs/heads/main"},
)  # fmt: skip


def test_a_call_keeps_every_field_that_links():
    (event,) = events(GET)
    assert (event.kind, event.action, event.outcome) == ("cloud_audit", "storage:storage.objects.get", "success")
    assert event.time == 1_769_850_004_123_456
    assert (event.actor, event.actor_kind, event.human) == (SA, "workload", "")
    assert (event.credential, event.account) == (f"gcp:key/{KEY}", "proj-1")
    assert (event.trace, event.span) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert event.resources == ["projects/_/buckets/inv/objects/1.pdf"]
    assert (event.address, event.user_agent, event.region) == ("192.0.2.3", "gsutil/5", "eu")
    assert event.policy == "granted storage.objects.get"
    assert "delegation" not in event.attributes


def test_a_new_key_is_the_one_that_is_used_and_its_secret_is_not_kept():
    (one,) = process(Record(json.dumps(NEW_KEY).encode()), CONTEXT)
    (event,) = one.events
    assert (event.kind, event.action) == ("token_issuance", "iam:CreateServiceAccountKey")
    assert (event.issued, event.issued_kind) == (events(GET)[0].credential, "access-key")
    assert (event.issued_subject, event.human, event.actor_kind) == (SA, "ana@example.com", "human")
    assert b"plainprivatekeydata1" not in one.record.value


@pytest.mark.parametrize(
    ("service", "method", "said"),
    [
        ("iam", "google.iam.admin.v1.DeleteServiceAccountKey", "revokes"),
        ("iam", "google.iam.admin.v1.DisableServiceAccountKey", "revokes"),
        ("iam", "google.iam.admin.v1.EnableServiceAccountKey", "restores"),
        ("apikeys", "google.api.apikeys.v2.ApiKeys.DeleteKey", "revokes"),
        ("recaptchaenterprise", "google.cloud.recaptchaenterprise.v1.RecaptchaEnterpriseService.DeleteKey", ""),
    ],
)
def test_a_key_that_is_deleted_or_disabled_is_revoked(service, method, said):
    done = entry(serviceName=f"{service}.googleapis.com", methodName=method,
                 resourceName=f"projects/-/serviceAccounts/1/keys/{KEY}")  # fmt: skip
    assert turns(done) == ({said: f"gcp:key/{KEY}"} if said else {})
    assert turns({**done, "operation": {"id": "o", "first": True}}) == {}
    done["protoPayload"]["status"] = {"code": 5}
    assert turns(done) == {}


def test_delegates_are_a_chain_from_the_identity_that_calls_to_the_person_it_began_with():
    (event,) = events(GENERATE)
    assert (event.kind, event.action) == ("token_issuance", "iamcredentials:GenerateAccessToken")
    assert (event.actor, event.human) == (OTHER, "ana@example.com")
    assert json.loads(event.attributes["delegation"]) == [OTHER, SA, "ana@example.com"]
    assert (event.issued, event.issued_subject) == ("", "target@proj-2.iam.gserviceaccount.com")
    assert event.attributes["delegates"] == json.dumps([SA])


def test_an_exchange_names_the_principal_that_the_token_acts_as():
    (event,) = events(EXCHANGE)
    assert (event.kind, event.actor) == ("token_issuance", "repo:acme/pay:ref:refs/heads/main")
    assert event.issued_subject == EXCHANGE["protoPayload"]["metadata"]["mapped_principal"]


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        ({"principalEmail": "ana@example.com"}, "human"), ({"principalEmail": "system:anonymous"}, ""),
        ({"principalEmail": "a@example.com", "principalSubject": "serviceAccount:a@example.com"}, "workload"),
        ({"principalEmail": "service-12@gcp-sa-pubsub.iam.gserviceaccount.com"}, "service"),
        ({"principalEmail": "12@cloudservices.gserviceaccount.com"}, "service"),
        ({"principalEmail": "12-compute@developer.gserviceaccount.com"}, "workload"),
        ({"principalEmail": "system:serviceaccount:agent:pay"}, "workload"),
        ({"principalEmail": "system:node:n"}, "service"),
        ({"principalSubject": "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/ana"}, "human"),
        ({"principalSubject": EXCHANGE["protoPayload"]["metadata"]["mapped_principal"]}, "workload"), ({}, ""),
    ],
)  # fmt: skip
def test_what_acts_is_told_by_its_address_and_its_subject(who, kind):
    assert events(entry(authenticationInfo=who))[0].actor_kind == kind


@pytest.mark.parametrize(
    ("status", "granted", "outcome", "policy"),
    [
        ({"code": 7, "message": "PERMISSION_DENIED"}, False, "denied", "not granted storage.objects.get"),
        ({"code": 5, "message": "gone"}, True, "failure", "granted storage.objects.get"),
        ({}, False, "denied", "not granted storage.objects.get"), ({"code": None}, None, "success", ""),
        ("odd", True, "success", None),
    ],
)  # fmt: skip
def test_the_outcome_is_the_status_and_the_policy_what_was_granted(status, granted, outcome, policy):
    asked = [{"permission": "storage.objects.get", "granted": granted}]
    (event,) = events(entry(status=status, authorizationInfo=asked))
    assert event.outcome == outcome
    assert policy is None or event.policy == policy


def test_copies_of_an_entry_are_one_event_and_others_are_not():
    late = {**GET, "receiveTimestamp": "2026-01-31T09:10:00Z"}
    assert events(GET)[0].event_id == events(late)[0].event_id
    assert events(GET)[0].event_id != events({**GET, "insertId": "x1y2z4"})[0].event_id
    assert events({**GET, "insertId": None})[0].event_id != events({**late, "insertId": None})[0].event_id


def test_the_two_entries_of_a_long_operation_are_its_beginning_and_its_end():
    found = [events({**GET, "operation": {"id": "op", **ends}})[0] for ends in ({"first": True}, {"last": True}, {})]
    assert [event.phase for event in found] == ["start", "end", ""]


def test_on_gke_tokens_and_reasons_are_those_of_kubernetes():
    labels = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed",
              "authentication.kubernetes.io/issued-credential-id": "JTI=1"}  # fmt: skip
    made = entry(serviceName="k8s.io", methodName="io.k8s.core.v1.serviceaccounts.token.create")
    (event,) = events({**made, "labels": labels})
    assert (event.kind, event.issued, event.policy) == ("token_issuance", "kubernetes:JTI=1", "RBAC: allowed")


@pytest.mark.parametrize(
    ("found", "field"),
    [
        ({**GET, "timestamp": None, "receiveTimestamp": None}, "timestamp: "),
        ({**GET, "timestamp": "x"}, "timestamp: "),
        (entry(methodName=""), "protoPayload.methodName: "), ({**GET, "protoPayload": None}, "protoPayload: "),
        (entry(authenticationInfo="ana"), "protoPayload.authenticationInfo: "),
        (entry(authorizationInfo=[{"granted": "yes"}]), "protoPayload.authorizationInfo[0].granted: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(found, field):
    assert reason(found, "gcp.audit").startswith(field)


def test_vendors_samples_are_accepted_unless_they_lack_what_an_event_needs():
    rows = vendor_rows(recognizes)
    _, faults = outcomes(rows, "gcp.audit")
    assert set(faults) <= {"timestamp", "protoPayload.methodName"}
    payloads = [(row, small(row)["protopayload"]) for row in rows]
    timed = [{"timestamp": "2026-01-31T09:00:00Z", **row} for row, payload in payloads if payload.get("methodname")]
    found, faults = outcomes(timed, "gcp.audit")
    assert len(found) > 50
    assert not faults


@pytest.mark.parametrize("record", [GET, NEW_KEY])
def test_a_data_lakes_entry_says_the_same(record):
    (event,), (lake,) = events(record), events(small(record))
    for name in (
        "event_id",
        "kind",
        "action",
        "outcome",
        "actor",
        "human",
        "credential",
        "issued",
        "address",
        "policy",
    ):
        assert getattr(lake, name) == getattr(event, name), name
