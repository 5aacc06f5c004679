"""Traces of the OpenAI Agents SDK, and Responses."""

import json

import pytest

from tests.normalize.common import events, reason

TRACE = "trace_4f1d2c3b5a69788796a5b4c3d2e1f001"


def span(data, identifier="span_1", **more):
    return {
        "object": "trace.span", "id": identifier, "trace_id": TRACE, "parent_id": "span_0", "span_data": data,
        "started_at": "2026-01-31T09:00:00.120000+00:00",
        "ended_at": "2026-01-31T09:00:01+00:00", "error": None, **more,
    }  # fmt: skip


FUNCTION = {"type": "function", "name": "pay", "input": json.dumps({"to": "eve@example.com"}), "output": "all paid",
            "mcp_data": {"server": "erp"}}  # fmt: skip


def test_a_function_span_is_a_tool_call():
    (event,) = events(span(FUNCTION))
    assert (event.kind, event.tool, event.tool_call, event.text) == ("tool_call", "pay", "span_1", "all paid")
    assert [(one.path, one.value) for one in event.arguments] == [("to", "eve@example.com")]
    assert (event.resources, bool(event.tokens), bool(event.mentions)) == (["mcp:erp"], True, True)
    assert (event.trace, event.span, event.parent_span, event.session) == (TRACE, "span_1", "span_0", f"trace:{TRACE}")
    assert event.actor == "", "a function's span names no agent: its parent does"


def test_a_batch_gives_each_span_the_conversation_and_the_person_of_its_trace():
    trace = {
        "object": "trace",
        "id": TRACE,
        "workflow_name": "Pay",
        "group_id": "conv-1",
        "metadata": {"user_id": "ana"},
    }
    other = span(FUNCTION, "span_2", trace_id="trace_other")
    first, second = events({"data": [trace, span(FUNCTION), other]})
    assert (first.session, first.human, first.attributes["workflow"]) == ("conv-1", "ana", "Pay")
    assert (second.session, second.human) == ("trace:trace_other", "")
    assert events(trace) == []
    assert events({"data": [trace]}) == []


@pytest.mark.parametrize(
    ("data", "action", "actor", "policy", "outcome"),
    [
        ({"type": "agent", "name": "A", "tools": ["pay"]}, "invoke_agent", "A", "", "success"),
        ({"type": "handoff", "from_agent": "A", "to_agent": "B"}, "handoff", "A", "", "success"),
        ({"type": "guardrail", "name": "G", "triggered": True}, "guardrail", "", "G", "denied"),
        ({"type": "guardrail", "name": "G", "triggered": False}, "guardrail", "", "G", "success"),
        ({"type": "custom", "name": "turn", "data": {"agent_name": "A"}}, "custom", "A", "", "success"),
        ({"type": "mcp_tools", "server": "erp", "result": ["pay"]}, "tools/list", "", "", "success"),
    ],
)  # fmt: skip
def test_who_runs_hands_over_or_guards_is_an_event(data, action, actor, policy, outcome):
    (event,) = events(span(data))
    assert (event.action, event.actor, event.policy, event.outcome) == (action, actor, policy, outcome)


def test_a_generation_is_a_turn_and_before_it_what_was_asked():
    asked = [{"role": "system", "content": "s"}, {"role": "user", "content": "pay it"}]
    data = {"type": "generation", "input": asked, "output": [{"role": "assistant", "content": "done"}], "model": "m",
            "usage": {"input_tokens": 3}}  # fmt: skip
    message, turn = events(span(data))
    assert (message.action, message.text, bool(message.tokens)) == ("user_message", "pay it", True)
    assert (turn.action, turn.text, turn.attributes["model"]) == ("chat", "done", "m")
    for last in ({"role": "tool", "content": "x"}, {"type": "function_call_output", "call_id": "c", "output": "x"}):
        assert len(events(span({**data, "input": [*asked, last]}))) == 1


def test_a_span_that_failed_says_why():
    (event,) = events(span(FUNCTION, error={"message": "no money", "data": None}))
    assert (event.outcome, event.error) == ("failure", "no money")


def response(*items, **more):
    return {"object": "response", "id": "resp_1", "created_at": 1769850004, "status": "completed", "model": "m",
            "output": list(items), "conversation": {"id": "conv_1"}, **more}  # fmt: skip


def test_a_response_and_the_span_that_made_it_name_the_same_request():
    (told,) = events(span({"type": "response", "response_id": "resp_1"}))
    (answer,) = events(response({"type": "message", "role": "assistant", "content": [{"text": "done"}]}, user="ana"))
    assert told.request == answer.request == "resp_1"
    assert (answer.action, answer.text, answer.session, answer.human) == ("chat", "done", "conv_1", "ana")


def test_calls_of_a_response_begin_or_are_over_depending_on_who_runs_them():
    own = {"type": "function_call", "call_id": "c1", "name": "pay", "arguments": '{"to": "eve@example.com"}'}
    remote = {"type": "mcp_call", "id": "m1", "server_label": "erp", "name": "find", "arguments": '{"n": 4711}',
              "output": "found it", "approval_request_id": "a1"}  # fmt: skip
    _, begun, done = events(response(own, remote))
    assert (begun.phase, begun.tool, begun.tool_call, begun.arguments[0].value) == ("start", "pay", "c1",
                                                                                    "eve@example.com")  # fmt: skip
    assert (done.phase, done.tool, done.tool_call, done.text) == ("", "find", "m1", "found it")
    assert (done.resources, done.outcome, bool(done.tokens)) == (["mcp:erp"], "success", True)
    assert len({begun.event_id, done.event_id}) == 2
    failed = events(response({**remote, "error": "denied", "output": None}))[1]
    assert (failed.outcome, failed.error) == ("failure", "denied")


def test_tools_of_a_remote_server_are_hashed_and_an_approval_is_asked_for():
    def listed(text):
        tools = [{"name": "pay", "description": text, "input_schema": {}}]
        return events(response({"type": "mcp_list_tools", "server_label": "erp", "tools": tools}))[1]

    assert listed("Pays").action == "tools/list"
    assert listed("Pays").attributes["definition.pay"] != listed("Pays twice").attributes["definition.pay"]
    _, asked = events(response({"type": "mcp_approval_request", "id": "a1", "name": "pay", "arguments": "{}"}))
    assert (asked.kind, asked.action, asked.tool) == ("prompt", "permission_request", "pay")


@pytest.mark.parametrize(
    ("item", "tool"),
    [
        ({"type": "web_search_call", "id": "w", "action": {"query": "x"}}, "web_search"),
        ({"type": "file_search_call", "id": "f", "queries": ["x"], "results": [{"text": "y"}]}, "file_search"),
        ({"type": "code_interpreter_call", "id": "i", "code": "1", "outputs": None}, "code_interpreter"),
        ({"type": "custom_tool_call", "call_id": "c", "name": "grep", "input": "x"}, "grep"),
        ({"type": "local_shell_call", "call_id": "l", "action": {"command": ["ls"]}}, "local_shell"),
    ],
)  # fmt: skip
def test_every_kind_of_call_is_one(item, tool):
    _, event = events(response(item))
    assert (event.kind, event.tool, bool(event.tool_call)) == ("tool_call", tool, True)


def test_what_is_no_act_gives_nothing_and_what_failed_is_said():
    (event,) = events(response({"type": "reasoning"}, 7, None, status="failed", error={"message": "too long"}))
    assert (event.outcome, event.error) == ("failure", "too long")


@pytest.mark.parametrize(
    ("found", "field"),
    [
        (span(FUNCTION, started_at=None), "started_at: "), (span(FUNCTION, None), "id: "),
        (span(FUNCTION, trace_id=7), "trace_id: "), ({"object": "thread"}, "object: "), (response(id=""), "id: "),
        (response(created_at="soon"), "created_at: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(found, field):
    assert reason(found, "openai.trace").startswith(field)
