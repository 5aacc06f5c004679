"""OneLogin events: sign-ins, assumed users and API logins become token issuance, all else cloud audit.

Source: OneLogin developer documentation, Event Resource and Types, Get Event Types, Event Webhooks. Names of the types
that matter are below; all others are told by their number. Links: `client_id` are the API credentials that called. The
log names people by their ids and names, not by logins, so a person is told by their e-mail address where that stands in
place of the name, else by their id. Batches (arrays), EventBridge and collectors that renamed the time are understood.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import identify, string, text_of, typed
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "onelogin.event"
_LOGINS = {5: "user-logged-into-onelogin", 6: "user-failed-onelogin-login", 68: "user-authenticated-by-radius",
           69: "user-rejected-by-radius", 86: "user-failed-remote-authentication", 122: "user-authenticated-via-api",
           123: "user-authentication-via-api-failed", 140: "social-sign-in-successful",
           141: "social-sign-in-failed"}  # fmt: skip
_ASSUMES, _LOGS_OUT = 3, 7
_NAMES = {
    **_LOGINS, 1: "app-added-to-role", 2: "app-removed-from-role", _ASSUMES: "user-assumed-user",
    4: "user-assigned-role", _LOGS_OUT: "user-logged-out-of-onelogin", 8: "user-logged-into-app",
    10: "user-requested-new-password", 11: "user-changed-password", 12: "user-unlocked", 13: "user-created",
    14: "user-updated", 15: "user-deactivated", 16: "user-activated", 17: "user-deleted", 19: "user-locked",
    21: "user-suspended", 22: "user-registered-otp-device", 24: "user-removed-otp-device",
    29: "user-logged-out-of-app", 32: "user-reactivated", 35: "user-locked-out-of-app", 36: "user-lost-otp-device",
    70: "privilege-granted-to-account", 71: "privilege-revoked-from-account", 72: "privilege-granted-to-user",
    73: "privilege-revoked-from-user", 74: "trusted-idp-added", 75: "trusted-idp-removed", 76: "trusted-idp-modified",
    77: "user-failed-app-login-via-assertion-proxy", 78: "user-logged-into-app-via-assertion-proxy",
    85: "could-not-authenticate-to-app", 147: "user-added-to-role", 148: "user-removed-from-role",
    149: "user-automatically-added-to-role", 150: "user-automatically-removed-from-role", 156: "policy-created",
    157: "policy-updated", 158: "policy-deleted", 170: "authentication-factor-created",
    171: "authentication-factor-updated", 172: "authentication-factor-deleted", 177: "certificate-created",
    178: "certificate-deleted", 179: "api-credential-created", 180: "api-credential-deleted",
    181: "api-credential-enabled", 182: "api-credential-disabled",
}  # fmt: skip
_FAILED = frozenset({6, 69, 77, 85, 86, 123, 141})
#: Done by the user whom they name, if no other actor is stated.
_OWN = frozenset({*_LOGINS, _LOGS_OUT, 8, 10, 22, 29, 36, 77, 78, 85})
_KEPT = (
    "actor_user_id", "user_id", "app_id", "role_name", "group_name", "privilege_name", "otp_device_name", "policy_id",
    "api_credential_name", "authentication_factor_type", "authentication_factor_description", "resource_type_id",
    "risk_score", "risk_reasons", "custom_message", "notes", "browser_fingerprint", "service_directory_id",
    "assumed_by_superadmin_or_reseller", "directory_name", "trusted_idp_name", "certificate_name", "resolution",
)  # fmt: skip
_Number = int | str | None


class Entry(msgspec.Struct, gc=False):
    """The fields of an event that are read by name."""

    event_type_id: _Number = None
    uuid: str | None = None
    created_at: str | None = None
    event_timestamp: str | None = None
    p_event_time: str | None = None
    account_id: _Number = None
    actor_system: str | None = None
    actor_user_id: _Number = None
    actor_user_name: str | None = None
    assuming_acting_user_id: _Number = None
    user_id: _Number = None
    user_name: str | None = None
    app_name: str | None = None
    client_id: str | None = None
    ipaddr: str | None = None
    user_agent: str | None = None
    policy_name: str | None = None
    role_name: str | None = None
    error_description: str | None = None


class Envelope(msgspec.Struct, gc=False):
    """An EventBridge event."""

    detail: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(Entry)
_fields = msgspec.json.Decoder(dict[str, Any])
_envelope = msgspec.json.Decoder(Envelope)


SOURCE: Final = Source(
    name=FORMAT,
    title="OneLogin events",
    group="Token issuance",
    documents=(
        "OneLogin: Event Resource and Types",
        "OneLogin: Get Event Types",
        "OneLogin: Event Webhooks",
        "OneLogin: Amazon EventBridge integration",
    ),
    enable="Events are always on. Have an Event Webhook (Event Broadcaster) send them as a JSON array, let Amazon "
    "EventBridge deliver them (its envelope is taken off), or fetch `/api/1/events` and send the elements of `data`.",
    links={
        "actor": "`assuming_acting_user_id`; else `actor_user_name` where it is an e-mail address, `actor_user_id`, "
        "`actor_user_name`; `actor_system`; of sign-ins that state no actor, the user",
        "human": "the actor, unless it is `actor_system` or API credentials",
        "credential": "`client_id` (`onelogin:…`): the API credentials whose access token made the call",
        "policy": "`policy_name` of sign-ins",
        "address": "`ipaddr`",
    },
    needs={"credential": "acts through the API", "policy": "the account's policies; the event names the user's"},
    never={
        "session": "OneLogin logs no session ids",
        "issued": "an event of API credentials names them by `api_credential_name`, and their uses by `client_id`",
        "request": "OneLogin logs no request ids",
        "trace": "OneLogin does not log trace contexts",
        "tool_call": "OneLogin does not see tools",
    },
    lost=(
        "logins: people are named by id and by first and last name",
        "OAuth and OpenID Connect tokens that apps are given: a sign-in to an app is all there is",
    ),
    ends="`api-credential-deleted` and `-disabled` end API credentials, but name them otherwise than their uses do; a "
    "sign-out names no session.",
    known=fields(
        Entry,
        " ".join(_KEPT)
        + " id app_id group_id otp_device_id role_id create login_name certificate_id mapping_id mapping_name"
        " radius_config_id radius_config_name risk_cookie_id imported_user_id imported_user_name directory_id"
        " authentication_factor_id param user_field_id user_field_name adc_id adc_name solved note_id note_title"
        " proxy_ip proxy_agent_id proxy_agent_name self_registration_id self_registration_name"
        " self_registration_profile_id self_registration_profile_name"
        " object_id entity event_type embed_setting_id directory_sync_run_id"
        " trusted_idp_id task_name message account_uuid privilege_id product_id ip country city region"
        " api_credential_id p_log_type p_parse_time p_enrichment p_row_id p_source_id p_source_label p_schema_version"
        " p_any_ip_addresses p_any_usernames p_any_emails p_udm",
    ),
    mark=rb'"event_type_id"\s*:',
    issuing=rb'"event_type_id"\s*:\s*"?(?:3|5|6|7|68|69|86|122|123|140|141)"?\s*[,}]',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an event, or EventBridge's envelope of one."""
    if string(found.get("source")).startswith("aws.partner/onelogin.com"):
        return True
    return "event_type_id" in found


def split(value: bytes) -> list[bytes]:
    """The event in EventBridge's envelope."""
    if b"aws.partner/onelogin.com" not in value:
        return [value]
    found: Envelope = typed(_envelope, value)
    return [bytes(found.detail)] if bytes(found.detail)[:1] == b"{" else [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    entry: Entry = typed(_decode, value)
    kind = _kind(entry.event_type_id)
    actor = _actor(entry, kind)
    person = "" if entry.actor_system and not actor else actor
    event = Event(
        event_id=identify(entry.uuid, value),
        kind="token_issuance" if kind in _LOGINS or kind in (_ASSUMES, _LOGS_OUT) else "cloud_audit",
        time=_time(entry, context),
        format=FORMAT,
        action=f"onelogin:{_NAMES.get(kind) or f'event {kind}'}",
        outcome="failure" if kind in _FAILED else "success" if kind in _NAMES else "",
        error=(entry.error_description or "")[: context.text_limit],
        actor=actor or entry.actor_system or "",
        actor_kind="human" if person else "service" if entry.actor_system else "",
        actor_name=_name(entry, kind),
        human=person,
        account=_text(entry.account_id),
        credential=f"onelogin:{entry.client_id}" if entry.client_id else "",
        issued_kind="login" if kind in _LOGINS else "",
        resources=_resources(entry, actor),
        address=entry.ipaddr or "",
        user_agent=(entry.user_agent or "")[:512],
        policy=(entry.policy_name or "")[:512] if kind in _LOGINS else "",
        attributes=_attributes(_fields.decode(value), kind),
    )
    if kind == _ASSUMES or _text(entry.assuming_acting_user_id):
        assumed = _person(entry.user_id, entry.user_name) if kind == _ASSUMES else _acting(entry)
        event.attributes.update(delegation([actor, assumed]))
    return [event]


def _kind(stated: _Number) -> int:
    """The number of the type, which some write as a string."""
    try:
        return int(stated) if stated is not None and len(str(stated)) < 10 else int("")
    except ValueError as error:
        raise Invalid("event_type_id", "the number of an event type, e.g. 5", stated or "nothing") from error


def _time(entry: Entry, context: Context) -> int:
    """`created_at` of the API, `event_timestamp` of webhooks (`2026-01-31 09:00:04 UTC`), or a collector's copy."""
    for field in ("event_timestamp", "created_at", "p_event_time"):
        stated: str | None = getattr(entry, field)
        if stated is not None:
            return instant(field, stated.removesuffix(" UTC"), context)
    return instant("created_at", None, context)


def _text(stated: _Number) -> str:
    return str(stated) if stated not in (None, "", 0, "0") else ""


def _person(identifier: _Number, name: str | None) -> str:
    """By e-mail address, which stands where a user has no name; else by id; else by name."""
    return name if name and "@" in name else _text(identifier) or name or ""


def _acting(entry: Entry) -> str:
    return _person(entry.actor_user_id, entry.actor_user_name)


def _actor(entry: Entry, kind: int) -> str:
    """Whoever took another's place acted, not the other; a sign-in without an actor is the user's."""
    if behind := _text(entry.assuming_acting_user_id):
        return behind
    own = _person(entry.user_id, entry.user_name) if kind in _OWN else ""
    return _acting(entry) or own


def _name(entry: Entry, kind: int) -> str:
    if _text(entry.assuming_acting_user_id):
        return ""
    return entry.actor_user_name or (entry.user_name or "" if kind in _OWN and not _acting(entry) else "")


def _resources(entry: Entry, actor: str) -> list[str]:
    user = _person(entry.user_id, entry.user_name)
    named = {"User": user if user != actor else "", "App": entry.app_name, "Role": entry.role_name}
    return [f"{what}/{name}" for what, name in named.items() if name]


def _attributes(found: dict[str, Any], kind: int) -> dict[str, str]:
    kept = {name: text_of(found.get(name)) for name in _KEPT}
    kept["event_type_id"] = str(kind)
    kept["user_name"] = text_of(found.get("user_name"))
    kept["session"] = "ended" if kind == _LOGS_OUT else ""
    return {name: text[:256] for name, text in kept.items() if text}
