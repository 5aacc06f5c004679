"""Security event tokens become events: sessions that are revoked, claims and credentials that change, logouts.

Source: RFC 8417 (Security Event Token), RFC 9493 (subject identifiers), OpenID Shared Signals Framework and CAEP 1.0,
RISC Profile, OpenID Connect Back-Channel Logout 1.0. The `jti` of such a token is its own, no credential's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from pipeline.kit.failures import Invalid
from pipeline.normalize.claims import moment
from pipeline.normalize.context import Context
from pipeline.normalize.documents import identify, mapping, string, text_of
from pipeline.normalize.times import checked
from schemas.event import REVOKES, Event

#: Events that one token may tell of: it should be one, and is a few where somebody takes several to be one.
_EVENTS: Final = 16
_ENDING = ("session-revoked", "sessions-revoked", "backchannel-logout")
_USER = ("email", "sub", "id", "phone_number", "uri", "username", "account")
_KEPT = (
    "initiating_entity", "change_type", "credential_type", "friendly_name", "reason", "current_level", "previous_level",
    "current_status", "previous_status", "namespace", "change_direction", "claims", "reason_admin", "reason_user",
)  # fmt: skip


def told(claims: dict[str, Any], value: bytes, format_: str, time: int, context: Context) -> list[Event]:
    """An event for each that the token tells of. `time` is when it was recorded, 0 if nobody says. Raises Invalid."""
    stated = mapping(claims.get("events"))
    if not stated:
        raise Invalid("events", "an object of events by their URI (RFC 8417)", claims.get("events") or "nothing")
    found = list(islice(stated.items(), _EVENTS))
    events = [_event(uri, mapping(what), claims, time, context) for uri, what in found]
    name = identify(claims.get("jti"), value)
    for number, event in enumerate(events):
        event.format = format_
        event.event_id = f"{name}#{number}" if number else name
    return events


def _event(uri: str, what: dict[str, Any], claims: dict[str, Any], time: int, context: Context) -> Event:
    """What one of its events says, as yet without a name."""
    name = uri.rstrip("/").rpartition("/")[2][:96]
    subject = mapping(claims.get("sub_id")) or mapping(what.get("subject"))
    user = _named(subject) or string(claims.get("sub"))
    own = what.get("initiating_entity") == "user"
    kept = {field: text_of(what.get(field)) for field in _KEPT}
    kept |= {
        "iss": text_of(claims.get("iss")),
        "aud": text_of(claims.get("aud")),
        "session": "ended" if name in _ENDING else "",
        REVOKES: "\n".join(_tokens(subject)) if name in (*_ENDING, "token-revoked") else "",
    }
    return Event(
        event_id="",
        kind="token_issuance",
        time=_time(what, claims, time, context),
        format="",
        action=f"token:{name}",
        outcome="success",
        actor=user if own else "",
        human=user if own else "",
        session=string(claims.get("sid")) or string(mapping(subject.get("session")).get("id")),
        request=text_of(claims.get("txn")),
        resources=[f"User/{user}"] if user else [],
        address=string(what.get("last_known_ip")),
        attributes={field: text[:256] for field, text in kept.items() if text},
    )


def _named(subject: dict[str, Any]) -> str:
    """The user that a subject identifier names, by itself or as the part `user` of a complex one."""
    user = mapping(subject.get("user")) or subject
    return next((text for text in (string(user.get(name)) for name in _USER) if text), "")


def _tokens(subject: dict[str, Any]) -> Iterator[str]:
    """Tokens that a subject identifier of the format `jwt_id` names."""
    for part in (subject, *(mapping(inner) for inner in islice(subject.values(), 8))):
        if part.get("format") == "jwt_id" and (jti := string(part.get("jti"))):
            yield f"jti:{jti[:200]}"


def _time(what: dict[str, Any], claims: dict[str, Any], time: int, context: Context) -> int:
    """When it happened, else when it was recorded, else when it was told."""
    for field, stated in (("event_timestamp", what.get("event_timestamp")), ("toe", claims.get("toe"))):
        if found := moment(stated):
            return checked(field, found, context, stated)
    if time:
        return time
    found = moment(claims.get("iat"))
    return checked("iat", found, context, claims.get("iat", "nothing"))
