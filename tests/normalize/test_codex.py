"""Codex rollouts, line by line."""

import json

import pytest

from tests.normalize.common import events, reason
from tests.normalize.test_coding_agents import codex as telemetry

CALL = {"type": "function_call", "name": "exec_command", "arguments": '{"cmd": "cat /w/a.txt"}', "call_id": "c1"}


def line(payload, kind="response_item", **more):
    return {"timestamp": "2026-01-31T09:00:04.120Z", "type": kind, "payload": payload, "session_id": "0199-A", **more}


def said(role, text):
    return line({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})


def test_messages_are_the_persons_the_models_or_the_clients():
    (user,), (answer,) = events(said("user", "pay it")), events(said("assistant", "done"))
    assert (user.action, user.text, bool(user.tokens)) == ("user_message", "pay it", True)
    assert (answer.action, answer.text, answer.tokens) == ("answer", "done", [])
    for text in ("<environment_context>x", "<user_instructions>x", "# AGENTS.md instructions for /w"):
        assert (events(said("user", text))[0].action, events(said("user", text))[0].tokens) == ("context", [])
    assert events(said("developer", "be careful"))[0].action == "context"


def test_a_call_and_its_output_share_an_id_that_the_telemetry_has_too():
    (start,) = events(line(CALL))
    (end,) = events(line({"type": "function_call_output", "call_id": "c1", "output": "hello world"}))
    assert (start.phase, start.tool, start.arguments[0].value) == ("start", "exec_command", "cat /w/a.txt")
    assert (start.session, start.actor) == ("0199-a", "codex")
    assert (end.phase, end.text, end.outcome, bool(end.tokens)) == ("end", "hello world", "", True)
    (told,) = events(telemetry("tool_result", tool_name="exec_command", call_id="c1"))
    assert start.tool_call == end.tool_call == told.tool_call
    assert (start.session, start.actor) == (told.session, told.actor)


@pytest.mark.parametrize(
    ("output", "text", "outcome"),
    [
        (json.dumps({"output": "no", "metadata": {"exit_code": 1}}), "no", "failure"),
        (json.dumps({"output": "yes", "metadata": {"exit_code": 0}}), "yes", "success"),
        ({"content": "no", "success": False}, "no", "failure"),
        ([{"type": "input_text", "text": "part"}], "part", ""), (None, "", ""), ([], "", ""), (5, "5", ""),
    ],
)  # fmt: skip
def test_an_output_says_how_it_went_where_it_does(output, text, outcome):
    (event,) = events(line({"type": "function_call_output", "call_id": "c1", "output": output}))
    assert (event.text, event.outcome) == (text, outcome)


@pytest.mark.parametrize(
    ("payload", "tool", "value"),
    [
        ({"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin", "call_id": "c"}, "apply_patch",
         "*** Begin"),
        ({"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}, "local_shell",
         "exec"),
        ({"type": "web_search_call", "id": "ws", "action": {"type": "search", "query": "x"}}, "web_search", "search"),
    ],
)  # fmt: skip
def test_every_kind_of_call_is_one(payload, tool, value):
    (event,) = events(line(payload))
    assert (event.kind, event.phase, event.tool, event.arguments[0].value) == ("tool_call", "start", tool, value)
    assert event.tool_call


def test_the_first_line_names_the_session_and_of_a_sub_agent_its_parent():
    (root,) = events(line({"id": "0199-B", "cwd": "/w", "source": "cli", "git": {"branch": "main"}}, "session_meta"))
    assert (root.action, root.session, root.parent_session) == ("session_start", "0199-b", "")
    assert (root.attributes["cwd"], root.attributes["branch"], root.attributes["source"]) == ("/w", "main", "cli")
    spawned = {"id": "0199-C", "source": {"subagent": {"thread_spawn": {"parent_thread_id": "0199-B", "depth": 1}}}}
    (child,) = events(line(spawned, "session_meta"))
    assert (child.session, child.parent_session) == ("0199-c", "0199-b")
    assert events(line({"id": "0199-C", "source": "review"}, "session_meta"))[0].parent_session == ""


def test_a_line_to_which_no_session_was_added_has_none():
    assert events(line(CALL, session_id=None))[0].session == ""


@pytest.mark.parametrize(
    ("payload", "kind"),
    [({"type": "token_count"}, "event_msg"), ({"type": "user_message", "message": "x"}, "event_msg"),
     ({"cwd": "/w"}, "turn_context"), ({"type": "reasoning", "summary": []}, "response_item"), ({}, "compacted")],
)  # fmt: skip
def test_what_repeats_others_gives_no_event(payload, kind):
    assert events(line(payload, kind)) == []


@pytest.mark.parametrize(
    ("more", "field"),
    [({"timestamp": None}, "timestamp: "), ({"type": "other"}, "type: "), ({"payload": None}, "payload: "),
     ({"payload": []}, "payload: ")],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(more, field):
    assert reason({**line(CALL), **more}, "codex").startswith(field)
