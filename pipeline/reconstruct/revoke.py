"""A credential becomes the commands that end it, by what its name says it is.

Sources: AWS IAM "Revoking IAM role temporary security credentials" and CLI reference; Vault API `sys/audit-hash`;
Kubernetes "Bound service account tokens"; GitHub REST "credential authorizations"; Google IAM "service account keys";
Okta "Sessions" and "API tokens"; Microsoft Graph `revokeSignInSessions`. Names come out of logs, so each is quoted.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import NamedTuple

from pipeline.reconstruct.times import iso

_ROLE = ":assumed-role/"


class Ending(NamedTuple):
    """How a credential is ended, and what that leaves."""

    commands: list[str]
    caveat: str


def ending(name: str, subject: str, now: int) -> Ending:
    """Commands for the credential of this name, which acts as `subject`; `now` in microseconds since 1970."""
    vendor, _, identifier = name.partition(":")
    make = _VENDORS.get(vendor)
    if make is None or not identifier:
        return Ending([], "no command is known for this kind of credential: end it where it was issued")
    return make(identifier, subject, now)


def _aws(key: str, subject: str, now: int) -> Ending:
    if key.startswith("ASIA"):
        return _aws_session(subject, now)
    user = _user(subject)
    named = f" --user-name {user}" if user else ""
    if key.startswith("ACCA"):
        what = f"aws iam {{}}-service-specific-credential --service-specific-credential-id {shlex.quote(key)}{named}"
        return Ending([what.format("update") + " --status Inactive", what.format("delete")], "")
    what = f"aws iam {{}}-access-key --access-key-id {shlex.quote(key)}{named}"
    return Ending(
        [what.format("update") + " --status Inactive", what.format("delete")],
        "sessions that were taken with it go on until they expire: end those of the roles it took, too",
    )


def _aws_session(subject: str, now: int) -> Ending:
    statement = {
        "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": iso(now)}},
    }  # fmt: skip
    policy = shlex.quote(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    _, found, after = subject.partition(_ROLE)
    if found:
        role = shlex.quote(after.partition("/")[0])
        put = f"aws iam put-role-policy --role-name {role} --policy-name AWSRevokeOlderSessions"
        command = f"{put} --policy-document {policy}"
        return Ending([command], f"ends every session of the role {role} that was issued before {iso(now)}")
    user = _user(subject)
    if user:
        command = (
            f"aws iam put-user-policy --user-name {user} --policy-name RevokeOlderSessions --policy-document {policy}"
        )
        return Ending([command], "denies the user's sessions, and its keys only until they are used for a new one")
    return Ending(
        [], "which role it is of is not known: find it by the credential's first use, and revoke its sessions"
    )


def _user(subject: str) -> str:
    """The user in an ARN, quoted; empty where it names none."""
    _, found, name = subject.partition(":user/")
    return shlex.quote(name.rpartition("/")[2]) if found else ""


def _vault(hashed: str, subject: str, now: int) -> Ending:
    if not hashed.startswith("hmac-"):
        return Ending([f"vault lease revoke {shlex.quote(hashed)}"], "")
    # Audit logs hold a keyed hash of the accessor: Vault itself says which accessor has it.
    search = (
        "vault list -format=json auth/token/accessors | jq -r '.[]' | while read -r accessor; do "
        f'[ "$(vault write -field=hash sys/audit-hash/file input="$accessor")" = {shlex.quote(hashed)} ] && '
        'vault token revoke -accessor "$accessor"; done'
    )
    return Ending(
        [search], "takes the audit device's name to be `file`; children of the token go with it, orphans do not"
    )


def _kubernetes(token: str, subject: str, now: int) -> Ending:
    parts = subject.split(":")
    if len(parts) == 4 and parts[:2] == ["system", "serviceaccount"]:
        space, account = shlex.quote(parts[2]), shlex.quote(parts[3])
        return Ending(
            [f"kubectl -n {space} get serviceaccount {account} -o yaml > {account}.yaml",
             f"kubectl -n {space} delete serviceaccount {account}", f"kubectl apply -f {account}.yaml"],
            "a token cannot be ended by itself: this ends every token of the service account",
        )  # fmt: skip
    return Ending([], "a token cannot be ended by itself: delete the pod or the service account that it is bound to")


def _github(hashed: str, subject: str, now: int) -> Ending:
    who = shlex.quote(subject) if subject else "LOGIN"
    return Ending(
        [f'gh api "/orgs/$ORG/credential-authorizations?login="{who} --jq \'.[].credential_id\'',
         'gh api -X DELETE "/orgs/$ORG/credential-authorizations/$CREDENTIAL_ID"'],
        f"the log names the token by its hash, {hashed}; the person has to revoke a classic token under Settings",
    )  # fmt: skip


def _gcp(key: str, subject: str, now: int) -> Ending:
    name = key.rpartition("/")[2]
    account = subject.rpartition("/")[2]
    of = f" --iam-account={shlex.quote(account)}" if "@" in account else " --iam-account=$SERVICE_ACCOUNT"
    what = f"gcloud iam service-accounts keys {{}} {shlex.quote(name)}{of}"
    return Ending([what.format("disable"), what.format("delete")], "access tokens that it got live up to an hour more")


def _okta(token: str, subject: str, now: int) -> Ending:
    who = shlex.quote(subject) if subject else "$USER"
    ask = 'curl -fsS -X DELETE -H "Authorization: SSWS $OKTA_TOKEN" "https://$OKTA_ORG/api/v1/'
    return Ending(
        [f'{ask}api-tokens/"{shlex.quote(token)}', f'{ask}users/"{who}"/sessions?oauthTokens=true"'],
        "the first is for an API token, the second ends a person's sessions and tokens",
    )


def _entra(token: str, subject: str, now: int) -> Ending:
    who = shlex.quote(subject) if subject else "$USER"
    return Ending(
        [f"az rest --method POST --url https://graph.microsoft.com/v1.0/users/{who}/revokeSignInSessions"],
        "access tokens go on for up to an hour where the service does not evaluate access continuously",
    )


_VENDORS: dict[str, Callable[[str, str, int], Ending]] = {
    "aws": _aws, "vault": _vault, "kubernetes": _kubernetes, "github": _github, "gcp": _gcp, "okta": _okta,
    "entra": _entra, "azure": _entra,
}  # fmt: skip
