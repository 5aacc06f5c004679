"""Authorization decisions of any policy engine or gateway: each becomes a cloud audit event that names its policy.

Source: OpenID AuthZEN Authorization API 1.0 (access evaluation and evaluations, requests with their responses); and a
flat shape of whodid's own, for engines and gateways that log something else. AuthZEN has no places for time, task,
policy and chain of delegates: they are read from `context`, or beside request and response. A subject that asks by an
agent (`context.agent`, as profiles for agents have it) is whom that agent acts for.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import chain_of, delegation
from pipeline.normalize.documents import few, identify, mapping, sequence, string, text_of, typed
from pipeline.normalize.mask import without
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import STAMPS, stamped
from schemas.event import Event

FORMAT: Final = "authz.decision"
_KINDS = {
    "user": "human", "human": "human", "person": "human", "agent": "agent", "ai_agent": "agent", "aiagent": "agent",
    "service": "service", "service_account": "service", "workload": "workload", "machine": "workload",
    "client": "workload", "application": "workload", "ci": "ci",
}  # fmt: skip
_ALLOWED, _DENIED = (
    ("allow", "allowed", "permit", "true", "grant"),
    ("deny", "denied", "false", "forbid", "indeterminate"),
)
_SECRETS = frozenset({
    "authorization", "Authorization", "cookie", "password", "secret", "client_secret", "access_token", "id_token",
    "refresh_token", "token", "api_key", "apiKey",
})  # fmt: skip
#: Where a decision's `context` gives its reason.
_REASONS = ("reason", "reason_admin", "reason_user", "error")
_WHO = ("subject", "principal", "actor")


class Decision(msgspec.Struct, gc=False):
    """The fields of a decision that are read: AuthZEN's request and response, or the flat shape."""

    request: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    id: str | None = None
    timestamp: Any = None
    time: Any = None
    ts: Any = None
    subject: Any = None
    principal: Any = None
    actor: Any = None
    on_behalf_of: Any = None
    human: str | None = None
    action: Any = None
    resource: Any = None
    context: dict[str, Any] | None = None
    task: str | None = None
    session: str | None = None
    tool_call: str | None = None
    decision: Any = None
    reason: Any = None
    policy: Any = None
    policy_version: str | None = None
    obligations: Any = None
    credential: str | None = None
    request_id: str | None = None
    trace: str | None = None
    span: str | None = None
    address: str | None = None
    pdp: str | None = None


_decode = msgspec.json.Decoder(Decision)


SOURCE: Final = Source(
    name=FORMAT,
    title="Authorization decisions (AuthZEN, or anybody's own)",
    group="Policy decisions",
    documents=("OpenID: AuthZEN Authorization API 1.0",),
    enable='Where decisions are asked for or made, log `{"timestamp": …, "request": …, "response": …}` with AuthZEN\'s '
    "request and response (also of `evaluations`), or the flat shape: `subject`, `action`, `resource`, `decision`, and "
    "what is known of `on_behalf_of`, `human`, `task`, `session`, `tool_call`, `policy` (`id`, `version`, `rule`), "
    "`reason`, `credential` (an id, never the token), `request_id`, `trace`, `span`, `address`, `pdp`. Send it to "
    "`cloud-audit`.",
    links={
        "actor": "`context.agent`, else `subject.id` (or `principal`, `actor`), each as text or with `type` and `id`",
        "human": "`human`, a subject of type user, or the last of `on_behalf_of`",
        "session": "`session` or `context.session`",
        "credential": "`credential`, or `jti` of the context (`jti:…`)",
        "request": "`request_id`, or `context.request_id`",
        "trace": "`trace`, `span`; or `context.traceparent`",
        "tool_call": "`tool_call` or `context.tool_call`",
        "policy": "`policy` with id, version and rule; also of the response's context",
        "address": "`address`, or `context.ip`",
    },
    needs={
        "session": "who asks passes it on",
        "credential": "who asks passes the token's id on",
        "trace": "who asks passes it on",
        "tool_call": "who asks passes it on",
        "policy": "the engine says which policy decided: AuthZEN does not ask it to",
        "address": "who asks passes it on",
    },
    never={"issued": "a decision issues no credential"},
    lost=(
        "what the engine does not say: AuthZEN answers yes or no, a reason is optional",
        "`context.agent` and the names read from `context` are usage, not part of AuthZEN 1.0",
    ),
    known=fields(Decision, "@timestamp request response action resource subject context"),
    mark=rb'"decision"\s*:\s*(?:true|false|"(?i:allow|deny|permit|grant|forbid))',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a decision, flat or as AuthZEN's request and response."""
    request, response = mapping(found.get("request")), mapping(found.get("response"))
    if ("decision" in response or "evaluations" in response) and ("subject" in request or "evaluations" in request):
        return True
    return "decision" in found and "action" in found and any(name in found for name in _WHO)


def split(value: bytes) -> list[bytes]:
    """A decision, or a request for several, is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """An event for each decision. Raises Invalid."""
    found: Decision = typed(_decode, value)
    request, response = found.request or {}, found.response or {}
    if not isinstance(request.get("evaluations"), list):
        asked = {name: getattr(found, name) for name in ("subject", "action", "resource", "context")}
        answered = response or {"decision": found.decision}
        return [_event(found, request or asked, answered, "", value, context)]
    defaults = {name: request.get(name) for name in ("subject", "action", "resource", "context")}
    answers = sequence(response.get("evaluations"))
    pairs = list(zip(few("request.evaluations", request["evaluations"]), answers, strict=False))
    if not pairs:
        raise Invalid("response.evaluations", "a decision for each of request.evaluations", answers)
    return [
        _event(found, {**defaults, **mapping(one)}, mapping(answer), f"#{number}" if number else "", value, context)
        for number, (one, answer) in enumerate(pairs)
    ]


def conceals(value: bytes, context: Context) -> bytes:
    """The decision without credentials that stand in it by name."""
    return without(value, _SECRETS, context)


def _event(
    found: Decision, asked: dict[str, Any], answered: dict[str, Any], suffix: str, value: bytes, context: Context
) -> Event:
    around, said = mapping(asked.get("context")), mapping(answered.get("context"))
    subject = asked.get("subject") or found.principal or found.actor
    chain, kind, human = _who(found, subject, around)
    traced = text_of(around.get("traceparent")).split("-")
    outcome = _outcome(answered.get("decision"))
    event = Event(
        event_id=identify(found.id, value) + suffix,
        kind="cloud_audit",
        time=stamped({name: getattr(found, name, None) for name in STAMPS}, context),
        format=FORMAT,
        action=f"authz:{_name(asked.get('action'))}",
        outcome=outcome,
        error="" if outcome == "success" else _reason(found, said)[: context.text_limit],
        actor=chain[0] if chain else "",
        actor_kind=kind,
        human=human,
        session=found.session or text_of(around.get("session"), 2048),
        credential=_credential(found, around),
        request=found.request_id or text_of(around.get("request_id"), 2048),
        trace=found.trace or (traced[1] if len(traced) == 4 else ""),
        parent_span=found.span or (traced[2] if len(traced) == 4 else ""),
        tool_call=found.tool_call or text_of(around.get("tool_call"), 2048),
        resources=[name for name in [_resource(asked.get("resource"))] if name],
        address=found.address or text_of(around.get("ip")),
        policy=_policy(found, said),
        attributes=_attributes(found, around, said, subject),
    )
    event.attributes |= delegation(chain)
    return event


def _who(found: Decision, subject: Any, around: dict[str, Any]) -> tuple[list[str], str, str]:
    """The chain of names, who acts first; what kind of actor that is; and the person."""
    agent, name = _name(around.get("agent")), _name(subject)
    kind = _KINDS.get(text_of(mapping(subject).get("type")).lower(), "")
    listed = found.on_behalf_of if isinstance(found.on_behalf_of, list) else [found.on_behalf_of]
    behind = [text for text in map(_name, listed[:32]) if text]
    acting = chain_of(mapping(mapping(subject).get("properties"))) or chain_of(around)
    chain = list(dict.fromkeys(text for text in (agent, *acting, name, *behind, found.human or "") if text))
    human = found.human or (name if kind == "human" else behind[-1] if behind else "")
    return chain, "agent" if agent else "" if acting else kind, human


def _name(stated: Any) -> str:
    """A party or an action: as text, or with an id or a name."""
    fields_ = mapping(stated)
    text = string(stated) or text_of(fields_.get("id")) or text_of(fields_.get("name"))
    return text[:2048]


def _resource(stated: Any) -> str:
    kind, name = text_of(mapping(stated).get("type")), _name(stated)
    return f"{kind}/{name}" if kind and name else name


def _outcome(decision: Any) -> str:
    said = text_of(decision).lower()
    if said in _ALLOWED:
        return "success"
    if said in _DENIED:
        return "denied"
    raise Invalid("decision", "true or false, or allow or deny", decision)


def _credential(found: Decision, around: dict[str, Any]) -> str:
    jti = text_of(around.get("jti"), 2048)
    return found.credential or (f"jti:{jti}" if jti else "")


def _reason(found: Decision, said: dict[str, Any]) -> str:
    stated = [found.reason, *(said.get(name) for name in _REASONS)]
    return next((text for text in (text_of(one, 2048) for one in stated if one) if text), "")


def _policy(found: Decision, said: dict[str, Any]) -> str:
    """Id and rule, and in brackets the version."""
    stated = found.policy or said.get("policy") or said.get("policy_id") or said.get("id")
    fields_ = mapping(stated)
    rule, version = text_of(fields_.get("rule")), text_of(fields_.get("version") or said.get("policy_version"))
    version = found.policy_version or version
    named = " / ".join(text for text in (_name(stated), rule) if text)
    return f"{named} ({version})"[:512] if named and version else named[:512]


def _attributes(found: Decision, around: dict[str, Any], said: dict[str, Any], subject: Any) -> dict[str, str]:
    kept = {
        "task": found.task or text_of(around.get("task")),
        "subjectType": text_of(mapping(subject).get("type")),
        "pdp": found.pdp or "",
        "reason": _reason(found, said),
        "obligations": text_of(found.obligations or said.get("obligations")),
    }
    return {name: text[:256] for name, text in kept.items() if text}
