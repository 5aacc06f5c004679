"""Messages of the Model Context Protocol: what a request asks for, and what an answer, which names no method, answers.

Source: Model Context Protocol specification, 2024-11-05 to 2026-07-28 (server features: tools, resources, prompts;
client features: sampling, elicitation; lifecycle).
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import mapping, sequence, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import fingerprint_of
from pipeline.normalize.otel_messages import content
from schemas.event import Event

#: Requests that act, and notifications that say that something changed.
CALLS = ("tools/call", "resources/read", "prompts/get")
ASKED_BY_SERVER = ("sampling/createMessage", "elicitation/create")
TOLD = ("tools/list", "initialize", "server/discover", "notifications/tools/list_changed")
METHODS = frozenset((*CALLS, *ASKED_BY_SERVER, *TOLD))
#: Tools of one listing whose definitions are noted.
_TOOLS = 200
#: Lists of which only the names matter to nobody here.
_LISTS = ("resources", "resourceTemplates", "prompts", "roots", "completion")
_ACTIONS = {"accept": "success", "decline": "denied", "cancel": ""}


def ask(event: Event, method: str, parameters: dict[str, Any], context: Context) -> None:
    """Set what a request or a notification says."""
    event.action = method
    name = string(parameters.get("name"))
    if method == "tools/call":
        event.phase, event.tool, event.action = "start", name, name
        take_arguments(event, parameters.get("arguments"), context)
    elif method == "resources/read":
        event.phase, uri = "start", string(parameters.get("uri"))
        event.resources = [*event.resources, uri[:2048]] if uri else event.resources
        take_arguments(event, {"uri": uri}, context)
    elif method == "prompts/get":
        event.phase = "start"
        event.attributes["prompt"] = name[:256]
        take_arguments(event, parameters.get("arguments"), context)
    elif method in ASKED_BY_SERVER:
        event.phase = "start"
        asked = [content(message) for message in sequence(parameters.get("messages"))]
        event.text = preview("\n".join([string(parameters.get("message")), *asked]).strip(), context)
    else:
        event.tool_call = ""
        _introduce(event, mapping(parameters.get("clientInfo")), "client")


def answer(event: Event, message: dict[str, Any], context: Context) -> bool:
    """Set what an answer says; False if it says nothing that matters."""
    result, error = mapping(message.get("result")), mapping(message.get("error"))
    event.phase = "end"
    if error:
        event.outcome, event.error = "failure", text_of(error.get("message"), 2048)
        event.attributes["code"] = text_of(error.get("code"))
        return True
    event.outcome = "success"
    if isinstance(result.get("tools"), list):
        _list_tools(event, result["tools"])
    elif "serverInfo" in result:
        _greet(event, result, context)
    elif "action" in result:
        event.action, event.outcome = "elicitation/create", _ACTIONS.get(string(result["action"]), "")
        event.attributes["action"] = text_of(result["action"])
    elif not result or any(name in result for name in _LISTS):
        return False
    else:
        _read(event, result, context)
    return True


def by_server(message: dict[str, Any]) -> bool:
    """Whether the server asked: its requests are numbered apart from the client's."""
    result = mapping(message.get("result"))
    return message.get("method") in ASKED_BY_SERVER or "action" in result or ("role" in result and "model" in result)


def _list_tools(event: Event, tools: list[Any]) -> None:
    """Each tool's definition as a hash: what a server says of its tools is what the model believes of them."""
    event.phase, event.action, event.tool_call = "", "tools/list", ""
    for tool in tools[:_TOOLS]:
        name = string(mapping(tool).get("name"))[:128]
        event.attributes[f"definition.{name}"] = fingerprint_of(tool)


def _greet(event: Event, result: dict[str, Any], context: Context) -> None:
    event.phase, event.action, event.tool_call = "", "initialize", ""
    _introduce(event, mapping(result.get("serverInfo")), "server")
    event.attributes["protocolVersion"] = text_of(result.get("protocolVersion"))
    # The model is told them; like the definitions of tools they should not change.
    if instructions := string(result.get("instructions")):
        event.text = preview(instructions, context)
        event.attributes["instructions"] = fingerprint_of(instructions)


def _introduce(event: Event, party: dict[str, Any], who: str) -> None:
    name = string(party.get("name"))
    if not name:
        return
    event.attributes[f"{who}Info"] = f"{name} {text_of(party.get('version'))}".strip()[:256]
    if who == "client" and not event.actor:
        event.actor, event.actor_kind = name[:256], "agent"
    if who == "server" and not event.resources:
        event.resources = [f"mcp:{name[:256]}"]


def _read(event: Event, result: dict[str, Any], context: Context) -> None:
    """The result of a call, of a resource that was read, of a prompt that was filled in, of a sampling."""
    text = content(result)
    if "contents" in result:
        event.action = "resources/read"
        text = "\n".join(string(mapping(one).get("text")) for one in sequence(result["contents"]))
    elif "messages" in result:
        event.action = "prompts/get"
        text = "\n".join(content(one) or content({"content": [mapping(one).get("content")]})
                         for one in sequence(result["messages"]))  # fmt: skip
    elif "role" in result and "model" in result:
        event.action = "sampling/createMessage"
        text = content({"content": [result.get("content")]}) or text
        event.attributes["model"] = text_of(result["model"])
    elif not text:
        text = _structured(result.get("structuredContent"))
    event.text, event.tokens = preview(text, context), tokens(text, context)
    event.outcome = "failure" if result.get("isError") is True else "success"


def _structured(found: Any) -> str:
    return "" if found is None else msgspec.json.encode(found).decode()[:100_000]
