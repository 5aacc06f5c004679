"""Keycloak events: logins, tokens, refreshes, logouts and revocations become token issuance, all else cloud audit.

Source: Keycloak's Server Administration Guide (Auditing) and its sources (EventRepresentation, Details,
AdminEventRepresentation, the jboss-logging listener). Links: `sessionId` is the `sid` of the tokens, and
`details.token_id` and `refresh_token_id` are their `jti`; a refresh names the refresh token that paid for it. An access
token and a refresh token that come together are two events. A client acts for the user whose token it takes; who takes
part in an exchange is a chain. The server's own log in JSON holds an event as text, which is read too.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec
import re2

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import identify, string, text_of, typed
from pipeline.normalize.mask import without
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import epoch, instant
from schemas.event import REVOKES, Event

FORMAT: Final = "keycloak.event"
_LOGGER: Final = "org.keycloak.events"
#: `name="value", …` as the server's log has it; versions before 25 quote with ' or not at all. RE2: linear.
_PAIR = re2.compile(r"""([A-Za-z_][A-Za-z0-9_.-]*)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^,'"]*))(?:, |$)""")
_PAIRS: Final = 64
#: A client takes tokens.
_GRANTS = frozenset({"CODE_TO_TOKEN", "CLIENT_LOGIN", "TOKEN_EXCHANGE", "REFRESH_TOKEN", "PERMISSION_TOKEN",
                     "OAUTH2_DEVICE_CODE_TO_TOKEN", "AUTHREQID_TO_TOKEN", "JWT_AUTHORIZATION_GRANT"})  # fmt: skip
_ENDS = frozenset({"LOGOUT", "USER_SESSION_DELETED"})
_ISSUING = frozenset({*_GRANTS, *_ENDS, "LOGIN", "IMPERSONATE", "REVOKE_GRANT", "IDENTITY_PROVIDER_LOGIN"})
#: A resource server asks about a token.
_ASKS = frozenset({"INTROSPECT_TOKEN", "VALIDATE_ACCESS_TOKEN", "USER_INFO_REQUEST"})
_DENIED = frozenset({"access_denied", "not_allowed", "consent_denied", "user_disabled", "client_disabled"})
_SERVICE_ACCOUNT: Final = "service-account-"
_SECRETS = frozenset({"representation", "client_secret", "password", "cookies"})
_KEPT = (
    "grant_type", "scope", "audience", "auth_method", "auth_type", "client_auth_method", "requested_token_type",
    "subject_token_client_id", "refresh_token_type", "updated_refresh_token_id", "identity_provider",
    "identity_provider_identity", "redirect_uri", "reason", "revoked_client", "impersonator_realm", "credential_type",
    "code_id", "token_type", "org_id", "x509_cert_serial_number",
)  # fmt: skip


class Auth(msgspec.Struct, gc=False):
    """authDetails of an admin event."""

    realmId: str | None = None
    realmName: str | None = None
    clientId: str | None = None
    userId: str | None = None
    ipAddress: str | None = None
    username: str | None = None
    sessionId: str | None = None


class Entry(msgspec.Struct, gc=False):
    """A user event, an admin event, or a line of the server's log that holds one; the fields that are read."""

    id: str | None = None
    time: int | float | str | None = None
    type: str | None = None
    realmId: str | None = None
    realmName: str | None = None
    clientId: str | None = None
    userId: str | None = None
    sessionId: str | None = None
    ipAddress: str | None = None
    error: str | None = None
    details: dict[str, Any] | None = None
    operationType: str | None = None
    resourceType: str | None = None
    resourcePath: str | None = None
    authDetails: Auth | None = None
    loggerName: str | None = None
    logger: str | None = msgspec.field(default=None, name="log.logger")
    timestamp: str | None = None
    at: str | None = msgspec.field(default=None, name="@timestamp")
    message: str | None = None
    mdc: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(Entry)
_NAMED = frozenset(Entry.__struct_fields__) - {
    "details", "authDetails", "time", "timestamp", "at", "mdc", "message", "logger", "loggerName",
}  # fmt: skip


SOURCE: Final = Source(
    name=FORMAT,
    title="Keycloak events",
    group="Token issuance",
    documents=(
        "Keycloak: Server Administration Guide, Auditing",
        "Keycloak: EventRepresentation, AdminEventRepresentation, Details, EventType (sources)",
        "Keycloak: Configuring logging; Root cause analysis with tracing",
    ),
    enable="The listener `jboss-logging` is on by default and tells successes at level DEBUG: set "
    "`spi-events-listener--jboss-logging--success-level=info` and `log-console-output=json`, and send the lines of the "
    "logger `org.keycloak.events`. Or save events per realm (user events and admin events, expiry as you need) and "
    "fetch `/admin/realms/REALM/events` and `…/admin-events`; or any listener that writes these objects as JSON.",
    links={
        "actor": "`clientId` where a client takes, revokes or asks about tokens; else `details.username`, else "
        "`userId`; of admin events `authDetails.userId`",
        "human": "`details.username`, else `userId`; never a client's service account",
        "session": "`sessionId`, the `sid` of the tokens",
        "credential": "`details.refresh_token_id` of a refresh, `details.token_id` of a token that is asked about "
        "(`jti:…`)",
        "issued": "`details.token_id`, and as an event of its own `details.refresh_token_id` or "
        "`updated_refresh_token_id` (`jti:…`)",
        "trace": "`mdc.traceId` of the server's log",
        "address": "`ipAddress`",
    },
    needs={
        "trace": "`tracing-enabled=true`, and the events come by the server's log",
        "issued": "a grant that succeeded",
    },
    never={
        "request": "Keycloak gives requests no id",
        "tool_call": "Keycloak does not see tools",
        "policy": "an event does not name the policy that a permission was decided by",
    },
    lost=(
        "the subject token of an exchange: whose client it was issued to is stated, not its id",
        "when tokens expire; whether a refresh token may be used again is the realm's setting, not the event's",
        "the representation in admin events: it may hold secrets, so a keyed hash stands in its place",
        "the login of who acts in an admin event: it has the user's id",
    ),
    ends="`REVOKE_GRANT` revokes the tokens that it names. `LOGOUT` and `USER_SESSION_DELETED` end the session, and "
    "its tokens with it.",
    known=fields(
        Entry,
        "representation sequence loggerClassName level threadName threadId ndc hostName processName processId"
        " exception ecs.version log.level log process event service labels tags host error.message resourceTypeAsString"
        " authDetails.realmName",
    ),
    mark=rb'"realmId"\s*:\s*"|org\.keycloak\.events',
    issuing=rb'"?type\\*"?\s*[:=]\s*\\*"(?:LOGIN|CODE_TO_TOKEN|CLIENT_LOGIN|TOKEN_EXCHANGE|REFRESH_TOKEN|PERMISSION_TOKEN'
    rb"|OAUTH2_DEVICE_CODE_TO_TOKEN|AUTHREQID_TO_TOKEN|JWT_AUTHORIZATION_GRANT|LOGOUT|USER_SESSION_DELETED|IMPERSONATE"
    rb"|REVOKE_GRANT|IDENTITY_PROVIDER_LOGIN)",
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an event, an admin event, or the server's log line of one."""
    if _LOGGER in (string(found.get("loggerName")), string(found.get("log.logger"))):
        return True
    return "realmId" in found and bool({"type", "operationType"} & found.keys())


def split(value: bytes) -> list[bytes]:
    """One event is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The event, and another where a refresh token was issued beside an access token. Raises Invalid."""
    entry = _told(typed(_decode, value))
    if not entry.type and not entry.operationType:
        raise Invalid("type", "the type of the event, e.g. CODE_TO_TOKEN, or operationType", "nothing")
    event = _event(entry, value, context)
    if entry.operationType:
        _administer(event, entry)
        return [event]
    what = (entry.type or "").removesuffix("_ERROR")
    _parties(event, entry, what)
    return [event, *_issue(event, entry, what)]


def conceals(value: bytes, context: Context) -> bytes:
    """The event without the representation that an admin sent, and without secrets among the details."""
    return without(value, _SECRETS, context)


def _told(entry: Entry) -> Entry:
    """The event that a line of the server's log tells as text. What comes first counts: details are users' words."""
    if _LOGGER not in (entry.loggerName, entry.logger) or not entry.message:
        return entry
    found: dict[str, str] = {}
    for match in islice(_PAIR.finditer(entry.message), _PAIRS):
        text = next((part for part in match.groups()[1:] if part is not None), "")
        found.setdefault(match[1], "" if text == "null" else text)
    named = {name: text for name, text in found.items() if name in _NAMED}
    details = {name: text for name, text in found.items() if name not in _NAMED}
    told = msgspec.convert(named, Entry)
    told.details, told.timestamp, told.at, told.mdc = details, entry.timestamp, entry.at, entry.mdc
    return told


def _event(entry: Entry, value: bytes, context: Context) -> Event:
    who, details = entry.authDetails or Auth(), entry.details or {}
    outcome = _outcome(entry)
    return Event(
        event_id=identify(entry.id, value),
        kind="token_issuance" if (entry.type or "").removesuffix("_ERROR") in _ISSUING else "cloud_audit",
        time=_time(entry, context),
        format=FORMAT,
        action=f"keycloak:{entry.type or entry.operationType}",
        outcome=outcome,
        error=": ".join(part for part in (entry.error, string(details.get("reason"))) if part)[: context.text_limit]
        if outcome != "success"
        else "",
        account=entry.realmName or entry.realmId or who.realmName or who.realmId or "",
        session=entry.sessionId or who.sessionId or "",
        trace=string((entry.mdc or {}).get("traceId")),
        span=string((entry.mdc or {}).get("spanId")),
        address=entry.ipAddress or who.ipAddress or "",
        attributes=_attributes(entry, details),
    )


def _time(entry: Entry, context: Context) -> int:
    if entry.time is None and (entry.timestamp or entry.at):
        field, stamp = ("timestamp", entry.timestamp) if entry.timestamp else ("@timestamp", entry.at)
        return instant(field, stamp, context)
    if isinstance(entry.time, str) and not entry.time.isdigit():
        return instant("time", entry.time, context)
    return epoch("time", entry.time, 1000, context)


def _outcome(entry: Entry) -> str:
    if entry.error or (entry.type or "").endswith("_ERROR"):
        return "denied" if entry.error in _DENIED else "failure"
    return "success"


def _administer(event: Event, entry: Entry) -> None:
    """Of an admin event: who did what to which resource."""
    who = entry.authDetails or Auth()
    event.action = f"keycloak:{entry.operationType} {entry.resourceType or ''}".rstrip()
    event.actor = who.username or who.userId or entry.userId or ""
    event.resources = [entry.resourcePath] if entry.resourcePath else []
    client = who.clientId or entry.clientId
    if client:
        event.attributes["clientId"] = client[:256]


def _parties(event: Event, entry: Entry, what: str) -> None:
    """Who acts: a client for the user whose tokens it takes, or the user; a service account is the client's."""
    details = entry.details or {}
    login, client = string(details.get("username")), entry.clientId or ""
    machine = what == "CLIENT_LOGIN" or login.startswith(_SERVICE_ACCOUNT)
    person = "" if machine else login or entry.userId or ""
    event.human = person
    if what in _GRANTS or what in _ASKS or machine or "client_auth_method" in details:
        event.actor, event.actor_kind = client, "workload" if client else ""
        if what in _GRANTS:
            event.attributes.update(delegation([client, string(details.get("subject_token_client_id")), person]))
        return
    event.actor, event.actor_kind = person, "human" if person else ""
    if impersonator := string(details.get("impersonator")):
        event.actor = event.human = impersonator
        event.resources = [f"User/{person}"] if person else []
        event.attributes.update(delegation([impersonator, person]))


def _attributes(entry: Entry, details: dict[str, Any]) -> dict[str, str]:
    kept = {name: text_of(details.get(name)) for name in _KEPT}
    kept["clientId"], kept["userId"] = entry.clientId or "", entry.userId or ""
    kept["session"] = "ended" if entry.type in _ENDS else ""
    return {name: text[:256] for name, text in kept.items() if text}


def _issue(event: Event, entry: Entry, what: str) -> list[Event]:
    """Set what was used, issued and revoked; the event of the refresh token that was issued too, if one was."""
    details = entry.details or {}
    access, refresh = string(details.get("token_id")), string(details.get("refresh_token_id"))
    event.issued_kind = "login" if what in ("LOGIN", "IMPERSONATE") else "session" if what in _GRANTS else ""
    if what in _ASKS:
        event.credential = f"jti:{access}" if access else ""
    elif what == "REVOKE_GRANT" and event.outcome == "success":
        event.attributes[REVOKES] = "\n".join(f"jti:{one}" for one in (access, refresh) if one)
        if not event.attributes[REVOKES]:
            del event.attributes[REVOKES]
    if what not in _GRANTS:
        return []
    if what == "REFRESH_TOKEN":
        event.credential = f"jti:{refresh}" if refresh else ""
        refresh = string(details.get("updated_refresh_token_id"))
    if event.outcome != "success":
        return []
    event.issued = f"jti:{access}" if access else ""
    event.issued_subject = entry.userId or event.human or event.actor
    if not refresh:
        return []
    second = msgspec.structs.replace(event, event_id=f"{event.event_id}#refresh", issued=f"jti:{refresh}")
    second.attributes = {**event.attributes, "issued": "refresh token"}
    second.resources, second.mentions = [], []
    return [second]
