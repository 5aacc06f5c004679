"""Microsoft Graph activity logs: requests to Microsoft Graph become cloud audit events.

Source: Microsoft documentation, Access Microsoft Graph activity logs, table MicrosoftGraphActivityLogs; in Azure
Monitor's envelope the same fields have small initials, under `properties`, as tenants have it. Links:
`SignInActivityId` is the token used, the `uniqueTokenIdentifier` of its sign-in, and case-sensitive; `SessionId` the
login session. Azure AD Graph's log has the same fields, but for a few names.
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, mapping, string, text_of
from pipeline.normalize.entra import token_name
from pipeline.normalize.mentions import mentions
from pipeline.normalize.times import instant
from schemas.event import Event

CATEGORIES: Final = ("MicrosoftGraphActivityLogs", "AzureADGraphActivityLogs", "AADGraphActivityLogs")
_KEPT = (
    "appId", "scopes", "roles", "wids", "clientAuthMethod", "tokenIssuedAt", "operationId", "clientRequestId",
    "deviceId", "identityProvider", "apiVersion", "responseStatusCode", "servicePrincipalId",
)  # fmt: skip
#: Names of the same field, here and there.
_METHOD, _STATUS = ("requestMethod", "httpMethod"), ("responseStatusCode", "httpStatusCode")
_ADDRESS, _TENANT = ("ipAddress", "callerIpAddress"), ("aadTenantId", "tenantId")


def normalize(record: dict[str, Any], value: bytes, form: str, context: Context) -> Event:
    """One event. Raises Invalid."""
    stated = mapping(record.get("properties"))
    method, uri = _first(stated, *_METHOD), _first(stated, "requestUri")
    if not method or not uri:
        raise Invalid("properties.requestUri" if method else "properties.requestMethod", "a request", "nothing")
    path = _path(uri)
    person, client = _first(stated, "userId"), _first(stated, "servicePrincipalId", "appId")
    by_person = bool(person) and _first(stated, "C_Idtyp", "actorType").lower() not in ("app", "application")
    token = _first(stated, "signInActivityId")
    status = text_of(next((stated[name] for name in _STATUS if name in stated), ""))
    event = Event(
        event_id=content_id(value),
        kind="cloud_audit",
        time=instant("time", record.get("time"), context),
        format=form,
        action=f"graph:{method} {path[0] if path else ''}"[:128].strip(),
        outcome=_outcome(status),
        error=f"HTTP {status}" if status >= "400" else "",
        actor=person if by_person else client,
        actor_kind="human" if by_person else "workload" if client else "",
        human=person if by_person else "",
        account=_first(stated, *_TENANT) or string(record.get("tenantId")),
        session=_first(stated, "sessionId", "C_Sid"),
        credential=token_name(token) if token else "",
        request=_first(stated, "requestId") or string(record.get("correlationId")),
        resources=[uri.partition("?")[0][:1024]],
        address=_first(stated, *_ADDRESS) or string(record.get("callerIpAddress")),
        user_agent=_first(stated, "userAgent")[:512],
        region=_first(stated, "location") or string(record.get("location")),
        mentions=mentions(path, context),
    )
    kept = {name: text_of(stated.get(name)) for name in _KEPT}
    event.attributes = {"category": string(record.get("category"))} | {
        name: text for name, text in kept.items() if text
    }
    return event


def _first(stated: dict[str, Any], *names: str) -> str:
    return next((text for text in (string(stated.get(name)) for name in names) if text), "")


def _path(uri: str) -> list[str]:
    """The parts of a request's path behind the version of the API."""
    path = (
        uri[:4096].partition("?")[0].partition("://")[2].split("/")[1:] if "://" in uri[:16] else uri[:4096].split("/")
    )
    parts = [part for part in path if part]
    return parts[1:] if parts and parts[0] in ("v1.0", "beta") else parts


def _outcome(status: str) -> str:
    if not (status.isascii() and status.isdigit() and len(status) == 3):
        return ""
    return "denied" if status in ("401", "403") else "success" if status < "400" else "failure"
