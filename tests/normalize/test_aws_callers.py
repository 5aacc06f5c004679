"""CloudTrail: who calls through whom, agents and their tokens, API keys, VPC endpoints, services' events, insights."""

import copy
import json

import pytest

from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events
from tests.normalize.test_aws_cloudtrail import ASSUME, CALL

AGENTCORE = {**CALL, "eventSource": "bedrock-agentcore.amazonaws.com"}
INVOKE = {**AGENTCORE, "eventName": "InvokeAgentRuntime", "requestParameters": {
    "runtimeSessionId": "c-7", "runtimeUserId": "ana@example.com"}}  # fmt: skip
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:pay"


def by(**identity):
    return {**copy.deepcopy(CALL), "userIdentity": {**copy.deepcopy(CALL["userIdentity"]), **identity}}


def asked(name, parameters, answer=None):
    return {**AGENTCORE, "eventName": name, "requestParameters": parameters, "responseElements": answer}


def test_an_agents_invocation_names_its_session_and_the_person_that_its_caller_states():
    (event,) = events(INVOKE)
    assert (event.session, event.human, event.kind) == ("c-7", "ana@example.com", "cloud_audit")
    assert json.loads(event.attributes["delegation"]) == [event.actor, "ana@example.com"]
    (event,) = events({**INVOKE, "eventSource": "s3.amazonaws.com"})
    assert (event.session, event.human) == ("", "")


@pytest.mark.parametrize(
    ("source", "parameters", "answer", "session"),
    [
        ("bedrock-agent-runtime", {"agentId": "a", "sessionId": "s-1"}, None, "s-1"),
        ("bedrock-agentcore", {"memoryId": "m", "sessionId": "s-1"}, None, "s-1"),
        ("bedrock-agentcore", {"browserIdentifier": "aws.browser.v1"}, {"sessionId": "sandbox"}, ""),
        ("bedrock-agentcore", {"runtimeSessionId": 5, "sessionId": ["x"]}, {"sessionId": None}, ""),
    ],
)
def test_a_sandbox_is_no_conversation(source, parameters, answer, session):
    record = {**asked("Call", parameters, answer), "eventSource": f"{source}.amazonaws.com"}
    assert events(record)[0].session == session


@pytest.mark.parametrize(
    ("name", "parameters", "kind", "subject", "human"),
    [
        ("GetWorkloadAccessToken", {"workloadName": "pay"}, "session", "pay", ""),
        ("GetWorkloadAccessTokenForJWT", {"workloadName": "pay"}, "session", "pay", ""),
        ("GetWorkloadAccessTokenForUserId", {"workloadName": "pay", "userId": "ana"}, "session", "pay", "ana"),
        ("GetResourceOauth2Token", {"resourceCredentialProviderName": "crm"}, "session", "", ""),
        ("GetResourceApiKey", {"resourceCredentialProviderName": "crm"}, "api-key", "", ""),
    ],
)
def test_agentcore_issues_tokens_without_an_id(name, parameters, kind, subject, human):
    (event,) = events(asked(name, parameters))
    assert (event.kind, event.issued, event.issued_kind) == ("token_issuance", "", kind)
    assert (event.issued_subject, event.human) == (subject, human)
    assert event.resources == [next(iter(parameters.values()))]
    assert events({**asked(name, parameters), "errorCode": "AccessDeniedException"})[0].issued_kind == ""


def test_tokens_of_agentcore_reach_neither_event_nor_evidence():
    record = asked("GetResourceOauth2Token", {"workloadIdentityToken": "opaque-1"}, {"accessToken": "opaque-2"})
    (one,) = process(Record(json.dumps(record).encode()), CONTEXT)
    assert b"opaque-" not in one.record.value
    assert "opaque-" not in str(one.events)


@pytest.mark.parametrize(
    ("source", "name", "answer", "issued"),
    [
        ("rolesanywhere", "CreateSession", {"credentialSet": [{
            "credentials": {"accessKeyId": "ASIAX", "expiration": "2026-01-31T10:00:04Z"},
            "assumedRoleUser": {"arn": "arn:x"}}]}, ("aws:ASIAX", "session", "arn:x", 1_769_853_604_000_000)),
        ("eks-auth", "AssumeRoleForPodIdentity", {"credentials": {"accessKeyId": "ASIAX"},
         "assumedRoleUser": {"arn": "arn:x"}}, ("aws:ASIAX", "session", "arn:x", 0)),
        ("sts", "GetDelegatedAccessToken", {"credentials": {"accessKeyId": "ASIAX"}, "assumedPrincipal": "arn:x"},
         ("aws:ASIAX", "session", "arn:x", 0)),
        ("sts", "GetWebIdentityToken", {"webIdentityToken": "HIDDEN"}, ("", "session", "", 0)),
        ("iam", "CreateServiceSpecificCredential", {"serviceSpecificCredential": {
            "serviceSpecificCredentialId": "ACCAX", "userName": "BedrockAPIKey-1",
            "expirationDate": "Jan 31, 2026, 10:00:04 AM"}},
         ("aws:ACCAX", "service-credential", "arn:aws:iam::123456789012:user/BedrockAPIKey-1", 1_769_853_604_000_000)),
        ("rolesanywhere", "CreateSession", {"credentialSet": []}, ("", "", "", 0)),
    ],
)  # fmt: skip
def test_services_issue_credentials_each_in_a_shape_of_its_own(source, name, answer, issued):
    record = {**ASSUME, "eventSource": f"{source}.amazonaws.com", "eventName": name, "responseElements": answer}
    (event,) = events({**record, "requestParameters": None})
    assert (event.issued, event.issued_kind, event.issued_subject, event.issued_expires) == issued
    assert event.kind == "token_issuance"


def test_a_console_login_issues_a_login():
    record = {**CALL, "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin",
              "eventType": "AwsConsoleSignIn", "responseElements": {"ConsoleLogin": "Success"}}  # fmt: skip
    (event,) = events(record)
    assert (event.issued, event.issued_kind, event.attributes["eventType"]) == ("", "login", "AwsConsoleSignIn")
    (event,) = events({**record, "responseElements": {"ConsoleLogin": "Failure"}})
    assert (event.issued_kind, event.outcome) == ("", "failure")


def test_credentials_that_a_function_was_given_are_a_workloads():
    scope = {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": FUNCTION}
    (event,) = events(by(inScopeOf=scope))
    assert (event.actor_kind, event.attributes["inScopeOf.credentialsIssuedTo"]) == ("workload", FUNCTION)
    assert events(by(inScopeOf={"sourceArn": FUNCTION}))[0].actor_kind == ""


@pytest.mark.parametrize(
    ("identity", "name", "text"),
    [
        ({"invokedBy": "cloudformation.amazonaws.com"}, "invokedBy", "cloudformation.amazonaws.com"),
        ({"invokedByDelegate": {"accountId": "444455556666"}}, "invokedByDelegate", "444455556666"),
        ({"sessionContext": {"webIdFederationData": {"federatedProvider": "arn:x"}}}, "federatedProvider", "arn:x"),
        ({"sessionContext": {"ec2RoleDelivery": "2.0"}}, "ec2RoleDelivery", "2.0"),
        ({"sessionContext": {"assumedRoot": "true"}}, "assumedRoot", "true"),
        ({"credentialId": "cred-1"}, "credentialId", "cred-1"),
    ],
)
def test_through_whom_a_call_came_is_kept(identity, name, text):
    assert events(by(**identity))[0].attributes[name] == text


def test_a_user_of_identity_center_is_known_by_user_and_credential():
    identity = {"type": "IdentityCenterUser", "accountId": "123456789012", "credentialId": "cred-1",
                "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:x"}}  # fmt: skip
    (event,) = events({**CALL, "userIdentity": identity})
    assert (event.actor, event.human, event.actor_kind, event.credential) == ("u-1", "u-1", "human", "aws:cred-1")
    assert event.attributes["identityStoreArn"] == "arn:x"
    assert "delegation" not in event.attributes


@pytest.mark.parametrize("where", ["additionalEventData", "requestParameters"])
def test_a_call_with_a_bearer_token_says_so(where):
    (event,) = events({**CALL, where: {"callWithBearerToken": True, "bearerTokenType": "SHORT_TERM"}})
    assert event.attributes["callWithBearerToken"] == "true"
    assert event.attributes["bearerTokenType"] == "SHORT_TERM"
    assert "callWithBearerToken" not in events({**CALL, where: {"callWithBearerToken": False}})[0].attributes


def test_a_vpc_endpoints_denial_is_its_policys():
    record = {**CALL, "eventType": "AwsVpceEvents", "errorCode": "VpceAccessDenied", "errorMessage": "Denied",
              "vpcEndpointId": "vpce-1", "vpcEndpointAccountId": "123456789012"}  # fmt: skip
    (event,) = events(record)
    assert (event.outcome, event.policy) == ("denied", "VPC endpoint policy")
    assert (event.attributes["vpcEndpointId"], event.attributes["vpcEndpointAccountId"]) == ("vpce-1", "123456789012")


def test_a_services_event_keeps_its_details():
    details = {"keyId": "k-1", "rotated": True, "list": [1], **{f"x{number}": number for number in range(20)}}
    (event,) = events({**CALL, "eventType": "AwsServiceEvent", "serviceEventDetails": details})
    kept = {name: text for name, text in event.attributes.items() if name.startswith("serviceEventDetails.")}
    assert kept["serviceEventDetails.keyId"] == "k-1"
    assert kept["serviceEventDetails.rotated"] == "true"
    assert "serviceEventDetails.list" not in kept
    assert len(kept) <= 8


INSIGHT = {
    "eventTime": "2026-01-31T09:00:04Z", "eventType": "AwsCloudTrailInsight", "sharedEventID": "share-1",
    "eventID": "7d9ee8d2-2e33-4c05-a21d-a9d8dc3c5c4e", "recipientAccountId": "123456789012",
    "insightDetails": {"state": "End", "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances",
                       "insightType": "ApiCallRateInsight", "insightContext": {
                           "statistics": {"baseline": {"average": 1}, "insight": {"average": 9.5}},
                           "attributions": [{"attribute": "userIdentityArn", "insight": [{"value": "arn:x"}]}]}},
}  # fmt: skip


def test_an_insight_is_no_call_and_has_no_caller():
    (event,) = events(INSIGHT)
    assert (event.action, event.phase, event.outcome) == ("cloudtrail:ApiCallRateInsight", "end", "")
    assert (event.actor, event.account) == ("", "123456789012")
    assert event.attributes["insight.eventName"] == "RunInstances"
    assert event.attributes["insight.userIdentityArn"] == "arn:x"
    assert (event.attributes["insight.average"], event.attributes["sharedEventID"]) == ("9.5", "share-1")


@pytest.mark.parametrize("details", [{}, {"insightContext": 5}, {"insightContext": {"attributions": [[], {}, "x"]}}])
def test_an_insight_may_say_anything(details):
    (event,) = events({**INSIGHT, "insightDetails": details})
    assert event.action == "cloudtrail:Insight"
