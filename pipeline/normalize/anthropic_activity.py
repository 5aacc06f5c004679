"""Anthropic Compliance API: activities become cloud audit events; API keys and logins become token issuance.

Source: Claude Platform documentation, Compliance API: Query the Activity Feed (Activity, actor union); API reference,
Compliance, List activities. Links: `api_key_id` and `admin_api_key_id` of an actor are the key used; the same fields of
an activity that creates, updates or deletes a key name that one. `claude_chat_id` is the conversation. A federated
authentication names the token that was presented by its `jti`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, few, mapping, sequence, string, text_of, typed
from pipeline.normalize.mentions import mentions
from pipeline.normalize.source import Source
from pipeline.normalize.times import instant
from schemas.event import RESTORES, REVOKES, Event

FORMAT: Final = "anthropic.activity"
_KEY = re.compile(r"(?:admin_|platform_|scoped_)?api_key_(created|updated|deleted)")
_LOGIN = re.compile(r"[a-z0-9_]*(?:login_(?:succeeded|failed|attempted)|logged_in|logged_out|logout)")
_FEDERATED: Final = "platform_federated_authentication"
_COMMON = frozenset({"id", "created_at", "organization_id", "organization_uuid", "actor", "type"})
#: Who acts, by the actor's type: the field that names it, and what kind of actor that is.
_ACTORS = {
    "user_actor": ("email_address", "human"), "unauthenticated_user_actor": ("unauthenticated_email_address", ""),
    "api_actor": ("api_key_id", "workload"), "admin_api_key_actor": ("admin_api_key_id", "workload"),
    "service_account_actor": ("service_account_id", "workload"), "anthropic_actor": ("email_address", "service"),
    "system_actor": ("service", "service"), "scim_directory_sync_actor": ("directory_id", "service"),
    "federated_identity_actor": ("subject", "workload"), "federated_actor": ("subject", "workload"),
    "attested_device_actor": ("external_client_id", "workload"),
}  # fmt: skip
_STATES = {"active": RESTORES, "inactive": REVOKES, "archived": REVOKES, "expired": REVOKES, "disabled": REVOKES}
#: Fields of an activity's own that are kept, and things that it names.
_KEPT, _NAMED = 16, 8


class Activity(msgspec.Struct, gc=False):
    """The fields that all activities have."""

    id: str | None = None
    created_at: str | None = None
    organization_id: str | None = None
    organization_uuid: str | None = None
    actor: dict[str, Any] | None = None
    type: str | None = None


class Page(msgspec.Struct, gc=False):
    """What the API answers."""

    data: list[msgspec.Raw] | None = None


_decode, _page = msgspec.json.Decoder(Activity), msgspec.json.Decoder(Page)

SOURCE: Final = Source(
    name=FORMAT,
    title="Anthropic Compliance API activities",
    group="Cloud audit",
    documents=(
        "Claude Platform: Compliance API, Query the Activity Feed",
        "Claude Platform: API reference, Compliance, List activities",
    ),
    enable="The Compliance API is switched on for an organization on request. Fetch `/v1/compliance/activities` with a "
    "Compliance Access Key or an Admin API key of scope `read:compliance_activities`, and send the pages as they are.",
    links={
        "actor": "`actor.email_address` of people, else the id that `actor.type` calls for; of AWS gateways the ARN in "
        "`actor.provider.signed_principal`",
        "human": "`actor.email_address` of a `user_actor`",
        "session": "`claude_chat_id`, the conversation",
        "credential": "`actor.api_key_id`, `actor.admin_api_key_id` (`anthropic:…`); of federated authentications "
        "`event_data.oidc_token.jti` (`jti:…`)",
        "issued": "`api_key_id` or `admin_api_key_id` of the activity that created it (`anthropic:…`)",
        "request": "`request_id` of federated authentications",
        "address": "`actor.ip_address`",
    },
    needs={
        "request": "`platform_federated_authentication`; other activities have none",
        "session": "activities of a chat; others have none",
        "credential": "the actor is an API key",
        "human": "the actor signed in",
    },
    never={
        "trace": "trace contexts are not logged",
        "tool_call": "tool calls are in the chats themselves",
        "policy": "which permission allowed an act is not logged",
    },
    lost=(
        "what was said in a chat: it is fetched by other calls of the Compliance API",
        "whose an API key is that was created",
        "times are of one second in most activities",
        "the documented list has hundreds of types: which words end a login is read from the type's name",
    ),
    ends="Keys are revoked by `…api_key_deleted`, and by `…api_key_updated` whose `updates[]` set `status` or "
    "`activation_state` to another than active; to active, they are restored.",
    # What an activity is about is kept as attributes whatever it is called, so there is no field to miss.
    known=None,
    mark=rb'"(?:user|api|admin_api_key|unauthenticated_user|anthropic|system|service_account|scim_directory_sync'
    rb'|federated|federated_identity|attested_device)_actor"',
    issuing=rb'"type"\s*:\s*"(?:(?:admin_|platform_|scoped_)?api_key_|platform_federated_authentication'
    rb"|[a-z0-9_]*(?:login_(?:succeeded|failed|attempted)|logged_|logout))",
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an activity, or a page of them."""
    first = next(iter(found["data"]), None) if isinstance(found.get("data"), list) else found
    first = mapping(first)
    return "created_at" in first and string(mapping(first.get("actor")).get("type")) in _ACTORS


def split(value: bytes) -> list[bytes]:
    """The single activities of a page."""
    if b'"has_more"' not in value:
        return [value]
    found: Page = typed(_page, value)
    return [value] if found.data is None else [bytes(one) for one in few("data", found.data)]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    activity: Activity = typed(_decode, value)
    what, actor = activity.type or "", activity.actor or {}
    if not what:
        raise Invalid("type", "the type of the activity, e.g. claude_chat_created", "nothing")
    found = mapping(msgspec.json.decode(value))
    about = {name: found[name] for name in found if name not in _COMMON}
    field, kind = _ACTORS.get(string(actor.get("type")), ("", ""))
    key = string(actor.get("api_key_id")) or string(actor.get("admin_api_key_id"))
    signed = string(mapping(actor.get("provider")).get("signed_principal"))
    name = signed or string(actor.get(field)) or string(actor.get("user_id"))
    event = Event(
        event_id=content_id(value),
        kind="token_issuance" if _is_issuing(what) else "cloud_audit",
        time=instant("created_at", activity.created_at, context),
        format=FORMAT,
        action=f"anthropic:{what}"[:256],
        outcome=_outcome(what, about),
        error=text_of(mapping(about.get("status")).get("reason")),
        actor=name,
        actor_kind=kind,
        human=name if kind == "human" else "",
        account=activity.organization_id or activity.organization_uuid or "",
        session=string(about.get("claude_chat_id")),
        credential=f"anthropic:{key}" if key else "",
        request=string(about.get("request_id")),
        resources=_resources(about),
        address=string(actor.get("ip_address")),
        user_agent=string(actor.get("user_agent"))[:512],
        attributes=_attributes(activity, actor, about),
    )
    event.mentions = mentions(event.resources, context)
    _issue(event, what, about)
    return [event]


def _is_issuing(what: str) -> bool:
    return what == _FEDERATED or bool(_KEY.fullmatch(what) or _LOGIN.fullmatch(what[:128]))


def _outcome(what: str, about: dict[str, Any]) -> str:
    stated = string(mapping(about.get("status")).get("outcome")).lower()
    if stated == "denied":
        return "denied"
    return "failure" if what.endswith("_failed") else "success"


def _federate(event: Event, about: dict[str, Any]) -> None:
    """A token of an identity provider is exchanged for one of Anthropic's, which is not named."""
    stated = mapping(about.get("event_data"))
    token = string(mapping(stated.get("oidc_token")).get("jti"))
    event.credential = event.credential or (f"jti:{token}" if token else "")
    event.issued_kind, event.issued_subject = "session", string(stated.get("requested_service_account_id"))


def _issue(event: Event, what: str, about: dict[str, Any]) -> None:
    matched = _KEY.fullmatch(what)
    key = string(about.get("api_key_id")) or string(about.get("admin_api_key_id"))
    if matched is None:
        if what == _FEDERATED:
            _federate(event, about)
        elif event.kind == "token_issuance":
            event.issued_kind = "login"
    elif matched[1] == "created":
        event.issued, event.issued_kind = f"anthropic:{key}" if key else "", "api-key"
    elif key:
        turn = REVOKES if matched[1] == "deleted" else _turn(about)
        event.attributes |= {turn: f"anthropic:{key}"} if turn else {}


def _turn(about: dict[str, Any]) -> str:
    """What an update of a key does to it."""
    for one in map(mapping, sequence(about.get("updates"))):
        if one.get("type") in ("status", "activation_state"):
            return _STATES.get(string(one.get("current_value")).lower(), "")
    return ""


def _resources(about: dict[str, Any]) -> list[str]:
    named = [string(value) for name, value in about.items() if name.endswith("_id") and name != "request_id"]
    named += [string(mapping(one).get("id")) for one in sequence(about.get("resources"))[:_NAMED]]
    return [name for name in named if name][:_NAMED]


def _attributes(activity: Activity, actor: dict[str, Any], about: dict[str, Any]) -> dict[str, str]:
    kept = {name: text_of(value) for name, value in list(about.items())[:_KEPT]}
    kept |= {f"actor.{name}": text_of(actor.get(name)) for name in ("type", "user_id", "issuer", "subject", "provider")}
    kept["id"] = activity.id or ""
    return {name[:128]: text[:256] for name, text in kept.items() if text}
