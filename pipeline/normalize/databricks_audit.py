"""Databricks audit logs: actions become cloud audit events; personal access tokens and logins become token issuance.

Source: Databricks documentation, Audit log reference and Audit log system table reference (`system.access.audit`). The
table's columns are the fields of delivered JSON files in snake case: both are read. Links: `requestParams.tokenId` or
`tokenHash` names the personal access token; `identity_metadata` says who ran something (`run_by`), and as whom
(`run_as`).
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import UUID, identify, mapping, string, text_of, too_deep, typed
from pipeline.normalize.mask import without
from pipeline.normalize.mentions import LEAVES, mentions, strings
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import LATEST, epoch, instant
from schemas.event import REVOKES, Event

FORMAT: Final = "databricks.audit"
#: Actions of the service `accounts`, with what they issue.
_LOGINS = (
    "login", "samlLogin", "oidcBrowserLogin", "aadBrowserLogin", "jwtLogin", "certLogin", "logout",
    "passwordVerifyAuthentication", "oneTimePasswordAuthentication",
)  # fmt: skip
_ISSUES = {"generateDbToken": "api-key", "mintOAuthToken": "session", "mintOAuthAuthorizationCode": "session"}
_ENDS = ("revokeDbToken", "garbageCollectDbToken")
_SECRETS = frozenset({"token_value", "tokenValue", "access_token", "client_secret", "secret_value", "string_value"})
#: Parameters that name a thing.
_NAMES = (
    "full_name_arg", "name_arg", "table_full_name", "schema_full_name", "catalog_name", "name", "path", "clusterId",
    "cluster_id", "jobId", "job_id", "runId", "notebookId", "warehouseId", "endpointId", "scope", "key",
    "servable_name", "targetUserName", "targetGroupName", "securable_full_name",
)  # fmt: skip
_KEPT = 24


class Row(msgspec.Struct, gc=False):
    """One event; the table's names after those of delivered files."""

    actionName: str | None = None
    action_name: str | None = None
    serviceName: str | None = None
    service_name: str | None = None
    timestamp: Any = None
    event_time: str | None = None
    event_id: str | None = None
    requestId: str | None = None
    request_id: str | None = None
    sessionId: str | None = None
    session_id: str | None = None
    sourceIPAddress: str | None = None
    source_ip_address: str | None = None
    userAgent: str | None = None
    user_agent: str | None = None
    userIdentity: Any = None
    user_identity: Any = None
    identityMetadata: Any = None
    identity_metadata: Any = None
    requestParams: Any = None
    request_params: Any = None
    response: Any = None
    workspaceId: Any = None
    workspace_id: Any = None
    accountId: str | None = None
    account_id: str | None = None
    auditLevel: str | None = None
    audit_level: str | None = None


_decode = msgspec.json.Decoder(Row)

SOURCE: Final = Source(
    name=FORMAT,
    title="Databricks audit log",
    group="Cloud audit",
    documents=(
        "Databricks: Audit log reference",
        "Databricks: Audit log system table reference (system.access.audit)",
    ),
    enable="Audit logs need the Premium plan. Query `system.access.audit` and send its rows as JSON, or have log "
    "delivery write JSON files to a bucket and send those; both spellings are read. Switch on verbose audit logs for "
    "what is run in notebooks and warehouses.",
    links={
        "actor": "`identity_metadata.run_as`, else `user_identity.email`: a login, or the id of a service principal",
        "human": "the actor, or `identity_metadata.run_by` if that is a person",
        "session": "`session_id`",
        "credential": "of `tokenLogin` `request_params.tokenId` (`databricks:…`)",
        "issued": "of `generateDbToken` `tokenHash` or `tokenId`, in the parameters or the answer (`databricks:…`)",
        "request": "`request_id`",
        "address": "`source_ip_address`",
    },
    needs={
        "session": "the act was done in a session",
        "credential": "the act is the login with a personal access token; other acts name no token",
        "issued": "the log states the token's id; of OAuth tokens it states none",
        "human": "a person ran it; a job that a service principal runs on schedule has none",
    },
    never={
        "trace": "trace contexts are not logged",
        "tool_call": "Databricks does not see tools",
        "policy": "which privilege allowed an act is not logged",
    },
    lost=(
        "which token an act was done with, but for the login with it",
        "that `tokenHash` of `revokeDbToken` is the `tokenId` of `tokenLogin` is unverified",
        "what is masked in `request_params`: definitions in SQL, unless one may see them",
    ),
    ends="`revokeDbToken` and `garbageCollectDbToken` end the token that they name.",
    known=fields(Row, "version event_date orgId shardName MAX_LOG_MESSAGE_LENGTH"),
    mark=rb'"actionName".*"serviceName"|"serviceName".*"actionName"|"action_name".*"service_name"'
    rb'|"service_name".*"action_name"',
    issuing=rb'"action_?[nN]ame"\s*:\s*"(?:(?:generate|revoke|garbageCollect)DbToken|mintOAuth\w+'
    rb'|login|saml[lL]ogin|\w+BrowserLogin|jwtLogin|certLogin|logout|(?:passwordVerify|oneTimePassword)Authentication)"',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a row of the table or of a delivered file."""
    return {"actionName", "serviceName"} <= found.keys() or {"action_name", "service_name"} <= found.keys()


def split(value: bytes) -> list[bytes]:
    """A line is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    row: Row = typed(_decode, value)
    action, service = row.action_name or row.actionName or "", row.service_name or row.serviceName or ""
    if not action:
        raise Invalid("action_name", "the name of the action", "nothing")
    who, ran = _object(row.user_identity or row.userIdentity), _object(row.identity_metadata or row.identityMetadata)
    asked, answered = _object(row.request_params or row.requestParams), _object(row.response)
    actor = string(ran.get("run_as")) or string(ran.get("runAs")) or string(who.get("email"))
    runner = string(ran.get("run_by")) or string(ran.get("runBy"))
    outcome = _outcome(answered)
    event = Event(
        event_id=identify(row.event_id, value),
        kind="cloud_audit",
        time=_time(row, context),
        format=FORMAT,
        action=f"databricks:{service}.{action}"[:256],
        outcome=outcome,
        error=""
        if outcome == "success"
        else text_of(_either(answered, "error_message", "errorMessage"), context.text_limit),
        actor=actor,
        actor_kind=_kind(actor),
        actor_name=text_of(_either(who, "subject_name", "subjectName")),
        human=next((name for name in (actor, runner) if _kind(name) == "human"), ""),
        account=_account(row),
        session=row.session_id or row.sessionId or "",
        request=row.request_id or row.requestId or "",
        resources=[string(asked.get(name)) for name in _NAMES if string(asked.get(name))][:16],
        address=row.source_ip_address or row.sourceIPAddress or "",
        user_agent=(row.user_agent or row.userAgent or "")[:512],
        mentions=mentions(islice(strings(asked), LEAVES), context),
        attributes=_attributes(row, asked, ran),
    )
    event.attributes.update(delegation([actor, runner]))
    if service.startswith("accounts"):
        _issue(event, action, asked, answered)
    return [event]


def conceals(value: bytes, context: Context) -> bytes:
    """The event without the tokens and secrets that parameters or answers may hold."""
    # An answer's result is JSON in a text, which is hidden as a whole.
    names = _SECRETS | {"result"} if b"token_value" in value else _SECRETS
    return without(value, names, context)


def _time(row: Row, context: Context) -> int:
    if row.event_time is not None:
        return instant("event_time", row.event_time, context)
    if isinstance(row.timestamp, str) and not row.timestamp.isdigit():
        return instant("timestamp", row.timestamp, context)
    return epoch("timestamp", row.timestamp, 1000, context)


def _object(stated: Any) -> dict[str, Any]:
    """A column may be an object, or JSON in a text."""
    if isinstance(stated, str) and stated[:1] == "{" and not too_deep(stated.encode("utf-8", "replace")):
        try:
            return mapping(msgspec.json.decode(stated))
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return {}
    return mapping(stated)


def _either(found: dict[str, Any], name: str, other: str) -> Any:
    return found[name] if name in found else found.get(other)


def _kind(name: str) -> str:
    """People are known by a login, service principals by the id of an application."""
    if "@" in name:
        return "human"
    return "workload" if len(name) == 36 and UUID.fullmatch(name) else "service" if name == "System-User" else ""


def _outcome(answered: dict[str, Any]) -> str:
    code = text_of(_either(answered, "status_code", "statusCode"))
    if not (code.isascii() and code.isdigit() and len(code) == 3):
        return ""
    return "denied" if code in ("401", "403") else "success" if code < "400" else "failure"


def _account(row: Row) -> str:
    """The workspace; acts of the account have 0 there."""
    workspace = text_of(row.workspace_id if row.workspace_id is not None else row.workspaceId)
    return workspace if workspace not in ("", "0") else row.account_id or row.accountId or ""


def _attributes(row: Row, asked: dict[str, Any], ran: dict[str, Any]) -> dict[str, str]:
    kept = {name: text_of(value) for name, value in list(asked.items())[:_KEPT] if name not in _SECRETS}
    kept |= {
        "auditLevel": row.audit_level or row.auditLevel or "",
        "actingResource": text_of(_either(ran, "acting_resource", "actingResource")),
        "accountId": row.account_id or row.accountId or "",
    }
    return {name[:128]: text[:256] for name, text in kept.items() if name and text}


def _issue(event: Event, action: str, asked: dict[str, Any], answered: dict[str, Any]) -> None:
    if action in _LOGINS:
        event.kind, event.issued_kind = "token_issuance", "login"
        if action == "logout":
            event.attributes["session"] = "ended"
        return
    stated = mapping(_object(answered.get("result")).get("token_info")).get("token_id")
    token = string(asked.get("tokenId")) or string(asked.get("tokenHash")) or string(stated)
    if action == "tokenLogin":
        event.credential = f"databricks:{token}" if token else ""
    elif action in _ISSUES:
        event.kind, event.issued_kind = "token_issuance", _ISSUES[action]
        if event.outcome == "success":
            event.issued = f"databricks:{token}" if token else ""
            event.issued_expires = _expiry(asked.get("tokenExpirationTime"))
            event.issued_subject = event.actor
    elif action in _ENDS:
        event.kind = "token_issuance"
        if token and event.outcome == "success":
            event.attributes[REVOKES] = f"databricks:{token}"


def _expiry(stated: Any) -> int:
    """Milliseconds, as a number or in digits; -1 is never."""
    text = text_of(stated)
    milliseconds = int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0
    return milliseconds * 1000 if milliseconds * 1000 <= LATEST else 0
