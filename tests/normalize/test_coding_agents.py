"""Claude Code's, Codex' and Gemini CLI's telemetry: prompts, decisions, calls, and their sessions."""

import pytest

from tests.normalize.common import events
from tests.normalize.test_agents import attribute, line, span

MS = 1_769_850_004_120_000


def logged(name, service="claude-code", body="", **attributes):
    record = {
        "timeUnixNano": f"{MS}000", "body": {"stringValue": body},
        "attributes": [attribute("event.name", name), *(attribute(key, value) for key, value in attributes.items())],
    }  # fmt: skip
    return {"resource": {"attributes": [attribute("service.name", service)]}, "scope": {}, "logRecord": record}


def claude(name, **attributes):
    known = {"session.id": "s", "user.email": "ana@example.com", "user.id": "anonymous", "prompt.id": "p"}
    return logged(name, body=f"claude_code.{name}", **known, **attributes)


def test_a_prompt_is_the_persons_unless_it_is_redacted():
    (event,) = events(claude("user_prompt", prompt="pay it", prompt_length="6"))
    assert (event.kind, event.action, event.text) == ("prompt", "user_message", "pay it")
    assert (event.actor, event.actor_kind, event.human, event.session) == (
        "claude-code",
        "agent",
        "ana@example.com",
        "s",
    )
    assert event.tokens
    (hidden,) = events(claude("user_prompt", prompt="<REDACTED>"))
    assert (hidden.action, hidden.text, hidden.tokens) == ("user_message", "", [])


@pytest.mark.parametrize(
    ("decision", "source", "outcome"),
    [("accept", "config", "success"), ("accept", "hook", "success"), ("accept", "user_temporary", "success"),
     ("reject", "user_reject", "denied"), ("reject", "user_abort", "denied")],
)  # fmt: skip
def test_a_decision_of_permission_names_who_decided_as_its_policy(decision, source, outcome):
    (event,) = events(claude("tool_decision", tool_name="Bash", tool_use_id="t1", decision=decision, source=source,
                             tool_source="builtin", tool_parameters='{"full_command": "rm x"}'))  # fmt: skip
    assert (event.kind, event.action, event.outcome) == ("prompt", "tool_decision", outcome)
    assert (event.tool, event.tool_call, event.policy) == ("Bash", "t1", f"claude-code:{source}")
    assert "rm x" in event.text
    assert not event.tokens, "what a call would do is nobody's prompt"


def test_a_call_began_before_it_was_written_down_and_is_the_one_of_the_transcript():
    (call,) = events(claude("tool_result", tool_name="Bash", tool_use_id="t1", success="true", duration_ms="3200",
                            decision_source="config", tool_input='{"command": "ls"}'))  # fmt: skip
    assert (call.kind, call.tool, call.outcome, call.policy) == ("tool_call", "Bash", "success", "claude-code:config")
    assert (call.time, call.attributes["end_time"]) == (MS - 3_200_000, str(MS))
    assert [(one.path, one.value) for one in call.arguments] == [("command", "ls")]
    assert call.argument_tokens
    (told,) = events(line("assistant", [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}]))
    assert (told.tool_call, told.session, told.actor) == (call.tool_call, call.session, call.actor)


@pytest.mark.parametrize("took", ["-5", "x", "1e400", str(10**12), ""])
def test_a_duration_that_is_none_moves_nothing(took):
    (call,) = events(claude("tool_result", tool_name="Bash", tool_use_id="t1", duration_ms=took))
    assert call.time == MS


def test_requests_to_the_model_name_its_request_id_and_may_fail_or_be_refused():
    (good,) = events(claude("api_request", model="claude-sonnet-5", request_id="req_1", input_tokens=7))
    assert (good.action, good.outcome, good.request) == ("chat", "success", "req_1")
    assert (good.attributes["model"], good.attributes["input_tokens"]) == ("claude-sonnet-5", "7")
    (bad,) = events(claude("api_error", error="overloaded", status_code=529))
    assert (bad.outcome, bad.error, bad.attributes["status_code"]) == ("failure", "overloaded", "529")
    (refused,) = events(claude("api_refusal", category="cyber"))
    assert (refused.outcome, refused.error) == ("denied", "refused cyber")


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("permission_mode_changed", {"from_mode": "default", "to_mode": "bypassPermissions", "trigger": "shift_tab"}),
        ("auth", {"action": "login", "auth_method": "oauth", "success": "true"}),
        ("mcp_server_connection", {"status": "connected", "transport_type": "stdio", "server_name": "mail"}),
        ("plugin_installed", {"plugin.name": "x"}), ("skill_activated", {"skill.name": "pay"}),
    ],
)  # fmt: skip
def test_what_changes_what_an_agent_may_do_is_an_event(name, attributes):
    (event,) = events(claude(name, **attributes))
    assert event.action == name
    assert {key: event.attributes.get(key) for key in attributes if key != "success"} == {
        key: value for key, value in attributes.items() if key != "success"
    }
    assert event.resources == (["mcp:mail"] if name == "mcp_server_connection" else [])


@pytest.mark.parametrize("name", ["api_request_body", "internal_error", "compaction", "made_up"])
def test_what_repeats_others_gives_no_event(name):
    assert events(claude(name, length="9")) == []


def test_another_application_may_use_the_same_short_name():
    assert events(logged("user_prompt", service="shop", prompt="x")) == []


def test_a_sub_agents_spans_are_in_the_session_that_its_transcript_is_in():
    (told,) = events(line("user", "look", agentId="a1", isSidechain=True))
    inside = {"span.type": "llm_request", "session.id": "s", "agent_id": "a1", "gen_ai.system": "anthropic"}
    (event,) = events(span(inside, name="claude_code.llm_request"))
    assert (event.session, event.parent_session, event.actor) == (told.session, told.parent_session, told.actor)
    nested = {**inside, "agent_id": "a2", "parent_agent_id": "a1"}
    (event,) = events(span(nested, name="claude_code.llm_request"))
    assert (event.session, event.parent_session) == ("s/a2", "s/a1")


def test_claude_codes_spans_are_turns_calls_and_steps():
    tool = {
        "span.type": "tool",
        "session.id": "s",
        "tool_name": "Bash",
        "tool_use_id": "t1",
        "gen_ai.tool.call.id": "t1",
    }
    (call,) = events(span(tool, name="claude_code.tool"))
    assert (call.kind, call.tool, call.tool_call, call.actor) == ("tool_call", "Bash", "t1", "claude-code")
    message, turn = events(span({"span.type": "interaction", "session.id": "s", "user_prompt": "pay it"},
                                name="claude_code.interaction"))  # fmt: skip
    assert (message.text, turn.action) == ("pay it", "invoke_agent")
    output = [{"name": "tool.output", "attributes": [attribute("output", "all good")]}]
    (call,) = events(span({**tool, "full_command": "pytest -q"}, name="claude_code.tool", events=output))
    assert (call.arguments[0].value, call.text, bool(call.tokens)) == ("pytest -q", "all good", True)
    waited = {"span.type": "tool.blocked_on_user", "session.id": "s", "decision": "reject", "source": "user_reject"}
    (decided,) = events(span(waited, name="claude_code.tool.blocked_on_user"))
    assert (decided.action, decided.outcome, decided.policy) == ("tool_decision", "denied", "claude-code:user_reject")
    asked = {"span.type": "llm_request", "session.id": "s", "request_id": "req_1", "gen_ai.system": "anthropic"}
    assert events(span(asked, name="claude_code.llm_request"))[0].request == "req_1"
    (step,) = events(span({"span.type": "tool.execution", "session.id": "s"}, name="claude_code.tool.execution"))
    assert step.action == "tool.execution", "spans below it name it as their parent"


def codex(name, **attributes):
    known = {"conversation.id": "0199-a", "user.email": "ana@example.com", "user.account_id": "acct"}
    return logged(f"codex.{name}", "codex_cli_rs", **known, **attributes)


def test_codex_events_are_prompts_decisions_and_calls_of_a_conversation():
    (said,) = events(codex("user_prompt", prompt="pay it"))
    assert (said.action, said.text, said.session, said.actor) == ("user_message", "pay it", "0199-a", "codex")
    assert said.human == "ana@example.com"
    (decided,) = events(codex("tool_decision", tool_name="exec", call_id="c1", decision="denied", source="user"))
    assert (decided.outcome, decided.policy, decided.tool_call) == ("denied", "codex:user", "c1")
    (allowed,) = events(codex("tool_decision", tool_name="exec", call_id="c1", decision="approved", source="config"))
    assert (allowed.outcome, allowed.policy) == ("success", "codex:config")
    (call,) = events(codex("tool_result", tool_name="exec", call_id="c1", arguments='{"cmd": "ls"}',
                           output="README changed", success="false", duration_ms="41"))  # fmt: skip
    assert (call.tool_call, call.outcome, call.text, call.time) == ("c1", "failure", "README changed", MS - 41_000)
    assert call.arguments[0].value == "ls"
    assert call.tokens
    (hidden,) = events(codex("user_prompt", prompt="[REDACTED]"))
    assert hidden.text == ""


def test_a_thread_that_another_spawned_has_a_parent():
    (event,) = events(codex("conversation_starts", parent_thread_id="0199-b", depth=1))
    assert (event.action, event.session, event.parent_session) == ("session_start", "0199-a", "0199-b")


def test_gemini_clis_calls_are_decided_and_named_by_themselves():
    def gemini(name, **attributes):
        return logged(f"gemini_cli.{name}", "gemini-cli", **{"session.id": "g"}, **attributes)

    (call,) = events(gemini("tool_call", function_name="write_file", function_args='{"path": "x"}', success="true",
                            decision="auto_accept", mcp_server_name="files"))  # fmt: skip
    assert (call.tool, call.outcome, call.policy) == ("write_file", "success", "gemini-cli:auto_accept")
    assert (call.tool_call, call.resources) == (call.event_id, ["mcp:files"])
    (refused,) = events(gemini("tool_call", function_name="write_file", success="false", decision="reject"))
    assert refused.outcome == "denied"
    (answer,) = events(gemini("api_response", model="gemini-3", response_text="done", input_token_count=3))
    assert (answer.action, answer.text, answer.attributes["input_token_count"]) == ("chat", "done", "3")


def test_an_export_of_logs_is_taken_record_by_record():
    records = [
        claude("user_prompt", prompt="a"),
        claude("tool_decision", tool_name="B", decision="accept", source="hook"),
    ]
    listed = [
        {"resource": one["resource"], "scopeLogs": [{"scope": {}, "logRecords": [one["logRecord"]]}]} for one in records
    ]
    body = {"resourceLogs": listed}
    found = events(body)
    assert [event.action for event in found] == ["user_message", "tool_decision"]
