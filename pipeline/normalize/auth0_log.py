"""Auth0 tenant logs: logins, token exchanges, revocations and logouts become token issuance, all else cloud audit.

Source: Auth0 documentation, Log Type Codes and Agent ID in Tenant Logs; the schemas of tenant logs that Auth0 publishes
(auth0-log-schemas). Links: `details.access_token_jti` is the access token issued, and the Management API notes the one
used as `details.request.auth.credentials.jti`; a refresh token is known by its family. `agent_id` acts for the user,
`details.actor` nests as `act` does. Log streams wrap each log as `{"log_id", "data"}`, EventBridge that as `detail`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import chain_of, delegation
from pipeline.normalize.documents import content_id, mapping, sequence, string, text_of, typed
from pipeline.normalize.mask import without
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import instant
from schemas.event import REVOKES, Event

FORMAT: Final = "auth0.log"
_ID = re.compile(r"90\d{45,70}")
_LOGIN = re.compile(r"[sf]|f[pu]|[sf]sa|[sf]coa")
_LOGOUT = re.compile(r"[sf]lo|oidc_backchannel_logout_[a-z]+")
_GRANT = re.compile(
    r"[sf]e(?!rrt)[a-z]+|[sf]d|(?:ciba|idjag)_exchange_[a-z]+|(?:success|failed)_on_behalf_of_token_exchange"
)
_REVOKE = re.compile(r"[sf]rrt|ferrt")
_API = frozenset({"sapi", "fapi", "mgmt_api_read"})
#: What the Management API deletes by an id that a token is known by.
_TOKEN_PATH = re.compile(r"/api/v2/(?:refresh-tokens|device-credentials)/([\w.|-]{1,128})")
_SECRETS = frozenset({"client_secret", "password", "access_token", "refresh_token_value", "id_token", "signing_keys"})
_KEPT = (
    "grant_type", "requested_token_type", "subject_token_type", "requested_scope", "tokenCounter", "grant_id",
    "initiated_by", "return_to", "token_endpoint_auth_method", "policy_used",
)  # fmt: skip


class Log(msgspec.Struct, gc=False):
    """The fields of a tenant log that are read."""

    date: str | None = None
    type: str | None = None
    description: str | None = None
    log_id: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    client_id: str | None = None
    client_name: str | None = None
    connection: str | None = None
    agent_id: str | None = None
    external_agent_id: str | None = None
    organization_id: str | None = None
    tenant_name: str | None = None
    hostname: str | None = None
    audience: Any = None
    scope: Any = None
    session_connection: Any = None
    references: dict[str, Any] | None = None
    details: Any = None


class Envelope(msgspec.Struct, gc=False):
    """A log as streams send it, or the EventBridge event of one."""

    type: Any = None
    data: msgspec.Raw = msgspec.Raw()
    detail: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(Log)
_envelope = msgspec.json.Decoder(Envelope)


SOURCE: Final = Source(
    name=FORMAT,
    title="Auth0 tenant logs",
    group="Token issuance",
    documents=(
        "Auth0: Log Type Codes",
        "Auth0: tenant log schemas (auth0-log-schemas)",
        "Auth0: Agent ID in Tenant Logs",
        "Auth0: Log Streams",
        "Auth0: Refresh Token Rotation",
    ),
    enable="The tenant log is always on; it is kept for 1 to 30 days. Have a log stream send it (its wrapping is taken "
    "off, Amazon EventBridge's too), or fetch `/api/v2/logs` and send the pages.",
    links={
        "actor": "`agent_id`, else `external_agent_id`, else the first `details.actor`, else `client_id` of token "
        "exchanges and revocations; of logins and people in the dashboard the person",
        "human": "`user_name`, else `details.request.auth.user.email`, else `user_id`",
        "session": "`details.session_id`, `details.refresh_token.session_id`, `details.prompts[].session_id`: the "
        "`sid` of its tokens",
        "credential": "`details.request.auth.credentials.jti` of the Management API (`jti:…`); `details.familyId` of "
        "the refresh token that was exchanged (`auth0:…`)",
        "issued": "`details.access_token_jti` (`jti:…`)",
        "request": "`references.correlation_id`, else `details.transaction_id`",
        "address": "`ip`",
    },
    needs={
        "issued": "access tokens that are JWTs; opaque ones have no id in the log",
        "credential": "calls of the Management API; refresh tokens that rotate",
        "request": "`X-Correlation-ID` was sent to the Management API; logins",
    },
    never={
        "trace": "Auth0 does not log trace contexts",
        "tool_call": "Auth0 does not see tools",
        "policy": "what an Action or a policy decided is not named",
    },
    lost=(
        "the subject token of an exchange: who, not with what",
        "how long an access token lasts",
        "which refresh token of a family; whether the id of a revoked one (`credential_id`) equals its family's is not "
        "documented, so it may not link",
    ),
    ends="`srrt` revokes a refresh token, as do the Management API's deletions of `refresh-tokens` and "
    "`device-credentials`; `ferrt`, a refresh token that was used twice, ends its whole family. `slo` ends "
    "the session.",
    known=fields(
        Log,
        "_id $event_schema auth0_client client_ip connection_id environment_name identity_user_id impersonator"
        " isMobile is_mobile location_info mtls_thumbprint_sha256 organization_name references security_context"
        " strategy strategy_type tracking_id",
    ),
    mark=rb'"log_id"\s*:\s*"90\d{40}',
    issuing=rb'"type"\s*:\s*"(?:[sf]|f[pu]|[sf]sa|[sf]coa|[sf]lo|oidc_backchannel_logout_[a-z]+|[sf]e[a-z]+|[sf]d|[sf]rrt'
    rb'|(?:ciba|idjag)_exchange_[a-z]+|(?:success|failed)_on_behalf_of_token_exchange)"'
    rb'|"path"\s*:\s*"/api/v2/(?:refresh-tokens|device-credentials)/',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a tenant log, a stream's envelope of one, or Auth0's EventBridge event."""
    if string(found.get("source")).startswith("aws.partner/auth0.com"):
        return True
    log = mapping(found.get("data")) or found
    return isinstance(log.get("type"), str) and "log_id" in {**found, **log} and "date" in log


def split(value: bytes) -> list[bytes]:
    """The log in a stream's envelope, which EventBridge puts into one of its own."""
    if b'"data"' not in value:
        return [value]
    found: Envelope = typed(_envelope, value)
    if bytes(found.detail)[:1] == b"{":
        value = bytes(found.detail)
        found = typed(_envelope, value)
    return [bytes(found.data)] if found.type is None and bytes(found.data)[:1] == b"{" else [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    log: Log = typed(_decode, value)
    if not log.type:
        raise Invalid("type", "the code of the event, e.g. seccft", "nothing")
    details = mapping(log.details)
    request = mapping(details.get("request"))
    outcome = _outcome(log.type, mapping(details.get("response")).get("statusCode"))
    event = Event(
        event_id=log.log_id if _ID.fullmatch(log.log_id or "") else content_id(value),  # type: ignore[arg-type]
        kind="token_issuance" if _issues(log.type) else "cloud_audit",
        time=instant("date", log.date, context),
        format=FORMAT,
        action=f"auth0:{log.type}{_operation(log)}",
        outcome=outcome,
        error="" if outcome in ("success", "") else (log.description or "")[: context.text_limit],
        account=log.tenant_name or log.hostname or "",
        session=_session(details),
        credential=_credential(request, details),
        request=string((log.references or {}).get("correlation_id")) or string(details.get("transaction_id")),
        resources=[path] if (path := string(request.get("path"))) else [],
        address=log.ip or "",
        user_agent=(log.user_agent or "")[:512],
        attributes=_attributes(log, details, request),
    )
    _parties(event, log, details, request)
    _issue(event, log, details, request)
    return [event]


def conceals(value: bytes, context: Context) -> bytes:
    """The log without secrets and passwords in the bodies of Management API requests; Auth0 hides most of them."""
    return without(value, _SECRETS, context)


def _issues(code: str) -> bool:
    return any(one.fullmatch(code) for one in (_LOGIN, _LOGOUT, _GRANT, _REVOKE))


def _operation(log: Log) -> str:
    """What the Management API did, which its description says in the words of its reference."""
    return f" {log.description[:80]}" if log.type in _API and log.description else ""


def _outcome(code: str, status: object) -> str:
    """Of the Management API by its answer's status, else by the code: s… and f…, or words that say so."""
    if "pwd_leak" in code or code.startswith("limit_") or code == "api_limit":
        return "denied"
    if code in _API and isinstance(status, int) and not isinstance(status, bool):
        return "denied" if status in (401, 403) else "success" if status < 400 else "failure"
    words = set(code.split("_"))
    if words & {"success", "succeeded", "succeed"} or (code.isalpha() and code[0] == "s"):
        return "success"
    return "failure" if words & {"failed", "failure"} or (code.isalpha() and code[0] == "f") else ""


def _session(details: dict[str, Any]) -> str:
    prompts = [string(mapping(one).get("session_id")) for one in sequence(details.get("prompts"))[:32]]
    stated = [details.get("session_id"), mapping(details.get("refresh_token")).get("session_id"), *reversed(prompts)]
    return next((text for text in map(string, stated) if text), "")


def _credential(request: dict[str, Any], details: dict[str, Any]) -> str:
    jti = string(mapping(mapping(request.get("auth")).get("credentials")).get("jti"))
    family = string(details.get("familyId"))
    return f"jti:{jti}" if jti else f"auth0:{family}" if family else ""


def _parties(event: Event, log: Log, details: dict[str, Any], request: dict[str, Any]) -> None:
    """Who acts, and for whom: an agent or a client for the person, or the person in person."""
    user = mapping(mapping(request.get("auth")).get("user"))
    machine = (log.user_id or "").removesuffix("@clients") if (log.user_id or "").endswith("@clients") else ""
    person = log.user_name or string(user.get("email")) or ("" if machine else log.user_id or "")
    chain = chain_of({"act": details.get("actor"), "sub": person})
    agent = log.agent_id or log.external_agent_id or ""
    client = machine or log.client_id or ""
    event.human = person
    event.actor_name = string(user.get("name")) if not agent else ""
    if agent:
        event.actor, event.actor_kind = agent, "agent"
    elif _GRANT.fullmatch(log.type or "") or _REVOKE.fullmatch(log.type or "") or not person:
        event.actor = (chain[0] if chain else "") or client
        event.actor_kind = "workload" if event.actor else ""
        event.actor_name = event.actor_name or log.client_name or ""
    else:
        event.actor, event.actor_kind = person, "human"
    event.attributes.update(delegation([event.actor, *chain[1:], person]))


def _attributes(log: Log, details: dict[str, Any], request: dict[str, Any]) -> dict[str, str]:
    kept = {name: text_of(details.get(name)) for name in _KEPT}
    kept |= {
        "description": log.description or "",
        "clientId": log.client_id or "",
        "clientName": log.client_name or "",
        "userId": log.user_id or "",
        "agentId": log.agent_id or "",
        "externalAgentId": log.external_agent_id or "",
        "connection": log.connection or "",
        "organization": log.organization_id or "",
        "sessionConnection": text_of(log.session_connection),
        "audience": text_of(log.audience),
        "scope": text_of(log.scope),
        "method": string(request.get("method")),
        "session": "ended" if _LOGOUT.fullmatch(log.type or "") and not (log.type or "").startswith("f") else "",
    }
    return {name: text[:256] for name, text in kept.items() if text}


def _issue(event: Event, log: Log, details: dict[str, Any], request: dict[str, Any]) -> None:
    """What was issued, or ended."""
    code, family = log.type or "", string(details.get("familyId"))
    event.issued_kind = "login" if _LOGIN.fullmatch(code) else "session" if _GRANT.fullmatch(code) else ""
    jti = string(details.get("access_token_jti"))
    if jti and event.outcome == "success":
        event.issued, event.issued_subject = f"jti:{jti}", log.user_id or event.human or event.actor
    if code == "ferrt" and family:
        event.attributes[REVOKES] = f"auth0:{family}"
    elif code == "srrt" and (ended := string(details.get("credential_id"))):
        event.attributes[REVOKES] = f"auth0:{ended}"
    elif event.outcome == "success" and string(request.get("method")).lower() == "delete":
        named = _TOKEN_PATH.fullmatch(string(request.get("path")))
        if named is not None:
            event.kind = "token_issuance"
            event.attributes[REVOKES] = f"auth0:{named[1]}"
