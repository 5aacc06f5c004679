"""A response object of OpenAI's Responses API: the model's answer, and each call among its items.

A function call begins here, and the application runs it; calls of OpenAI's tools and of MCP servers are over.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, few, mapping, sequence, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import fingerprint_of, parsed
from pipeline.normalize.otel_messages import content
from pipeline.normalize.times import epoch
from schemas.event import Event

#: Items that are calls, with the field that holds what was asked; those that the application runs only begin here.
_CALLS = {
    "function_call": "arguments", "custom_tool_call": "input", "computer_call": "action", "local_shell_call": "action",
    "shell_call": "action", "apply_patch_call": "operation", "mcp_call": "arguments", "web_search_call": "action",
    "file_search_call": "queries", "code_interpreter_call": "code", "image_generation_call": "revised_prompt",
}  # fmt: skip
_RUN_BY_APPLICATION = ("function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call",
                       "apply_patch_call")  # fmt: skip
_KEPT = ("model", "previous_response_id", "safety_identifier", "prompt_cache_key", "status", "service_tier")
_OUTCOMES = {"completed": "success", "failed": "failure", "incomplete": "failure", "cancelled": "failure"}
_TOOLS = 200


def response_events(found: dict[str, Any], value: bytes, context: Context, form: str) -> list[Event]:
    """The events of a response, the answer first. Raises Invalid."""
    identifier = string(found.get("id"))
    if not identifier:
        raise Invalid("id", "the response's id", found.get("id"))
    items = few("output", sequence(found.get("output")))
    answer = _event(found, identifier, value, context, form)
    said = [content(item) for item in map(mapping, items) if item.get("type") == "message"]
    answer.text = preview("\n".join(said), context)
    if shown := found.get("tools"):
        answer.attributes["toolDefinitions"] = fingerprint_of(shown)
    return [answer, *(event for number, item in enumerate(items)
                      for event in _item(answer, mapping(item), number, context))]  # fmt: skip


def _event(found: dict[str, Any], identifier: str, value: bytes, context: Context, form: str) -> Event:
    conversation = found.get("conversation")
    usage = mapping(found.get("usage"))
    kept = {name: text_of(found.get(name)) for name in _KEPT}
    kept |= {f"gen_ai.usage.{name}": text_of(usage.get(name)) for name in ("input_tokens", "output_tokens")}
    problem = mapping(found.get("error")) or mapping(found.get("incomplete_details"))
    return Event(
        event_id=identifier if identifier.startswith("resp_") else content_id(value),
        kind="prompt",
        time=epoch("created_at", found.get("created_at"), 1, context),
        format=form,
        action="chat",
        outcome=_OUTCOMES.get(string(found.get("status")), ""),
        error=text_of(problem.get("message") or problem.get("reason"), 2048),
        human=string(found.get("user")),
        session=string(conversation) or string(mapping(conversation).get("id")),
        request=identifier,
        attributes={name: text for name, text in kept.items() if text},
    )


def _item(answer: Event, item: dict[str, Any], number: int, context: Context) -> list[Event]:
    kind = string(item.get("type"))
    event = msgspec.structs.replace(
        answer, event_id=f"{answer.event_id}#{number}", kind="tool_call", text="", outcome="", error="", attributes={}
    )
    server = string(item.get("server_label"))
    event.resources = [f"mcp:{server[:256]}"] if server else []
    if kind in _CALLS:
        _call(event, kind, item, context)
    elif kind == "mcp_list_tools":
        event.action = "tools/list"
        event.attributes = {f"definition.{string(mapping(tool).get('name'))[:128]}": fingerprint_of(tool)
                            for tool in sequence(item.get("tools"))[:_TOOLS]}  # fmt: skip
    elif kind == "mcp_approval_request":
        event.kind, event.action = "prompt", "permission_request"
        event.tool, event.tool_call = string(item.get("name")), string(item.get("id"))
        event.text = preview(text_of(item.get("arguments"), 100_000), context)
    else:
        return []
    return [event]


def _call(event: Event, kind: str, item: dict[str, Any], context: Context) -> None:
    event.tool = string(item.get("name")) or kind.removesuffix("_call")
    event.action = event.tool
    event.tool_call = string(item.get("call_id")) or string(item.get("id")) or event.event_id
    asked = item.get(_CALLS[kind])
    take_arguments(event, parsed(asked) if isinstance(asked, str) else asked, context)
    if kind in _RUN_BY_APPLICATION:
        event.phase = "start"
        return
    error = item.get("error")
    failed = bool(error) or item.get("status") in ("failed", "incomplete")
    event.outcome, event.error = ("failure", text_of(error, 2048)) if failed else ("success", "")
    if approval := string(item.get("approval_request_id")):
        event.attributes["approval_request_id"] = approval[:256]
    result = item.get("output", item.get("results", item.get("outputs")))
    text = result if isinstance(result, str) else "" if result is None else msgspec.json.encode(result).decode()
    event.text, event.tokens = preview(text, context), tokens(text, context)
