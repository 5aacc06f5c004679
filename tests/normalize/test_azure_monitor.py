"""Azure Monitor and Entra: activity, storage, sign-ins, agents, keys of applications, roles and conditional access."""

import copy
import json

import pytest

from pipeline.normalize.azure_monitor import recognizes
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize import test_kubernetes_audit as kubernetes
from tests.normalize.common import CONTEXT, events, outcomes, reason, turns, vendor_rows

UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
SUBSCRIPTION = "/subscriptions/3f2504e0-4f89-41d3-9a0c-0305e82c3301"
ACTIVITY = {
    "time": "2026-01-31T09:00:04.1234567Z", "resourceId": f"{SUBSCRIPTION}/resourceGroups/pay/providers/x/vaults/v",
    "operationName": "Microsoft.KeyVault/vaults/write", "category": "Administrative", "resultType": "Success",
    "resultSignature": "Succeeded.OK", "callerIpAddress": "192.0.2.2", "correlationId": "c-1", "location": "westeurope",
    "tenantId": "t-1", "level": "Information",
    "identity": {
        "authorization": {"scope": "x", "action": "x", "evidence": {
            "role": "Contributor", "roleAssignmentScope": SUBSCRIPTION, "principalType": "User"}},
        "claims": {UPN: "ana@example.com", "appid": "a-1", "uti": "Uti_One1", "idtyp": "user"},
    },
    "properties": {},
}  # fmt: skip
SIGN_IN = {
    "time": "2026-01-31T09:00:01Z", "category": "SignInLogs", "operationName": "Sign-in activity", "resultType": "0",
    "tenantId": "t-1", "callerIpAddress": "192.0.2.2",
    "properties": {
        "id": "3f2504e0-4f89-41d3-9a0c-0305e82c3302", "createdDateTime": "2026-01-31T09:00:00.5Z", "appId": "a-1",
        "userPrincipalName": "ana@example.com", "userId": "u-1", "userDisplayName": "Ana", "ipAddress": "192.0.2.2",
        "uniqueTokenIdentifier": "Uti_One1", "sessionId": "s-1", "status": {"errorCode": 0},
        "agent": {"agentType": "notAgentic"},
        "appliedConditionalAccessPolicies": [{"id": "p", "displayName": "MFA", "result": "success"},
                                             {"id": "q", "displayName": "Off", "result": "notEnabled"}],
    },
}  # fmt: skip
KEY = "3f2504e0-4f89-41d3-9a0c-0305e82c33aa"
ADDED = {
    "time": "2026-01-31T09:00:02Z", "category": "AuditLogs", "operationName": "Add service principal credentials",
    "properties": {
        "id": "Directory_1", "activityDateTime": "2026-01-31T09:00:02Z", "result": "success",
        "activityDisplayName": "Add service principal credentials",
        "initiatedBy": {"user": {"id": "u-1", "userPrincipalName": "ana@example.com", "ipAddress": "192.0.2.2"}},
        "targetResources": [{"id": "sp-1", "displayName": "pay", "type": "ServicePrincipal", "modifiedProperties": [
            {"displayName": "KeyDescription", "oldValue": "[]",
             "newValue": f'["[KeyIdentifier={KEY},KeyType=Password,KeyUsage=Verify,DisplayName=x]"]'}]}],
    },
}  # fmt: skip
BLOB = {
    "time": "2026-01-31T09:00:05Z", "category": "StorageRead", "operationName": "GetBlob", "statusCode": 200,
    "callerIpAddress": "192.0.2.2:40123", "resourceId": f"{SUBSCRIPTION}/x/blobServices/default",
    "uri": "https://acct.blob.core.windows.net/inv/1.pdf?sv=2021&sig=c2lnbmF0dXJlc2lnbmF0dXJl%3D",
    "identity": {"type": "SAS", "tokenHash": "key1(AB12),SasSignature(CD34)"},
    "properties": {"userAgentHeader": "curl/8", "objectKey": "/acct/inv/1.pdf"},
}  # fmt: skip


def sign_in(category="SignInLogs", **fields):
    found = copy.deepcopy(SIGN_IN)
    found["category"] = category
    found["properties"].update(fields)
    return found


AGENT = sign_in(
    "ServicePrincipalSignInLogs", servicePrincipalId="agent-1", servicePrincipalName="Invoice agent",
    agent={"agentType": "agentIdentity", "agentSubjectParentId": "blueprint-1"}, uniqueTokenIdentifier="Uti_Two2",
)  # fmt: skip


def test_an_activity_keeps_every_field_that_links():
    (event,) = events(ACTIVITY)
    assert (event.kind, event.action, event.outcome) == (
        "cloud_audit",
        "azure:Microsoft.KeyVault/vaults/write",
        "success",
    )
    assert event.time == 1_769_850_004_123_456
    assert (event.actor, event.actor_kind, event.human) == ("ana@example.com", "human", "ana@example.com")
    assert (event.credential, event.request) == ("entra:Uti_One1", "c-1")
    assert (event.account, event.region, event.address) == (SUBSCRIPTION[15:], "westeurope", "192.0.2.2")
    assert event.policy == f"role Contributor at {SUBSCRIPTION}"


def test_a_sign_in_issues_the_token_that_the_activity_was_done_with():
    (event,) = events(SIGN_IN)
    assert (event.kind, event.action, event.outcome) == ("token_issuance", "entra:sign-in", "success")
    assert event.issued == events(ACTIVITY)[0].credential
    assert (event.issued_kind, event.issued_subject) == ("session", "ana@example.com")
    assert (event.event_id, event.time) == (SIGN_IN["properties"]["id"], 1_769_850_000_500_000)
    assert (event.actor, event.human, event.session) == ("ana@example.com", "ana@example.com", "s-1")
    assert event.policy == "conditional access: MFA (success)"


def test_an_agent_signs_in_for_a_person_and_an_agents_own_account_is_no_person():
    (event,) = events(AGENT)
    assert (event.actor, event.actor_kind, event.human) == ("agent-1", "agent", "ana@example.com")
    assert json.loads(event.attributes["delegation"]) == ["agent-1", "ana@example.com"]
    assert event.attributes["agent.agentSubjectParentId"] == "blueprint-1"
    (event,) = events(sign_in(agent={"agentType": "agentIDuser"}, userPrincipalName="pay@example.com"))
    assert (event.actor_kind, event.human) == ("agent", "")


def test_a_key_added_to_an_application_is_the_one_that_it_signs_in_with():
    (event,) = events(ADDED)
    assert (event.kind, event.issued_kind, event.issued_subject) == ("token_issuance", "access-key", "sp-1")
    assert (event.actor, event.human, event.address) == ("ana@example.com", "ana@example.com", "192.0.2.2")
    used = sign_in("ServicePrincipalSignInLogs", userPrincipalName=None, userId=None, servicePrincipalId="sp-1",
                   servicePrincipalCredentialKeyId=KEY)  # fmt: skip
    (used,) = events(used)
    assert (used.credential, used.actor, used.actor_kind, used.human) == (event.issued, "sp-1", "workload", "")


def test_a_change_without_a_new_key_issues_nothing():
    record = copy.deepcopy(ADDED)
    changed = record["properties"]["targetResources"][0]["modifiedProperties"][0]
    changed["oldValue"] = changed["newValue"]
    (event,) = events(record)
    assert (event.kind, event.issued) == ("cloud_audit", "")


def test_a_key_that_a_change_removes_is_revoked():
    record = copy.deepcopy(ADDED)
    changed = record["properties"]["targetResources"][0]["modifiedProperties"][0]
    other = KEY.replace("3f25", "4f25")
    both = changed["newValue"] + changed["newValue"].replace(KEY, other)
    changed["oldValue"], changed["newValue"] = both, "[]"
    assert turns(record) == {"revokes": f"entra:key/{KEY}\nentra:key/{other}"}
    changed["newValue"] = both.replace(KEY, KEY.replace("3f25", "5f25"))
    (event,) = events(record)
    assert (event.kind, event.issued, event.attributes["revokes"]) == (
        "token_issuance", f"entra:key/{KEY.replace('3f25', '5f25')}", f"entra:key/{KEY}",
    )  # fmt: skip
    record["properties"]["result"] = "failure"
    assert turns(record) == {}


def test_a_refused_sign_in_issues_nothing_and_names_the_policy_that_refused():
    applied = [{"displayName": "Managed devices", "result": "failure"}]
    status = {"errorCode": 53000, "failureReason": "Device is not compliant"}
    (event,) = events(sign_in(status=status, appliedConditionalAccessPolicies=applied))
    assert (event.outcome, event.issued, event.error) == ("denied", "", "Device is not compliant")
    assert event.policy == "conditional access: Managed devices (failure)"


def test_a_storage_request_is_known_by_the_hash_of_its_signature_which_is_not_kept():
    (one,) = process(Record(json.dumps(BLOB).encode()), CONTEXT)
    (event,) = one.events
    assert (event.credential, event.address) == ("azure:key1(AB12),SasSignature(CD34)", "192.0.2.2")
    assert "https://acct.blob.core.windows.net/inv/1.pdf" in event.resources
    assert "c2lnbmF0dXJl" not in str(event) + str(one.record.value)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"resultType": "Failure", "resultSignature": "Failed.Conflict"}, "failure"), ({"resultType": "Start"}, ""),
        ({"resultType": "Failure", "resultSignature": "Forbidden"}, "denied"), ({"statusCode": 403}, "denied"),
        ({"resultType": {"value": "Succeeded", "localizedValue": "Gelungen"}}, "success"),
        ({"statusCode": 404}, "failure"),
    ],
)  # fmt: skip
def test_what_came_of_a_request_is_said_in_many_ways(change, outcome):
    assert events({**ACTIVITY, **change})[0].outcome == outcome


def test_handing_out_keys_is_issuance():
    operation = "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION"
    (event,) = events({**ACTIVITY, "operationName": operation})
    assert (event.kind, event.issued_kind, event.issued) == ("token_issuance", "access-key", "")


def test_the_rest_apis_shape_is_understood_too():
    rest = {"eventTimestamp": "2026-01-31T09:00:04Z", "operationName": {"value": "x/write"},
            "caller": "ana@example.com", "claims": {"appid": "a-1"},
            "httpRequest": {"clientIpAddress": "192.0.2.2"}, "status": {"value": "Failed"},
            "eventDataId": "3f2504e0-4f89-41d3-9a0c-0305e82c3309", "resourceId": SUBSCRIPTION}  # fmt: skip
    (event,) = events(rest)
    assert (event.event_id, event.actor, event.action) == (rest["eventDataId"], "ana@example.com", "azure:x/write")
    assert (event.outcome, event.address) == ("failure", "192.0.2.2")


def test_graphs_shape_of_a_sign_in_is_understood_too():
    (event,) = events(SIGN_IN["properties"])
    assert (event.issued, event.event_id) == ("entra:Uti_One1", SIGN_IN["properties"]["id"])


MIXED = {"records": [ACTIVITY, SIGN_IN, kubernetes.AZURE["records"][0], BLOB]}


def test_an_envelope_may_hold_records_of_every_kind():
    assert [event.action for event in events(MIXED)] == [
        "azure:Microsoft.KeyVault/vaults/write", "entra:sign-in", "kubernetes:get secrets", "azure:GetBlob",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "field"),
    [
        ({**ACTIVITY, "time": None}, "time: "), ({**ACTIVITY, "time": 5}, "time: "),
        ({**ACTIVITY, "operationName": None}, "operationName: "),
        ({**ACTIVITY, "callerIpAddress": 5}, "callerIpAddress: "),
        (sign_in(userId=5), "properties.userId: "), (sign_in(createdDateTime="x"), "createdDateTime: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(found, field):
    assert reason(found, "azure.monitor").startswith(field)


def test_vendors_samples_are_accepted_unless_they_lack_a_time():
    rows = [row for row in vendor_rows(recognizes) if "log" not in (row.get("properties") or {})]
    found, faults = outcomes(rows, "azure.monitor")
    assert len(found) > 50
    assert set(faults) <= {"time"}
    assert faults["time"] == sum("time" not in row for row in rows)
