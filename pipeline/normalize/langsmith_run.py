"""LangSmith runs become prompts and tool calls.

Source: LangSmith documentation, Run (span) data format; `langsmith.schemas.Run`. A run is a span: `trace_id` is its
trace, `parent_run_id` its parent. `session_id` is the project, not a conversation: that is `thread_id`, `session_id` or
`conversation_id` in `extra.metadata`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import few, mapping, sequence, string, text_of, typed
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import parsed
from pipeline.normalize.otel_messages import USER, content, role_of
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "langsmith.run"
_THREADS = ("thread_id", "session_id", "conversation_id")
_HUMANS = ("user_email", "user_id", "langgraph_auth_user_id", "ls_user_id")
_AGENTS = ("agent_name", "lc_agent_name", "graph_id", "assistant_id")
_ACTIONS = {"llm": "chat", "retriever": "retrieval", "embedding": "embeddings"}
_KEPT = (
    "ls_provider", "ls_model_name", "ls_model_type", "langgraph_node", "langgraph_step", "revision_id", "environment",
    "run_id",
)  # fmt: skip
_ROLES = {"HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system", "ToolMessage": "tool"}
#: Where inputs and outputs of a chain hold what was said.
_SAID = ("messages", "input", "question", "query", "prompt", "output", "answer", "generations", "content")


class Extra(msgspec.Struct, gc=False):
    """extra."""

    metadata: dict[str, Any] | None = None


class Run(msgspec.Struct, gc=False):
    """The fields of a run that are read."""

    id: str | None = None
    trace_id: str | None = None
    parent_run_id: str | None = None
    name: str | None = None
    run_type: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    error: str | None = None
    status: str | None = None
    inputs: Any = None
    outputs: Any = None
    extra: Extra | None = None
    session_id: str | None = None
    session_name: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class Page(msgspec.Struct, gc=False):
    """An answer of `/runs/query`, or a batch as the SDK posts it."""

    run_type: Any = None
    runs: list[msgspec.Raw] | None = None
    post: list[msgspec.Raw] | None = None


_decode, _page = msgspec.json.Decoder(Run), msgspec.json.Decoder(Page)


SOURCE: Final = Source(
    name=FORMAT,
    title="LangSmith runs",
    group="Prompts and tool calls",
    documents=("LangSmith: Run (span) data format", "LangSmith: Query runs, Bulk data export", "LangSmith: Threads"),
    enable="Fetch runs (`POST /api/v1/runs/query`, or a bulk export) and send the pages or one run a line, when "
    'they are finished. Set `metadata={"thread_id": …, "user_id": …}` in the application. An application with '
    "`LANGSMITH_OTEL_ENABLED=true` can send its spans here instead (`otel.genai`), sooner.",
    links={
        "actor": "`extra.metadata.agent_name`, `lc_agent_name`, `graph_id`, `assistant_id`, else `session_name`, the "
        "project",
        "human": "`extra.metadata.user_email`, `user_id`",
        "session": "`extra.metadata.thread_id`, `session_id` or `conversation_id`, else the trace",
        "trace": "`trace_id`, with `id` and `parent_run_id`",
        "tool_call": "of a run of type tool: the id of the model's tool call in `inputs` or `outputs`, else `id`",
    },
    needs={
        "actor": "the application names its agent or its project",
        "human": "the application sets it",
        "session": "the application sets a thread; LangGraph copies `configurable.thread_id`",
    },
    never={
        "credential": "runs hold none",
        "issued": "runs hold none",
        "request": "model providers' request ids are not kept",
        "policy": "runs name no policies",
        "address": "LangSmith does not see it",
    },
    lost=("inputs and outputs where `LANGSMITH_HIDE_INPUTS` or `LANGSMITH_HIDE_OUTPUTS` is set",),
    ignores="a run of a type that neither acts nor is asked (prompt, parser, a chain within another)",
    known=fields(
        Run,
        "extra.runtime extra.invocation_params extra.options extra.batch_size extra.tool_call_id dotted_order"
        " events tags serialized child_run_ids child_runs parent_run_ids feedback_stats app_path manifest_id"
        " reference_example_id first_token_time total_cost prompt_cost completion_cost prompt_token_details"
        " completion_token_details prompt_cost_details completion_cost_details attachments inputs_preview"
        " outputs_preview execution_order last_queued_at in_dataset share_token trace_tier trace_first_received_at"
        " trace_min_start_time trace_max_start_time ttl_seconds trace_upgrade thread_id s3_urls inputs_s3_urls"
        " outputs_s3_urls messages latency reference_dataset_id price_model_id direct_child_run_ids"
        " inputs_or_signed_url outputs_or_signed_url manifest_s3_id input_attachments output_attachments",
    ),
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a run, a page or a batch of them."""
    pages = [found[name] for name in ("runs", "post") if isinstance(found.get(name), list) and found[name]]
    return "run_type" in found or any("run_type" in mapping(page[0]) for page in pages)


def split(value: bytes) -> list[bytes]:
    """The single runs of a page or a batch."""
    if b'"runs"' not in value and b'"post"' not in value:
        return [value]
    page: Page = typed(_page, value)
    if page.run_type is not None:
        return [value]
    found = few("runs", page.runs if page.runs is not None else page.post or [])
    return [bytes(run) for run in found] or [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The events of one run; none for one that neither acts nor is asked. Raises Invalid."""
    run: Run = typed(_decode, value)
    if not run.id or not run.run_type:
        missing = "run_type" if run.id else "id"
        raise Invalid(missing, "the run's id and type, e.g. tool", "nothing")
    root = not run.parent_run_id
    event = _event(run, context)
    if run.run_type == "tool":
        _tool(event, run, context)
        return [event]
    if run.run_type not in _ACTIONS and not (root and run.run_type == "chain"):
        return []
    event.action = _ACTIONS.get(run.run_type, "invoke_agent")
    event.text = preview("\n".join(text for _, text in _said(run.outputs)), context)
    asked = [(role, text) for role, text in _said(run.inputs) if role != "system"]
    if not root or not asked or asked[-1][0] not in USER:
        return [event]
    text = asked[-1][1]
    message = msgspec.structs.replace(
        event, event_id=f"{event.event_id}#prompt", action="user_message", text=preview(text, context),
        tokens=tokens(text, context), span="", parent_span=event.span, attributes={},
    )  # fmt: skip
    return [message, event]


def _event(run: Run, context: Context) -> Event:
    metadata = (run.extra.metadata if run.extra else None) or {}
    identifier, trace = (run.id or "").lower(), (run.trace_id or run.id or "").lower()
    actor = _first(metadata, _AGENTS) or run.session_name or ""
    kept = {name: text_of(metadata.get(name)) for name in _KEPT}
    kept |= {"project": run.session_id or "", "name": (run.name or "")[:256]}
    kept |= {"gen_ai.usage.input_tokens": text_of(run.prompt_tokens),
             "gen_ai.usage.output_tokens": text_of(run.completion_tokens)}  # fmt: skip
    if run.end_time:
        kept["end_time"] = str(instant("end_time", run.end_time, context))
    failed = bool(run.error) or run.status == "error"
    return Event(
        event_id=f"{trace}:{identifier}",
        kind="prompt",
        time=instant("start_time", run.start_time, context),
        format=FORMAT,
        outcome="failure" if failed else "success",
        error=(run.error or "")[: context.text_limit],
        actor=actor[:2048],
        actor_kind="agent" if actor else "",
        human=_first(metadata, _HUMANS),
        session=_first(metadata, _THREADS) or f"trace:{trace}",
        trace=trace,
        span=identifier,
        parent_span=(run.parent_run_id or "").lower(),
        attributes={name: text[:256] for name, text in kept.items() if text},
    )


def _first(metadata: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for text in (text_of(metadata.get(name), 2048) for name in names) if text), "")


def _tool(event: Event, run: Run, context: Context) -> None:
    event.kind, event.tool = "tool_call", run.name or ""
    event.action = event.tool
    inputs, outputs = mapping(run.inputs), mapping(run.outputs)
    output = _kwargs(outputs.get("output", run.outputs))
    event.tool_call = string(mapping(output).get("tool_call_id")) or string(inputs.get("id")) or event.span
    # LangChain writes arguments as a text, which is JSON or Python's notation; the latter stays one argument.
    asked = inputs.get("args", inputs.get("input", run.inputs))
    found = parsed(asked) if isinstance(asked, str) else asked
    take_arguments(event, {"input": found} if isinstance(found, str) else found, context)
    text = content(output) or _plain(output)
    event.text, event.tokens = preview(text, context), tokens(text, context)


def _kwargs(message: Any) -> Any:
    """A message as LangChain serializes it: `{"lc": 1, "id": […, "HumanMessage"], "kwargs": {…}}`."""
    fields_ = mapping(message)
    return fields_["kwargs"] if isinstance(fields_.get("kwargs"), dict) and "lc" in fields_ else message


def _said(found: Any) -> list[tuple[str, str]]:
    """(role, text) of what inputs or outputs say, as far as they have a usual shape."""
    for _ in range(4):
        name = next((name for name in _SAID if name in mapping(found)), "")
        if not name or "role" in found or "type" in found or "kwargs" in found:
            break
        found = found[name]
    while isinstance(found, list) and len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    return [(_role(one), _words(one)) for one in (found if isinstance(found, list) else [found]) if one is not None]


def _role(message: Any) -> str:
    inner = mapping(_kwargs(message))
    kind = inner.get("type")
    named = sequence(mapping(message).get("id"))
    stated = string(inner.get("role")) or (string(kind) if kind in ("human", "ai", "system", "tool") else "")
    role = stated or (_ROLES.get(string(named[-1]), "") if named else "")
    return role_of({**inner, "role": role}) if inner else ""


def _words(message: Any) -> str:
    inner = _kwargs(message)
    said = mapping(inner)
    if "message" in said:
        # A generation: its text, and the message that it is in.
        return string(said.get("text")) or content(_kwargs(said["message"]))
    return content(inner) or string(said.get("text")) or ("" if "content" in said else _plain(inner))


def _plain(found: Any) -> str:
    if isinstance(found, str):
        return found
    return "" if found in (None, [], {}) else msgspec.json.encode(found).decode()[:100_000]
