"""Which public topic a record goes to, by a glance at its bytes.

Any topic takes any format, so a wrong guess costs nothing but the operator's overview.
"""

from __future__ import annotations

import re

import re2

_ISSUING = re.compile(
    rb'"eventName"\s*:\s*"(?:AssumeRole\w*|AssumeRoot|GetSessionToken|GetFederationToken|CreateAccessKey|ConsoleLogin'
    rb'|CreateServiceSpecificCredential|GetRoleCredentials|GetCredentialsForIdentity)"'
)
#: Other audit logs: what they are known by, and what of them is the issuance of a credential. With RE2, whose time is
#: linear whatever it is shown.
_AUDIT = [
    (re2.compile(b"(?s)" + mark), re2.compile(issuing))
    for mark, issuing in (
        # Kubernetes, also escaped inside of Azure's envelope
        (rb'"audit\.k8s\.io/', rb'"subresource\\*"\s*:\s*\\*"token'),
        # HashiCorp Vault
        (
            rb'"type"\s*:\s*"(?:request|response)".*"mount_(?:type|point|accessor|class)"',
            rb'"path"\s*:\s*"(?:auth/(?:[\w-]+/)+login|auth/token/create|[\w/-]+/(?:creds|sts)/)',
        ),
        # Okta, also its hooks and its events on EventBridge
        (
            rb'"(?:legacyEventType|debugContext|externalSessionId)"|"com\.okta\.event_hook"|aws\.partner/okta\.com',
            rb'"(?:app\.oauth2\.(?:as\.)?(?:token\.|authorize)|system\.api_token\.|user\.session\.(?:start|end)")',
        ),
        # Google Cloud
        (
            rb'"protoPayload"',
            rb'"methodName"\s*:\s*"(?:[\w.]+\.)?(?:Generate(?:Access|Id)Token|Sign(?:Jwt|Blob)|ExchangeToken|\w*Key"'
            rb"|serviceaccounts\.token)",
        ),
        # Azure Monitor and Entra
        (
            rb'"operationName"\s*:.*"(?:resourceId|callerIpAddress|properties|httpRequest)"|"createdDateTime".*"userId"',
            rb'SignInLogs"|"uniqueTokenIdentifier"|KeyIdentifier=|(?i:/(?:listkeys|regeneratekeys?)/action)',
        ),
        # Decisions of OPA and Cedar, which issue nothing
        (rb'"decision_id"\s*:|"log_kind"\s*:\s*"Decision"|"decision"\s*:.*"diagnostics"', rb"\x00"),
        # GitHub
        (
            rb'"action"\s*:\s*"[a-z0-9_]+\.[a-z0-9_.]+"',
            rb'"(?:personal_access_token|oauth_access|oauth_authorization|org_credential_authorization|public_key)\.',
        ),
    )
]
_KIND = re.compile(rb'"kind"\s*:\s*"(prompt|tool_call|token_issuance|cloud_audit)"')
_TOPICS = {b"prompt": "prompts", b"tool_call": "tool-calls", b"token_issuance": "token-issuance"}


def topic_of(value: bytes) -> str:
    """`prompts`, `tool-calls`, `token-issuance` or `cloud-audit`."""
    head = value[:4096]
    kind = _KIND.search(head)
    if kind is not None:
        return _TOPICS.get(kind[1], "cloud-audit")
    if b'"eventSource"' in value or b'"Records"' in head:
        return "token-issuance" if _ISSUING.search(value) else "cloud-audit"
    for mark, issuing in _AUDIT:
        if mark.search(head):
            return "token-issuance" if issuing.search(value) else "cloud-audit"
    if b"execute_tool" in value or b'"jsonrpc"' in value or b'"tool_use' in value or b'"tool_result"' in value:
        return "tool-calls"
    return "prompts"
