"""OpenTelemetry, MCP, transcripts, Langfuse."""

import gzip
import json

import pytest

from pipeline.normalize.otel_attributes import NAMES
from tests.normalize.common import events, reason, shared


def attribute(key, value):
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}


def span(attributes, **more):
    return {
        "resource": {"attributes": [attribute("service.name", "billing")]},
        "scope": {"name": "test"},
        "span": {
            "traceId": "ab" * 16, "spanId": "cd" * 8, "parentSpanId": "ef" * 8, "name": "x",
            "startTimeUnixNano": "1769850004120000000", "endTimeUnixNano": "1769850005120000000",
            "attributes": [attribute(key, value) for key, value in attributes.items()], **more,
        },
    }  # fmt: skip


TOOL = {
    "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "send_mail", "gen_ai.tool.call.id": "c1",
    "gen_ai.tool.call.arguments": json.dumps({"to": ["eve@example.com"], "n": 3}), "gen_ai.tool.call.result": "sent",
}  # fmt: skip


def test_a_tool_span_is_a_tool_call_with_arguments_and_result():
    (event,) = events(span(TOOL))
    assert (event.kind, event.tool, event.tool_call, event.text) == ("tool_call", "send_mail", "c1", "sent")
    assert [(one.path, one.value) for one in event.arguments] == [("to[0]", "eve@example.com"), ("n", "3")]
    assert event.argument_tokens[0]
    assert (event.trace, event.span, event.parent_span) == ("ab" * 16, "cd" * 8, "ef" * 8)
    assert event.attributes["end_time"] == "1769850005120000"
    assert event.actor == "", "a tool span names no agent: its parent does"


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
         "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "pay it"}]}]),
         "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "done"}]}])},
        {"gen_ai.system": "openai", "gen_ai.prompt": "pay it", "gen_ai.completion": "done"},
        {"openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "user",
         "llm.input_messages.0.message.content": "pay it", "llm.output_messages.0.message.content": "done"},
        {"gen_ai.system": "openai", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "pay it",
         "gen_ai.completion.0.content": "done"},
        {"openinference.span.kind": "AGENT", "input.value": "pay it", "output.value": "done"},
        {"traceloop.span.kind": "workflow", "traceloop.entity.input": "pay it", "traceloop.entity.output": "done"},
    ],
)  # fmt: skip
def test_every_convention_gives_the_users_message_and_the_answer(attributes):
    message, answer = events(span(attributes))
    assert (message.action, message.text) == ("user_message", "pay it")
    assert answer.text == "done"
    assert message.actor == answer.actor == "billing"


@pytest.mark.parametrize(("what", "names"), NAMES.items())
def test_every_name_a_convention_uses_is_read(what, names):
    fields = {"session": "session", "human": "human", "agent": "actor", "tool": "tool", "tool_call": "tool_call"}
    for name in names:
        attributes = {key: value for key, value in TOOL.items() if key not in names} | {name: "value-1"}
        event = events(span(attributes))[-1]
        if what in fields:
            assert getattr(event, fields[what]) == "value-1", name


def test_spans_that_are_no_agents_are_ignored():
    assert events(span({"http.request.method": "GET"})) == []


def test_an_aws_client_span_keeps_the_request_id_that_cloudtrail_logs():
    (event,) = events(
        span({"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": "GetObject", "aws.request_id": "R1"})
    )
    assert (event.kind, event.action, event.request) == ("cloud_audit", "s3:GetObject", "R1")


def test_an_otlp_envelope_is_taken_span_by_span():
    one = span(TOOL)
    spans = [{**one["span"], "spanId": f"{n:016x}"} for n in range(3)]
    found = events({"resourceSpans": [{"resource": one["resource"], "scopeSpans": [{"scope": {}, "spans": spans}]}]})
    assert len({event.event_id for event in found}) == 3


@pytest.mark.parametrize(
    ("name", "kind", "action"),
    [
        ("gen_ai.user.message", "prompt", "user_message"), ("gen_ai.choice", "prompt", "answer"),
        ("gen_ai.system.message", "prompt", "context"), ("gen_ai.assistant.message", "prompt", "answer"),
        ("gen_ai.tool.message", "tool_call", "tool_result"),
    ],
)  # fmt: skip
def test_log_records_are_messages(name, kind, action):
    record = {
        "timeUnixNano": "1769850004120000000", "traceId": "ab" * 16, "eventName": name,
        "body": {"kvlistValue": {"values": [attribute("content", "pay it")]}},
    }  # fmt: skip
    (event,) = events({"resource": {}, "scope": {}, "logRecord": record})
    assert (event.kind, event.action, event.text) == (kind, action, "pay it")


def test_mcp_calls_and_answers_share_an_id_that_other_sessions_do_not_have():
    def logged(session, message):
        return {"timestamp": "2026-01-31T09:00:00Z", "session": session, "client": "bot", "server": "mail",
                "message": {"jsonrpc": "2.0", "id": 1, **message}}  # fmt: skip

    call = logged("s1", {"method": "tools/call", "params": {"name": "send", "arguments": {"to": "eve@example.com"}}})
    (start,) = events(call)
    (end,) = events(logged("s1", {"result": {"content": [{"type": "text", "text": "sent"}], "isError": False}}))
    (other,) = events(logged("s2", {"result": {"content": []}}))
    assert (start.phase, start.tool, end.phase, end.text) == ("start", "send", "end", "sent")
    assert start.tool_call == end.tool_call != other.tool_call


def test_mcp_tool_definitions_are_hashed_so_that_a_change_shows():
    def listed(text):
        message = {"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "send", "description": text}]}}
        return events({"timestamp": 1769850004.5, "message": message})[0].attributes["definition.send"]

    assert listed("sends") == listed("sends") != listed("sends, and copies me")


def test_an_mcp_message_without_a_time_says_so():
    assert reason({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}).startswith("timestamp: ")


def line(kind, content, **more):
    return {
        "type": kind, "sessionId": "s", "uuid": "7d9ee8d2-2e33-4c05-a21d-a9d8dc3c5c4e", "parentUuid": "p",
        "timestamp": "2026-01-31T09:00:00.123Z", "message": {"role": kind, "content": content}, **more,
    }  # fmt: skip


def test_transcript_lines_become_prompts_calls_and_results():
    (said,) = events(line("user", "fix it"))
    assert (said.action, said.text, said.session, said.actor_kind) == ("user_message", "fix it", "s", "agent")
    (call,) = events(line("assistant", [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}]))
    assert (call.phase, call.tool, call.tool_call) == ("start", "Bash", "t1")
    (end,) = events(line("user", [{"type": "tool_result", "tool_use_id": "t1", "content": "ok", "is_error": True}]))
    assert (end.phase, end.tool_call, end.outcome, end.text) == ("end", "t1", "failure", "ok")


def test_a_slash_command_is_the_users_and_what_the_client_writes_is_not():
    assert events(line("user", "<command-name>/pay</command-name>"))[0].action == "user_message"
    assert events(line("user", "<system-reminder>x</system-reminder>"))[0].action == "context"
    assert events(line("user", "x", isMeta=True))[0].action == "context"


def test_a_sub_agent_has_a_session_under_its_parents_and_names_the_call_that_spawned_it():
    (said,) = events(line("user", "look", agentId="a1", isSidechain=True))
    assert (said.session, said.parent_session, said.actor) == ("s/a1", "s", "claude-code/a1")
    progress = line("progress", None, data={
        "type": "agent_progress", "agentId": "a1",
        "message": {"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": "look"}]}},
    }, parentToolUseID="t9")  # fmt: skip
    (spawn,) = events(progress)
    assert (spawn.session, spawn.parent_session, spawn.parent_tool_call) == ("s/a1", "s", "t9")


def test_the_result_of_the_call_that_started_a_sub_agent_names_it():
    result = [{"type": "tool_result", "tool_use_id": "t9", "content": "looked"}]
    end, spawn = events(line("user", result, toolUseResult={"agentId": "a1"}, requestId="req_1"))
    assert (end.tool_call, end.session, end.request) == ("t9", "s", "req_1")
    assert (spawn.action, spawn.session, spawn.parent_session, spawn.parent_tool_call) == ("spawn", "s/a1", "s", "t9")
    assert len(events(line("user", result, toolUseResult="looked"))) == 1


@pytest.mark.parametrize("kind", ["progress", "file-history-snapshot", "queue-operation", "system"])
def test_the_clients_bookkeeping_gives_no_event(kind):
    assert events({"type": kind, "sessionId": "s", "uuid": "u"}, "claude-code") == []


def test_a_langfuse_trace_gives_its_prompt_its_model_calls_and_its_tool_calls():
    observation = {"id": "o1", "type": "TOOL", "name": "search", "startTime": "2026-01-31T09:00:01Z",
                   "endTime": "2026-01-31T09:00:02Z", "input": {"q": "invoice"}, "output": "found"}  # fmt: skip
    trace = {"id": "t", "name": "bot", "timestamp": "2026-01-31T09:00:00Z", "input": "find it", "userId": "ana",
             "sessionId": "s"}  # fmt: skip
    prompt, tool = events({"trace": trace, "observations": [observation]})
    assert (prompt.action, prompt.text, prompt.human, prompt.session) == ("user_message", "find it", "ana", "s")
    assert (tool.kind, tool.tool, tool.text, tool.arguments[0].value) == ("tool_call", "search", "found", "invoice")


def test_all_real_transcripts_and_traces_are_accepted():
    files = sorted(shared("agent-sessions").rglob("*.jsonl.gz"))
    for path in files:
        with gzip.open(path) as lines:
            for row in lines:
                events(row.strip())
    assert len(files) == 9
