"""What Claude Code's hooks are given: prompts, calls, sub-agents, decisions."""

import pytest

from tests.normalize.common import events, reason
from tests.normalize.test_agents import line

TIME = 1_769_850_004_120


def hook(name, **more):
    return {"session_id": "s", "transcript_path": "/t.jsonl", "cwd": "/w", "permission_mode": "default",
            "hook_event_name": name, "timestamp": TIME, **more}  # fmt: skip


CALL = {"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "cat /w/a.txt"}}


def test_a_call_and_its_result_are_the_ones_of_the_transcript():
    (start,) = events(hook("PreToolUse", **CALL))
    (end,) = events(
        hook("PostToolUse", **CALL, tool_response={"stdout": "hello world", "stderr": "", "interrupted": False})
    )
    assert (start.phase, start.tool, start.arguments[0].value) == ("start", "Bash", "cat /w/a.txt")
    assert start.argument_tokens
    assert start.mentions
    assert (end.phase, end.outcome, end.text, bool(end.tokens)) == ("end", "success", "hello world", True)
    assert end.arguments == [], "the arguments are told when the call begins"
    (told,) = events(line("assistant", [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]))
    assert start.tool_call == end.tool_call == told.tool_call
    assert (start.session, start.actor, start.time) == (told.session, told.actor, TIME * 1000)


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ("plain", "plain"), ([{"type": "text", "text": "from mcp"}], "from mcp"),
        ({"content": [{"type": "text", "text": "agent"}]}, "agent"), ({"filePath": "/a"}, '{"filePath":"/a"}'),
        (None, ""), (7, "7"),
    ],
)  # fmt: skip
def test_a_result_is_shown_by_its_words(response, text):
    assert events(hook("PostToolUse", **CALL, tool_response=response))[0].text == text


def test_a_call_that_failed_says_why():
    (event,) = events(hook("PostToolUseFailure", **CALL, error="exit code 1", is_interrupt=True))
    assert (event.phase, event.outcome, event.error) == ("end", "failure", "exit code 1")
    assert event.attributes["is_interrupt"] == "true"


def test_a_prompt_is_the_persons_and_a_sub_agents_is_not():
    (event,) = events(hook("UserPromptSubmit", prompt="pay the rent", user="ana@example.com"))
    assert (event.action, event.text, event.human, bool(event.tokens)) == ("user_message", "pay the rent",
                                                                          "ana@example.com", True)  # fmt: skip
    (inner,) = events(hook("UserPromptSubmit", prompt="pay the rent", agent_id="a1"))
    assert not inner.tokens


def test_a_sub_agent_has_a_session_below_and_the_call_that_started_it_names_it():
    (start,) = events(hook("SubagentStart", agent_id="a1", agent_type="Explore"))
    assert (start.action, start.session, start.parent_session, start.actor) == ("spawn", "s/a1", "s", "claude-code/a1")
    (inside,) = events(hook("PreToolUse", **CALL, agent_id="a1"))
    assert (inside.session, inside.parent_session) == ("s/a1", "s")
    end, spawn = events(hook("PostToolUse", tool_name="Agent", tool_use_id="t9", tool_response={"agentId": "a1"}))
    assert (end.session, spawn.session, spawn.parent_session, spawn.parent_tool_call) == ("s", "s/a1", "s", "t9")
    assert end.event_id != spawn.event_id
    (stop,) = events(hook("SubagentStop", agent_id="a1", last_assistant_message="done"))
    assert (stop.action, stop.text, stop.session) == ("answer", "done", "s/a1")


def test_who_is_asked_and_what_is_denied_are_decisions_with_a_policy():
    (asked,) = events(hook("PermissionRequest", tool_name="Bash", tool_input={"command": "rm x"}))
    assert (asked.action, asked.tool, asked.policy, asked.outcome) == ("permission_request", "Bash",
                                                                      "claude-code:permission_prompt", "")  # fmt: skip
    assert "rm x" in asked.text
    (denied,) = events(hook("PermissionDenied", **CALL, reason="dangerous"))
    assert (denied.action, denied.outcome, denied.policy) == ("tool_decision", "denied", "claude-code:auto")
    assert (denied.tool_call, denied.attributes["reason"]) == ("t1", "dangerous")


@pytest.mark.parametrize("name", ["PreCompact", "Notification", "InstructionsLoaded", "MadeUpLater"])
def test_housekeeping_gives_no_event(name):
    assert events(hook(name)) == []


@pytest.mark.parametrize("stamp", ["2026-01-31T09:00:04.120Z", TIME, TIME / 1000, TIME * 1000])
def test_the_time_that_the_command_adds_may_be_written_in_any_usual_way(stamp):
    assert events(hook("Stop", timestamp=stamp))[0].time == TIME * 1000


def test_a_hook_without_a_time_says_where_to_read_how_one_is_added():
    found = reason(hook("Stop", timestamp=None))
    assert found.startswith("timestamp: ")
    assert "docs/sources/claude-code.hook.md" in found


@pytest.mark.parametrize(
    ("more", "field"),
    [({"session_id": ""}, "session_id: "), ({"hook_event_name": ""}, "hook_event_name: "), ({"prompt": 7}, "prompt: "),
     ({"timestamp": "x"}, "timestamp: ")],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(more, field):
    assert reason({**hook("UserPromptSubmit"), **more}, "claude-code.hook").startswith(field)
