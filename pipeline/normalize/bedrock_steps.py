"""Steps of a Bedrock agent: what it invokes, what it observes, and what a guardrail found."""

from __future__ import annotations

from typing import Any

from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import mapping, sequence, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from schemas.event import Event

#: Assessments of a guardrail, where each lists what matched, and how that is called.
_POLICIES = (
    ("topicPolicy", "topics", "name"), ("contentPolicy", "filters", "type"), ("wordPolicy", "customWords", "match"),
    ("wordPolicy", "managedWordLists", "type"), ("sensitiveInformationPolicy", "piiEntities", "type"),
    ("sensitiveInformationPolicy", "regexes", "name"),
)  # fmt: skip


def invoke(event: Event, asked: dict[str, Any], step: str, context: Context) -> None:
    """An action group, a knowledge base, the code interpreter or another agent is asked something."""
    event.kind, event.phase = "tool_call", "start"
    event.tool_call = f"{event.session}|{step}" if step else event.event_id
    group, base = mapping(asked.get("actionGroupInvocationInput")), mapping(asked.get("knowledgeBaseLookupInput"))
    agent, code = (
        mapping(asked.get("agentCollaboratorInvocationInput")),
        mapping(asked.get("codeInterpreterInvocationInput")),
    )
    arguments: Any = {}
    if group:
        event.tool = "/".join(text for text in _group(group) if text)
        event.tool_call = string(group.get("invocationId")) or event.tool_call
        arguments = _parameters(group)
    elif base:
        event.tool, arguments = "knowledge_base", {"query": base.get("text")}
        event.resources = [f"knowledge-base/{string(base.get('knowledgeBaseId'))}"]
    elif agent:
        event.tool = string(agent.get("agentCollaboratorName")) or "agent"
        event.resources = [arn for arn in [string(agent.get("agentCollaboratorAliasArn"))] if arn]
        arguments = {"input": mapping(agent.get("input")).get("text")}
    elif code:
        event.tool, arguments = "code_interpreter", {"code": code.get("code")}
    event.action = event.tool or string(asked.get("invocationType")) or "invoke"
    take_arguments(event, arguments, context)


def _group(group: dict[str, Any]) -> list[str]:
    function = string(group.get("function"))
    return [
        string(group.get("actionGroupName")),
        function or f"{_text(group, 'verb')} {_text(group, 'apiPath')}".strip(),
    ]


def _text(found: dict[str, Any], name: str) -> str:
    return string(found.get(name))


def _parameters(group: dict[str, Any]) -> dict[str, Any]:
    body = mapping(mapping(group.get("requestBody")).get("content"))
    listed = [*sequence(group.get("parameters")), *(one for part in body.values() for one in sequence(part))]
    return {string(mapping(one).get("name")): mapping(one).get("value") for one in listed}


def observe(event: Event, seen: dict[str, Any], step: str, context: Context) -> None:
    """What came back, or the agent's last answer."""
    final = mapping(seen.get("finalResponse"))
    if final:
        event.action, event.text = "answer", preview(string(final.get("text")), context)
        return
    event.kind, event.phase, event.action = "tool_call", "end", "tool_result"
    event.tool_call = f"{event.session}|{step}" if step else ""
    parts = [mapping(inner) for name, inner in seen.items() if name not in ("traceId", "type")]
    metadata = next((mapping(part["metadata"]) for part in parts if "metadata" in part), {})
    event.request = string(metadata.get("clientRequestId")).lower()
    failed = next((string(part.get("executionError")) for part in parts if part.get("executionError")), "")
    event.outcome, event.error = ("failure", failed[:2048]) if failed else ("success", "")
    text = "\n".join(text for part in parts for text in _words(part) if text)
    event.text, event.tokens = preview(text, context), tokens(text, context)


def _words(part: dict[str, Any]) -> list[str]:
    found = [string(part.get(name)) for name in ("text", "executionOutput", "source")]
    found.append(string(mapping(part.get("output")).get("text")))
    for reference in sequence(part.get("retrievedReferences")):
        found.append(string(mapping(mapping(reference).get("content")).get("text")))
    return found


def guardrail(event: Event, step: dict[str, Any]) -> None:
    """What a guardrail found in what went in or came out, and whether it stepped in."""
    action = string(step.get("action"))
    event.action, event.outcome = "guardrail", "denied" if action == "INTERVENED" else "success"
    assessed = [*sequence(step.get("inputAssessments")), *sequence(step.get("outputAssessments"))]
    matched = [
        f"{policy}: {text_of(mapping(one).get(name), 128)}"
        for assessment in map(mapping, assessed[:32])
        for policy, listed, name in _POLICIES
        for one in sequence(mapping(assessment.get(policy)).get(listed))[:32]
    ]
    event.policy = ", ".join(dict.fromkeys(matched))[:512]
    event.attributes["action"] = action[:256]
    event.attributes["side"] = "input" if step.get("inputAssessments") else "output"
