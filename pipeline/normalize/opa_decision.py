"""Open Policy Agent decision logs: each decision becomes a cloud audit event that names its policy.

Source: OPA documentation, Decision Logs (service API and console); input of the Envoy plugin and of Kubernetes
AdmissionReview. Links: `trace_id` and `span_id`. The policy is `path` with the revisions of the bundles that held it.
What a policy is asked about is its author's: of `input`, only names that say what they hold are read, and the
attribute `actorField` says which of them named the actor. Nested `act` claims are a chain of delegates (RFC 8693).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import chain_of, delegation
from pipeline.normalize.documents import identify, mapping, sequence, string, text_of, typed
from pipeline.normalize.mask import without
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "opa.decision"
#: Where an input names who asks, with what kind of actor that is.
_ACTORS = (
    (("attributes", "source", "principal"), "workload"), (("request", "userInfo", "username"), ""), (("user",), ""),
    (("subject",), ""), (("principal",), ""),
)  # fmt: skip
_TOKENS = ("claims", "token", "jwt")
_ALLOWED = ("allow", "allowed")
_SECRETS = frozenset({
    "authorization", "Authorization", "cookie", "Cookie", "password", "secret", "client_secret", "access_token",
    "id_token", "refresh_token", "api_key", "apiKey", "x-api-key",
})  # fmt: skip


class Decision(msgspec.Struct, gc=False):
    """The fields of a decision that are read."""

    decision_id: str | None = None
    timestamp: str | None = None
    time: str | None = None
    path: str | None = None
    query: str | None = None
    labels: dict[str, Any] | None = None
    bundles: dict[str, Any] | None = None
    revision: str | None = None
    input: Any = None
    result: Any = None
    requested_by: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    error: Any = None


_decode = msgspec.json.Decoder(Decision)


SOURCE: Final = Source(
    name=FORMAT,
    title="Open Policy Agent decision log",
    group="Policy decisions",
    documents=(
        "Open Policy Agent: Decision Logs",
        "Open Policy Agent: Management, Bundles (revisions)",
        "Open Policy Agent: Envoy plugin, input; Kubernetes AdmissionReview",
    ),
    enable="Set `decision_logs.console: true` and collect OPA's standard output, or `decision_logs.service` with an "
    "endpoint that forwards the batches. Mask what is secret in an input with `system.log.mask`; what has a secret's "
    "usual name is replaced here too. Pass the trace context to OPA so that `trace_id` is logged.",
    links={
        "actor": "the outermost `act` of the token in `input`, else `input.attributes.source.principal` (Envoy), "
        "`input.request.userInfo.username`, `input.user`, `input.subject`, `input.principal`",
        "trace": "`trace_id`, `span_id`",
        "policy": "`path` with the revisions of `bundles`",
        "address": "`input.attributes.source.address`, else `requested_by`: whoever asked OPA",
    },
    needs={
        "actor": "the policy's author names it under a usual name",
        "trace": "OPA's distributed tracing is configured",
    },
    never={
        "human": "an input says who asks under names of its author's choice; a chain of `act` is an attribute",
        "session": "decisions have no session",
        "credential": "tokens in an input are replaced, and their ids have no usual place",
        "issued": "OPA issues no credentials",
        "request": "`decision_id` is the decision's own id",
        "tool_call": "an input has no usual place for it",
    },
    lost=("who asks, where the input says it under a name of its own", "which rule of the policy decided"),
    known=fields(
        Decision,
        "metrics nd_builtin_cache erased masked rule_labels req_id batch_decision_id intermediate_results"
        " custom mapped_result type level msg",
    ),
    mark=rb'"decision_id"\s*:',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a decision, from the console or from the service API."""
    return "decision_id" in found and bool({"path", "query", "labels"} & found.keys())


def split(value: bytes) -> list[bytes]:
    """One decision is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    decision: Decision = typed(_decode, value)
    if not decision.path and not decision.query:
        raise Invalid("path", "the path of the policy decision, e.g. http/example/authz/allow", "nothing")
    asked = mapping(decision.input)
    actor, kind, field = _actor(asked)
    chain = next((names for names in map(chain_of, _claims(asked)) if names), [])
    event = Event(
        event_id=identify(decision.decision_id, value),
        kind="cloud_audit",
        time=instant("timestamp", decision.timestamp or decision.time, context),
        format=FORMAT,
        action=f"opa:{(decision.path or 'query')[:256]}",
        outcome=_outcome(decision),
        error=text_of(mapping(decision.error).get("message") or decision.error, context.text_limit),
        actor=chain[0] if chain else actor,
        actor_kind="" if chain else kind,
        account=text_of(mapping(decision.labels).get("app")),
        trace=decision.trace_id or "",
        parent_span=decision.span_id or "",
        resources=_resources(asked),
        address=_address(decision, asked),
        policy=_policy(decision),
        attributes=_attributes(decision, field),
    )
    event.attributes.update(delegation(chain))
    return [event]


def conceals(value: bytes, context: Context) -> bytes:
    """The decision without credentials that its input holds by name."""
    return without(value, _SECRETS, context)


def _actor(asked: dict[str, Any]) -> tuple[str, str, str]:
    """Who asks, what kind of actor that is, and the field that says so."""
    for path, kind in _ACTORS:
        found: Any = asked
        for name in path:
            found = mapping(found).get(name)
        fields = mapping(found)
        name = string(found) or string(fields.get("id")) or string(fields.get("name"))
        if name:
            return name, kind, ".".join(("input", *path))
    return "", "", ""


def _claims(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Claims of a token, decoded by whoever asked."""
    found = [mapping(asked.get(name)) for name in _TOKENS]
    return [mapping(one.get("payload")) or one for one in found]


def _outcome(decision: Decision) -> str:
    """A decision that is a truth, or that says so under a usual name; others have a meaning of their own."""
    if decision.error:
        return "failure"
    said = decision.result
    if isinstance(said, dict):
        said = next((said[name] for name in _ALLOWED if name in said), None)
    return {True: "success", False: "denied"}[said] if isinstance(said, bool) else ""


def _resources(asked: dict[str, Any]) -> list[str]:
    path = asked.get("path")
    joined = "/".join(part for part in sequence(path) if isinstance(part, str))
    stated = [string(path) or joined, string(asked.get("resource")), string(asked.get("object"))]
    return [name for name in stated if name]


def _address(decision: Decision, asked: dict[str, Any]) -> str:
    """The client's, where Envoy says it; else that of the service which asked for the decision."""
    source = mapping(mapping(asked.get("attributes")).get("source"))
    socket = mapping(mapping(source.get("address")).get("socketAddress"))
    return string(socket.get("address")) or (decision.requested_by or "").rpartition(":")[0].strip("[]")


def _policy(decision: Decision) -> str:
    named = (decision.path or decision.query or "")[:256]
    revisions = {name: string(mapping(bundle).get("revision")) for name, bundle in (decision.bundles or {}).items()}
    if decision.revision:
        revisions[""] = decision.revision
    stated = ", ".join(f"{name} {revision}".strip() for name, revision in revisions.items() if revision)
    return f"{named} ({stated})"[:512] if stated else named


def _attributes(decision: Decision, field: str) -> dict[str, str]:
    kept = {f"label.{name}"[:128]: text_of(text) for name, text in list((decision.labels or {}).items())[:16]}
    kept |= {"actorField": field, "requestedBy": decision.requested_by or "", "result": text_of(decision.result)}
    return {name: text[:256] for name, text in kept.items() if text}
