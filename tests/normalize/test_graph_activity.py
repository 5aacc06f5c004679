"""Microsoft Graph activity: the token and the session of a request, in Azure Monitor's envelope and in tables."""

import json

import pytest

from tests.normalize.common import events, reason
from tests.normalize.test_azure_monitor import ADDED, SIGN_IN

SESSION = "3f2504e0-4f89-41d3-9a0c-0305e82c3377"
ROW = {
    "TimeGenerated": "2026-01-31T09:00:04Z", "Type": "MicrosoftGraphActivityLogs", "TenantId": "workspace",
    "AadTenantId": "t-1", "RequestId": "r-1", "RequestMethod": "GET", "ResponseStatusCode": 200, "AppId": "a-1",
    "RequestUri": "https://graph.microsoft.com/v1.0/users/u-1/messages?$search=password", "UserId": "u-1",
    "SignInActivityId": "Uti_One1==", "SessionId": SESSION, "TokenIssuedAt": "2026-01-31T09:00:00Z",
    "IPAddress": "192.0.2.2", "UserAgent": "curl/8", "Scopes": "Mail.Read",
}  # fmt: skip


def record(**fields):
    stated = {name[:1].lower() + name[1:]: value for name, value in ROW.items()}
    stated = {**stated, "ipAddress": ROW["IPAddress"], **fields}
    return {"time": ROW["TimeGenerated"], "category": "MicrosoftGraphActivityLogs", "tenantId": "t-1",
            "operationName": "Microsoft Graph Activity", "properties": stated}  # fmt: skip


@pytest.mark.parametrize("found", [ROW, record(), {"records": [ROW]}])
def test_a_request_names_the_token_of_its_sign_in_and_the_session(found):
    (event,) = events(found)
    assert (event.kind, event.action, event.outcome) == ("cloud_audit", "graph:GET users", "success")
    assert event.credential == events(SIGN_IN)[0].issued
    assert (event.session, event.request, event.account) == (SESSION, "r-1", "t-1")
    assert (event.actor, event.actor_kind, event.human) == ("u-1", "human", "u-1")
    assert (event.address, event.user_agent) == ("192.0.2.2", "curl/8")
    assert event.resources == ["https://graph.microsoft.com/v1.0/users/u-1/messages"]
    assert event.attributes["appId"] == "a-1"
    assert event.attributes["tokenIssuedAt"] == "2026-01-31T09:00:00Z"
    assert "password" not in str(event)


def test_a_token_of_an_application_is_a_workloads():
    (event,) = events(record(userId="", servicePrincipalId="sp-1", C_Idtyp="app"))
    assert (event.actor, event.actor_kind, event.human) == ("sp-1", "workload", "")


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "success"), (204, "success"), (403, "denied"), (404, "failure"), ("", ""), ([], "")]
)
def test_what_came_of_a_request_is_its_status(status, outcome):
    assert events(record(responseStatusCode=status))[0].outcome == outcome


@pytest.mark.parametrize("uri", ["https://graph.microsoft.com", "/beta/me", "users", "https://", "?", "a" * 100_000])
def test_a_uri_may_be_anything(uri):
    assert events(record(requestUri=uri))[0].action.startswith("graph:GET")


def test_a_sign_in_of_a_table_is_read_as_the_log_has_it():
    found = SIGN_IN["properties"]
    names = {"IPAddress": "ipAddress", "ConditionalAccessPolicies": "appliedConditionalAccessPolicies", "Id": "id",
             "UniqueTokenIdentifier": "uniqueTokenIdentifier", "UserPrincipalName": "userPrincipalName",
             "CreatedDateTime": "createdDateTime", "SessionId": "sessionId", "UserId": "userId"}  # fmt: skip
    row = {"TimeGenerated": SIGN_IN["time"], "Type": "SigninLogs", "TenantId": "workspace", "AADTenantId": "t-1",
           "Status": json.dumps(found["status"]), "Agent": "{", "LocationDetails": {"countryOrRegion": "DE"},
           "Location": "DE", **{column: found[name] for column, name in names.items()}}  # fmt: skip
    (event,), (other,) = events(row), events(SIGN_IN)
    for name in ("event_id", "kind", "time", "actor", "human", "issued", "session", "outcome", "policy", "account"):
        assert getattr(event, name) == getattr(other, name), name
    assert event.attributes["country"] == "DE"


def test_a_directory_audit_names_the_session_and_the_token_of_its_initiator():
    added = json.loads(json.dumps(ADDED))
    added["properties"]["correlationId"] = "c-9"
    added["properties"]["initiatedBy"]["linkableIdentifiers"] = {
        "sessionId": SESSION, "tokenDetails": {"uniqueTokenIdentifier": "Uti_One1"}}  # fmt: skip
    (event,) = events(added)
    assert (event.session, event.credential, event.request) == (SESSION, events(SIGN_IN)[0].issued, "c-9")


def test_a_managed_identity_is_a_workload():
    found = {**SIGN_IN, "category": "ManagedIdentitySignInLogs", "properties": {
        "createdDateTime": "2026-01-31T09:00:00Z", "servicePrincipalId": "mi-1", "servicePrincipalName": "vm",
        "uniqueTokenIdentifier": "Uti_Mi", "status": {"errorCode": 0}}}  # fmt: skip
    (event,) = events(found)
    assert (event.actor, event.actor_kind, event.human, event.issued) == ("mi-1", "workload", "", "entra:Uti_Mi")


@pytest.mark.parametrize(
    ("found", "field"),
    [
        (record(requestMethod=None), "properties.requestMethod: "), (record(requestUri=5), "properties.requestUri: "),
        ({**ROW, "TimeGenerated": "x"}, "time: "), ({**ROW, "Type": "Heartbeat"}, "operationName: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(found, field):
    assert reason(found, "azure.monitor").startswith(field)
