"""whodid's own canonical events (schemas/canonical.py): validated with pydantic, whose errors people read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.canonical_fault import BY_KIND, check_size, fault
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import content_id, document, string
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.source import Source
from pipeline.normalize.times import checked
from schemas.canonical import Canonical, CanonicalEvent, TokenIssuanceEvent, ToolCallEvent
from schemas.event import REVOKES, Event

FORMAT: Final = "canonical"
_adapter: TypeAdapter[CanonicalEvent] = TypeAdapter(Canonical)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


SOURCE: Final = Source(
    name=FORMAT,
    title="Canonical events",
    group="Anything else",
    documents=("whodid: JSON Schemas of the public topics (`schemas/json/`)",),
    enable="Send it to the topic of its kind, by Kafka or `POST /v1/events/TOPIC`. For logs that whodid has no format "
    "for, and for home-grown agents. The schemas say what each field means; a wrong field is named in the answer.",
    links={
        "actor": "`actor.id`",
        "human": "`human`, else the last of `on_behalf_of`",
        "session": "`session`, with `parent_session`; a tool call's `parent_tool_call` says which call spawned it",
        "credential": "`credential`",
        "issued": "`issued`, until `expires`, for `subject`",
        "request": "`request`",
        "trace": "`trace`, `span`, `parent_span`",
        "tool_call": "`tool_call`: call and result share it",
        "policy": "`policy`",
        "address": "`address`",
    },
    ends="The attributes `revokes` (`revoked` is understood too), `restores` and `renews` name the credential; a "
    "renewal says until when with `expires`.",
    lost=("what its producer leaves out: nothing is guessed",),
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object is a canonical event."""
    return string(found.get("kind")) in BY_KIND and "time" in found


def split(value: bytes) -> list[bytes]:
    """One event is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The event. Raises Invalid, naming the field by its path."""
    check_size(document(value))
    try:
        model = _adapter.validate_json(value)
    except ValidationError as error:
        raise fault(error) from error
    except RecursionError as error:
        raise Invalid("value", "fewer levels of nesting") from error
    actor = model.actor
    event = Event(
        event_id=model.event_id or content_id(value),
        kind=string(getattr(model, "kind", "")),
        time=_micros("time", model.time, context),
        format=FORMAT,
        action=string(getattr(model, "action", "")),
        outcome=model.outcome or "",
        error=model.error or "",
        actor=actor.id if actor else "",
        actor_kind=(actor.kind if actor else None) or "",
        actor_name=(actor.name if actor else None) or "",
        human=model.human or (model.on_behalf_of[-1] if model.on_behalf_of else ""),
        account=model.account or "",
        session=model.session or "",
        parent_session=model.parent_session or "",
        credential=model.credential or "",
        trace=model.trace or "",
        span=model.span or "",
        parent_span=model.parent_span or "",
        request=model.request or "",
        resources=model.resources,
        address=model.address or "",
        user_agent=model.user_agent or "",
        region=model.region or "",
        policy=model.policy or "",
        attributes={**model.attributes, **delegation([actor.id if actor else "", *model.on_behalf_of])},
    )
    # The inventory has taken `revoked` for it from the beginning.
    if "revoked" in event.attributes:
        event.attributes.setdefault(REVOKES, event.attributes["revoked"])
    _text(event, string(getattr(model, "text", "")), context)
    if isinstance(model, ToolCallEvent):
        event.tool = event.action = model.tool
        event.tool_call, event.phase = model.tool_call, model.phase or ""
        event.parent_tool_call = model.parent_tool_call or ""
        take_arguments(event, model.arguments, context)
    elif isinstance(model, TokenIssuanceEvent):
        _issuance(event, model, context)
    return [event]


def _text(event: Event, text: str, context: Context) -> None:
    event.text, event.tokens = preview(text, context), tokens(text, context)


def _issuance(event: Event, model: TokenIssuanceEvent, context: Context) -> None:
    event.issued, event.issued_kind = model.issued or "", model.issued_kind
    event.issued_expires = 0 if model.expires is None else int((model.expires - _EPOCH).total_seconds()) * 1_000_000
    event.issued_subject = model.subject or ""
    event.session_name, event.source_identity = model.session_name or "", model.source_identity or ""


def _micros(field: str, moment: datetime, context: Context) -> int:
    delta = moment - _EPOCH
    return checked(field, (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds, context, str(moment))
