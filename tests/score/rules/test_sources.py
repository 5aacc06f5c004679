"""Rules over vendors' names find what our normalizers make of vendors' records."""

from __future__ import annotations

import pytest

from pipeline.score.rules import sigma
from schemas.entry import Entry
from tests.normalize.common import events

TRAIL = {
    "eventVersion": "1.11", "eventTime": "2026-01-31T08:00:00Z", "awsRegion": "eu-central-1",
    "sourceIPAddress": "192.0.2.7", "userAgent": "aws-cli/2", "eventType": "AwsApiCall",
    "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ana", "userName": "ana",
                     "accountId": "123456789012", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"},
}  # fmt: skip
CONSOLE = {
    **TRAIL, "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "eventType": "AwsConsoleSignIn",
    "responseElements": {"ConsoleLogin": "Success"}, "additionalEventData": {"MFAUsed": "No", "LoginTo": "https://x"},
}  # fmt: skip
FAILED = {**CONSOLE, "responseElements": {"ConsoleLogin": "Failure"}, "errorMessage": "Failed authentication"}
PUBLIC = {
    **TRAIL, "eventSource": "s3.amazonaws.com", "eventName": "PutBucketPublicAccessBlock",
    "requestParameters": {"bucketName": "b", "PublicAccessBlockConfiguration": {"BlockPublicAcls": False}},
}  # fmt: skip
DENIED = {
    **TRAIL, "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy", "errorCode": "AccessDenied",
    "errorMessage": "User: x is not authorized", "requestParameters": {"policyArn": "arn:aws:iam::aws:policy/Admin"},
}  # fmt: skip
GCP = {
    "insertId": "a", "timestamp": "2026-01-31T08:00:00Z", "resource": {"type": "service_account"},
    "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
    "protoPayload": {
        "serviceName": "iamcredentials.googleapis.com", "resourceName": "projects/-/serviceAccounts/1",
        "methodName": "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken",
        "authenticationInfo": {"principalEmail": "ana@example.com"},
        "authorizationInfo": [{"permission": "iam.serviceAccounts.getAccessToken", "granted": True}],
    },
}  # fmt: skip
KUBERNETES = {
    "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "11111111-2222-4333-8444-555555555555",
    "stage": "ResponseComplete", "verb": "create", "user": {"username": "ana", "groups": ["dev", "system:masters"]},
    "requestURI": "/api/v1/namespaces/pay/pods/x/exec?command=%2Fbin%2Fsh", "userAgent": "kubectl",
    "objectRef": {"resource": "pods", "namespace": "pay", "name": "x", "subresource": "exec"},
    "responseStatus": {"code": 101}, "requestReceivedTimestamp": "2026-01-31T08:00:00Z",
}  # fmt: skip
BINDING = {
    **KUBERNETES, "verb": "patch", "responseStatus": {"code": 403},
    "objectRef": {"resource": "rolebindings", "namespace": "pay", "apiGroup": "rbac.authorization.k8s.io"},
}  # fmt: skip
OKTA = {
    "uuid": "11111111-2222-4333-8444-555555555555", "published": "2026-01-31T08:00:00Z",
    "eventType": "policy.evaluate_sign_on", "legacyEventType": "core.x", "displayMessage": "A sign-on policy",
    "actor": {"id": "00u1", "type": "User", "alternateId": "ana@example.com"}, "outcome": {"result": "ALLOW"},
    "target": [{"id": "0oa1", "type": "AppInstance", "displayName": "Okta Admin Console"}],
    "securityContext": {"isProxy": True}, "debugContext": {"debugData": {"behaviors": "{New IP=POSITIVE}"}},
}  # fmt: skip
GITHUB = {
    "action": "org.disable_two_factor_requirement", "@timestamp": 1769850000000,
    "_document_id": "abcdefghijklmnopqrstu",
    "actor": "octo", "actor_is_bot": False,
    "org": "acme", "repo": "acme/pay",
}  # fmt: skip
ACTIVITY = {
    "time": "2026-01-31T08:00:00Z", "operationName": "MICROSOFT.AUTHORIZATION/ELEVATEACCESS/ACTION",
    "category": "Administrative", "resultType": "Success", "callerIpAddress": "192.0.2.7",
    "resourceId": "/SUBSCRIPTIONS/S/X", "properties": {},
}  # fmt: skip
DIRECTORY = {
    "activityDateTime": "2026-01-31T08:00:00Z", "activityDisplayName": "Add member to role",
    "category": "RoleManagement",
    "result": "success", "initiatedBy": {"user": {"userPrincipalName": "ana@example.com", "id": "1"}},
    "targetResources": [{
        "id": "2", "displayName": "bob",
        "modifiedProperties": [{"displayName": "Role.DisplayName", "newValue": '"Global Administrator"'}],
    }],
}  # fmt: skip
SIGN_IN = {
    "createdDateTime": "2026-01-31T08:00:00Z", "userPrincipalName": "ana@example.com", "userId": "1", "appId": "a-1",
    "status": {"errorCode": 50126, "failureReason": "Invalid username"}, "userAgent": "Mozilla/5.0",
    "deviceDetail": {"isCompliant": False, "trustType": "Azure AD registered"},
    "authenticationRequirement": "singleFactorAuthentication", "location": {"countryOrRegion": "DE"},
}  # fmt: skip
FOUND = [
    ("aws", "cloudtrail", CONSOLE, {"eventName": "ConsoleLogin", "responseElements.ConsoleLogin": "Success",
                                    "additionalEventData.MFAUsed": "NO", "eventType": "AwsConsoleSignIn"}),
    ("aws", "cloudtrail", FAILED, {"errorMessage": "Failed authentication", "errorCode": None,
                                   "errorMessage|contains": "*"}),
    ("aws", "cloudtrail", PUBLIC, {"eventSource": "s3.amazonaws.com", "requestParameters.bucketName": "b",
                                   "requestParameters.PublicAccessBlockConfiguration.BlockPublicAcls": "false"}),
    ("aws", "cloudtrail", DENIED, {"eventName": "AttachUserPolicy", "errorCode": "AccessDenied",
                                   "errorMessage|contains": "not authorized", "userIdentity.type": "IAMUser",
                                   "userIdentity.arn|endswith": "/ana", "userIdentity.userName": "ana",
                                   "requestParameters.policyArn": "arn:aws:iam::aws:policy/Admin",
                                   "userIdentity.accessKeyId|startswith": "AKIA", "eventType": "AwsApiCall"}),
    ("gcp", "gcp.audit", GCP, {"gcp.audit.method_name|endswith": "IAMCredentials.GenerateAccessToken",
                               "gcp.audit.service_name": "iamcredentials.googleapis.com",
                               "data.protoPayload.authorizationInfo.permission": "iam.serviceAccounts.getAccessToken",
                               "data.protoPayload.authorizationInfo.granted": "true",
                               "data.protoPayload.logName": "cloudaudit.googleapis.com/activity",
                               "data.protoPayload.resource.type": "service_account"}),
    ("kubernetes", "audit", KUBERNETES, {"verb": "create", "objectRef.resource": "pods",
                                         "objectRef.subresource": "exec",
                                         "objectRef.namespace": "pay", "requestURI|contains": "%2fbin%2fsh",
                                         "user.groups": "system:masters", "userAgent": "kubectl"}),
    ("kubernetes", "audit", BINDING, {"verb": "patch", "objectRef.apiGroup": "rbac.authorization.k8s.io",
                                      "objectRef.resource": "rolebindings", "responseStatus.code": 403}),
    ("okta", "okta", OKTA, {"eventtype": "policy.evaluate_sign_on", "target.displayname": "Okta Admin Console",
                            "securitycontext.isproxy": "true", "legacyeventtype": "core.x",
                            "target.type": "AppInstance",
                            "debugcontext.debugdata.behaviors|contains": "POSITIVE", "outcome.result": "ALLOW",
                            "actor.alternateid": "ana@example.com", "displaymessage|contains": "sign-on"}),
    ("github", "audit", GITHUB, {"action": "org.disable_two_factor_requirement", "actor": "octo", "org": "acme",
                                 "repo": "acme/pay", "user": "octo"}),
    ("azure", "activitylogs", ACTIVITY, {"operationName": "Microsoft.Authorization/elevateAccess/action",
                                         "CategoryValue": "Administrative",
                                         "ResourceProviderValue": "Microsoft.Authorization"}),
    ("azure", "auditlogs", DIRECTORY, {"operationName": "Add member to role", "category": "RoleManagement",
                                       "properties.message": "Add member to role",
                                       "properties.targetResources|contains": "Administrator", "result": "success",
                                       "TargetResources.modifiedProperties|contains": "Role.DisplayName"}),
    ("azure", "signinlogs", SIGN_IN, {"ResultType": 50126, "AppId": "a-1", "userAgent": "Mozilla/5.0",
                                      "DeviceDetail.isCompliant": False,
                                      "DeviceDetail.trusttype": "Azure AD registered",
                                      "AuthenticationRequirement": "singleFactorAuthentication", "Location": "DE",
                                      "Status": "failure", "ResultDescription|startswith": "Invalid"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("product", "service", "record", "wanted"),
    FOUND,
    ids=[f"{row[0]}/{row[1]} {number}" for number, row in enumerate(FOUND)],
)
def test_every_field_of_a_record_is_where_the_mapping_says(product, service, record, wanted):
    (event,) = events(record)
    source = {"product": product, "service": service}
    for field, value in {**wanted, "": None}.items():
        selection = {field: value} if field else wanted
        given = {"title": "x", "logsource": source, "detection": {"s": selection, "condition": "s"}}
        assert sigma.rule(given, "n", "f").test.holds(Entry(event=event)), field


@pytest.mark.parametrize("record", [row[2] for row in FOUND])
def test_a_rule_is_about_its_own_log_source_only(record):
    (event,) = events(record)
    sources = {
        (product, service)
        for product, service, *_ in FOUND
        if sigma.rule(
            {
                "title": "x",
                "logsource": {"product": product, "service": service},
                "detection": {"s": ["*"], "condition": "s"},
            },
            "n",
            "f",
        ).test.holds(Entry(event=event))
    }
    assert len(sources) == 1
