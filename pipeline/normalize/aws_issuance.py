"""Which AWS calls issue credentials and revoke them, and where the record says which.

Source: AWS STS, IAM, IAM Identity Center, Cognito, EKS Auth, IAM Roles Anywhere and Bedrock AgentCore API references.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.normalize.documents import mapping, string
from schemas.event import RESTORES, REVOKES


class Issuing(msgspec.Struct, frozen=True):
    """One issuing call."""

    sources: tuple[str, ...]
    #: `session` (temporary), `access-key`, `service-credential`, or `login` (no credential id in the log).
    kind: str
    #: Where in responseElements the credential's id is.
    credential: tuple[str, ...] = ("credentials", "accessKeyId")
    #: Where the identity it acts as is: in responseElements, then in requestParameters.
    subject: tuple[str, ...] = ("assumedRoleUser", "arn")
    subject_asked: str = ""


class Issued(msgspec.Struct, frozen=True):
    """What a call issued; empty when the log does not say."""

    credential: str = ""
    kind: str = ""
    #: Microseconds since 1970 UTC; 0 = not stated.
    expires: int = 0
    subject: str = ""


_STS = ("sts.amazonaws.com",)
_IAM = ("iam.amazonaws.com",)
_AGENTCORE = ("bedrock-agentcore.amazonaws.com",)
ISSUING = {
    "AssumeRole": Issuing(_STS, "session", subject_asked="roleArn"),
    "AssumeRoleWithSAML": Issuing(_STS, "session", subject_asked="roleArn"),
    "AssumeRoleWithWebIdentity": Issuing(_STS, "session", subject_asked="roleArn"),
    "AssumeRoot": Issuing(_STS, "session", subject_asked="targetPrincipal"),
    "GetSessionToken": Issuing(_STS, "session"),
    "GetFederationToken": Issuing(_STS, "session", subject=("federatedUser", "arn")),
    "CreateAccessKey": Issuing(
        _IAM, "access-key", ("accessKey", "accessKeyId"), ("accessKey", "userName"), subject_asked="userName"
    ),
    "CreateServiceSpecificCredential": Issuing(
        _IAM, "service-credential", ("serviceSpecificCredential", "serviceSpecificCredentialId"),
        ("serviceSpecificCredential", "userName"), subject_asked="userName",
    ),
    "GetDelegatedAccessToken": Issuing(_STS, "session", subject=("assumedPrincipal",)),
    "GetWebIdentityToken": Issuing(_STS, "session", (), ()),
    "AssumeRoleForPodIdentity": Issuing(("eks-auth.amazonaws.com",), "session"),
    "CreateSession": Issuing(
        ("rolesanywhere.amazonaws.com",), "session", ("credentialSet", "credentials", "accessKeyId"),
        ("credentialSet", "assumedRoleUser", "arn"), subject_asked="roleArn",
    ),
    "GetWorkloadAccessToken": Issuing(_AGENTCORE, "session", (), (), subject_asked="workloadName"),
    "GetWorkloadAccessTokenForJWT": Issuing(_AGENTCORE, "session", (), (), subject_asked="workloadName"),
    "GetWorkloadAccessTokenForUserId": Issuing(_AGENTCORE, "session", (), (), subject_asked="workloadName"),
    "GetResourceOauth2Token": Issuing(_AGENTCORE, "session", (), ()),
    "GetResourceApiKey": Issuing(_AGENTCORE, "api-key", (), ()),
    "GetRoleCredentials": Issuing(
        ("sso.amazonaws.com",), "session", ("roleCredentials", "accessKeyId"), (), subject_asked="roleName"
    ),
    "GetCredentialsForIdentity": Issuing(("cognito-identity.amazonaws.com",), "session", subject=()),
    "ConsoleLogin": Issuing(("signin.amazonaws.com",), "login", ()),
}  # fmt: skip


#: Calls of IAM that end a credential or set its status, with the parameter that names it.
REVOKING = {
    "DeleteAccessKey": "accessKeyId", "UpdateAccessKey": "accessKeyId",
    "DeleteServiceSpecificCredential": "serviceSpecificCredentialId",
    "UpdateServiceSpecificCredential": "serviceSpecificCredentialId",
}  # fmt: skip
_STATUS = {"Inactive": REVOKES, "Active": RESTORES}


def revoked_by(name: str, source: str, asked: dict[str, Any]) -> dict[str, str]:
    """What a successful call did to which credential, as attributes of its event."""
    if source not in _IAM:
        return {}
    what = REVOKES if name.startswith("Delete") else _STATUS.get(string(asked.get("status")), "")
    credential = string(asked.get(REVOKING[name]))
    return {what: f"aws:{credential}"} if what and credential else {}


def issued_by(call: Issuing, asked: dict[str, Any], answered: dict[str, Any]) -> Issued:
    """What a successful call issued, from its request and its answer."""
    credential = _at(answered, call.credential)
    subject = _at(answered, call.subject) or string(asked.get(call.subject_asked))
    if not credential:
        return Issued() if call.credential else Issued(kind=call.kind, subject=subject)
    around = call.credential[:-1]
    expires = _at(answered, (*around, "expiration")) or _at(answered, (*around, "expirationDate"))
    return Issued(f"aws:{credential}", call.kind, _moment(expires), subject)


def _at(found: Any, path: tuple[str, ...]) -> str:
    for name in path:
        # Roles Anywhere answers with a list of one.
        found = mapping(found[0] if isinstance(found, list) and found else found).get(name)
    return string(found) if path else ""


def _moment(text: str) -> int:
    """CloudTrail writes expirations as `Jul 10, 2023, 12:42:31 PM`, with or without the second comma, or as ISO."""
    for shape in ("%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p"):
        try:
            return int(datetime.strptime(text, shape).replace(tzinfo=UTC).timestamp()) * 1_000_000
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * 1_000_000
