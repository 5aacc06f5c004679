"""What Google Cloud's audit logs say of themselves: what to switch on, which fields link, and which are known."""

from __future__ import annotations

from typing import Final

from pipeline.normalize.source import Source

FORMAT: Final = "gcp.audit"
_ENTRY = """
    insertId logName timestamp receiveTimestamp severity trace traceSampled spanId labels resource operation
    sourceLocation split httpRequest errorGroups apphub apphubDestination apphubSource otel metadata jsonPayload
    textPayload
"""
_PAYLOAD = """
    @type serviceName methodName resourceName resourceLocation resourceOriginalState numResponseItems status
    authenticationInfo.principalEmail authenticationInfo.principalSubject authenticationInfo.authoritySelector
    authenticationInfo.thirdPartyPrincipal authenticationInfo.serviceAccountKeyName
    authenticationInfo.serviceAccountDelegationInfo authenticationInfo.oauthInfo
    authenticationInfo.loggableShortLivedCredential authorizationInfo policyViolationInfo requestMetadata request
    response metadata serviceData
"""

SOURCE: Final = Source(
    inner=(
        "callerIp",
        "callerSuppliedUserAgent",
        "requestAttributes",
        "currentLocations",
        "expireTime",
        "firstPartyPrincipal",
        "oauthClientId",
    ),
    name=FORMAT,
    title="Google Cloud audit logs",
    group="Cloud audit",
    documents=(
        "Google Cloud: LogEntry; AuditLog, AuthenticationInfo, AuthorizationInfo and ServiceAccountDelegationInfo",
        "Google Cloud: Example logs for service accounts; Example logs for Workload Identity Federation",
        "Google Kubernetes Engine: audit logging; Kubernetes: audit annotations",
    ),
    enable="Admin Activity logs are always on. Switch on **Data Access** logs for what agents read, and for the IAM "
    "Service Account Credentials API and the Security Token Service: without them `GenerateAccessToken` and "
    "`ExchangeToken` are not seen. Send a log sink's entries by Pub/Sub or from a bucket, one `LogEntry` a record.",
    links={
        "actor": "`authenticationInfo.principalEmail`, else `principalSubject`",
        "human": "the nearest person among the caller and `serviceAccountDelegationInfo[]`",
        "credential": "the key in `serviceAccountKeyName` (`gcp:key/…`); on GKE the annotation `credential-id` "
        "(`kubernetes:…`)",
        "issued": "a new key's name (`gcp:key/…`); on GKE the annotation `issued-credential-id`",
        "request": "`requestMetadata.requestAttributes.id`",
        "trace": "`trace`",
        "policy": "`authorizationInfo[]`: permissions granted or not; on GKE `authorization.k8s.io/reason`",
        "address": "`requestMetadata.callerIp`",
    },
    needs={
        "credential": "the caller used a key of a service account; short-lived tokens have no id",
        "issued": "keys, and GKE's TokenRequests; of access tokens only the subject is stated",
        "human": "the caller is a person, or impersonation started with one",
        "request": "the service states it; few do",
        "trace": "the service states it; few do",
    },
    never={"session": "sign-ins are in Google Workspace's logs", "tool_call": "Google Cloud does not see tools"},
    lost=(
        "ids of access tokens: `GenerateAccessToken` and `ExchangeToken` link by subject and time only",
        "which role binding granted a permission",
        "e-mail addresses of callers from elsewhere are redacted where the vendor says so",
    ),
    ends="Keys are revoked by `DeleteServiceAccountKey`, `DisableServiceAccountKey` and `DeleteKey`, and restored by "
    "`EnableServiceAccountKey` and `UndeleteKey`. Access tokens have no id.",
    known=frozenset([*_ENTRY.split(), *(f"protoPayload.{name}" for name in _PAYLOAD.split())]),
    mark=rb'"proto[pP]ayload"',
    issuing=rb'"method[nN]ame"\s*:\s*"(?:[\w.]+\.)?(?:Generate(?:Access|Id)Token|Sign(?:Jwt|Blob)|ExchangeToken'
    rb"|(?:Create|Upload)ServiceAccountKey|CreateKey|serviceaccounts\.token)",
)
