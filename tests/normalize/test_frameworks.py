"""Agent frameworks through OpenTelemetry: what their instrumentations emit becomes agents, turns and calls.

Spans' names and attributes are those of autogen-core 0.7, opentelemetry-instrumentation-crewai 0.62,
openinference-instrumentation-crewai 1.1 and openinference-instrumentation-langchain 0.1, as their sources have them.
"""

import json

import pytest

from tests.normalize.common import events
from tests.normalize.test_agents import span

ASKED, DONE = "pay invoice 4711", "it is paid"


def test_autogen_names_its_agents_and_its_tools():
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "autogen", "gen_ai.agent.name": "payer",
             "gen_ai.agent.id": "payer_1"}  # fmt: skip
    (event,) = events(span(agent, name="invoke_agent payer"))
    assert (event.action, event.actor, event.actor_name) == ("invoke_agent", "payer_1", "payer")
    (made,) = events(span({**agent, "gen_ai.operation.name": "create_agent"}, name="create_agent payer"))
    assert (made.action, made.actor) == ("create_agent", "payer_1")
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.system": "autogen", "gen_ai.tool.name": "pay",
            "gen_ai.tool.description": "Pays", "gen_ai.tool.call.id": "call_1"}  # fmt: skip
    (call,) = events(span(tool, name="execute_tool pay"))
    assert (call.kind, call.tool, call.tool_call, call.actor) == ("tool_call", "pay", "call_1", "")


@pytest.mark.parametrize(
    ("name", "attributes", "action", "actor"),
    [
        ("crewai.workflow", {"gen_ai.operation.name": "invoke_agent"}, "invoke_agent", "billing"),
        ("Payer.agent", {"gen_ai.operation.name": "invoke_agent", "traceloop.span.kind": "agent",
                         "gen_ai.agent.name": "Payer", "gen_ai.agent.id": "a-1"}, "invoke_agent", "a-1"),
        ("Pay it.task", {"gen_ai.operation.name": "invoke_agent", "traceloop.span.kind": "task",
                         "traceloop.entity.output": DONE}, "invoke_agent", "billing"),
        ("gpt-5.llm", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"}, "chat", "billing"),
    ],
)  # fmt: skip
def test_crewai_in_openllmetry_is_workflow_agents_tasks_and_turns(name, attributes, action, actor):
    (event,) = events(span({"gen_ai.provider.name": "crewai", **attributes}, name=name))
    assert (event.kind, event.action, event.actor) == ("prompt", action, actor)


def test_crewai_in_openinference_has_tools_and_its_crews_are_chains():
    (crew,) = events(span({"openinference.span.kind": "CHAIN", "graph.node.id": "crew"}, name="Crew.kickoff"))
    assert (crew.action, crew.attributes["graph.node.id"]) == ("chain", "crew")
    told = {"openinference.span.kind": "AGENT", "graph.node.id": "Payer", "agent.name": "Payer", "input.value": ASKED,
            "output.value": DONE}  # fmt: skip
    message, agent = events(span(told, name="Payer._execute_core"))
    assert (message.text, agent.text, agent.actor) == (ASKED, DONE, "Payer")
    tool = {"openinference.span.kind": "TOOL", "tool.name": "pay", "tool.parameters": '{"invoice": "4711"}',
            "output.value": DONE}  # fmt: skip
    (call,) = events(span(tool, name="pay.run"))
    assert (call.tool, call.text, call.arguments[0].value) == ("pay", DONE, "4711")


def test_langgraph_in_openinference_is_nodes_turns_and_tools_of_a_thread():
    node = {"openinference.span.kind": "CHAIN", "session.id": "thread-1", "graph.node.name": "agent",
            "metadata": json.dumps({"langgraph_node": "agent"}), "input.value": ASKED}  # fmt: skip
    (event,) = events(span(node, name="agent"))
    assert (event.action, event.session, event.tokens) == ("chain", "thread-1", [])
    assert "langgraph_node" in event.attributes["metadata"]
    turn = {
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-5", "llm.provider": "openai", "session.id": "thread-1",
        "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": ASKED,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
        "llm.tools.0.tool.json_schema": "{}", "llm.token_count.prompt": 7, "llm.token_count.total": 9,
    }  # fmt: skip
    message, model = events(span(turn, name="ChatOpenAI"))
    assert (message.text, model.action, model.attributes["model"]) == (ASKED, "chat", "gpt-5")
    assert (model.attributes["llm.token_count.total"], len(model.attributes["toolDefinitions"])) == ("9", 64)
    tool = {"openinference.span.kind": "TOOL", "tool.name": "pay", "input.value": "{'invoice': '4711'}",
            "output.value": DONE, "session.id": "thread-1"}  # fmt: skip
    (call,) = events(span(tool, name="pay"))
    assert (call.tool, call.session, call.tool_call, call.text) == ("pay", "thread-1", call.span, DONE)


def test_langgraph_in_langsmiths_own_spans_is_tools_and_turns_of_a_thread():
    thread = {"langsmith.metadata.thread_id": "thread-1"}
    tool = {"langsmith.span.kind": "tool", "gen_ai.tool.call.id": "call_1", **thread}
    (call,) = events(span(tool, name="pay"))
    assert (call.kind, call.tool, call.tool_call, call.session) == ("tool_call", "pay", "call_1", "thread-1")
    turn = {"langsmith.span.kind": "llm", "gen_ai.prompt": ASKED, "gen_ai.completion": DONE, **thread}
    message, model = events(span(turn, name="ChatOpenAI"))
    assert (message.text, model.text, model.action) == (ASKED, DONE, "chat")


def test_langgraph_in_openllmetry_has_its_thread_among_the_associated_properties():
    told = {"traceloop.span.kind": "tool", "traceloop.entity.name": "pay", "traceloop.workflow.name": "invoices",
            "traceloop.entity.input": '{"inputs": {"invoice": "4711"}}', "traceloop.entity.output": DONE,
            "traceloop.association.properties.thread_id": "thread-1"}  # fmt: skip
    (call,) = events(span(told, name="pay.tool"))
    assert (call.tool, call.session, call.text) == ("pay", "thread-1", DONE)
    assert call.attributes["traceloop.workflow.name"] == "invoices"
