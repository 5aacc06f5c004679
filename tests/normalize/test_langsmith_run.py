"""LangSmith runs: what was asked, the model's turns, the tools, and which trace and thread they belong to."""

import json

import pytest

from tests.normalize.common import events, reason

ROOT, INNER = "0b6a2d3e-7c41-4c1f-9a5b-2f1d3e4c5a01", "0b6a2d3e-7c41-4c1f-9a5b-2f1d3e4c5a02"


def run(kind, inputs=None, outputs=None, metadata=None, **more):
    return {
        "id": INNER, "trace_id": ROOT, "parent_run_id": ROOT, "name": "n", "run_type": kind, "inputs": inputs,
        "start_time": "2026-01-31T09:00:00.120000", "end_time": "2026-01-31T09:00:01", "session_id": "project-1",
        "session_name": "invoices", "outputs": outputs, "extra": {"metadata": metadata or {}}, **more,
    }  # fmt: skip


def message(kind, text):
    return {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", kind],
        "kwargs": {"content": text},
    }


def test_a_tool_run_is_a_call_with_the_models_id_where_it_says_so():
    output = {"output": {"type": "tool", "content": "4711 is due", "tool_call_id": "toolu_1"}}
    (event,) = events(run("tool", {"input": '{"due": "2026-02-01"}'}, output, {"thread_id": "t-1", "user_id": "ana"}))
    assert (event.kind, event.tool, event.tool_call, event.text) == ("tool_call", "n", "toolu_1", "4711 is due")
    assert [(one.path, one.value) for one in event.arguments] == [("due", "2026-02-01")]
    assert (event.session, event.human, event.actor) == ("t-1", "ana", "invoices")
    assert (event.trace, event.span, event.parent_span) == (ROOT, INNER, ROOT)
    assert (event.time, event.attributes["end_time"]) == (1_769_850_000_120_000, "1769850001000000")
    assert event.tokens
    (plain,) = events(run("tool", {"input": "{'due': 1}"}, {"output": "none due"}))
    assert (plain.tool_call, plain.text, plain.arguments[0].path) == (INNER, "none due", "input")


@pytest.mark.parametrize(
    "inputs",
    [
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "pay it"}]},
        {"messages": [[message("SystemMessage", "s"), message("HumanMessage", "pay it")]]},
        {"messages": [{"type": "human", "content": "pay it"}]}, {"input": "pay it"}, {"question": "pay it"},
        {"input": {"messages": [{"role": "user", "content": [{"type": "text", "text": "pay it"}]}]}},
    ],
)  # fmt: skip
def test_what_the_root_was_asked_is_the_users(inputs):
    asked, answer = events(run("chain", inputs, {"output": "done"}, parent_run_id=None))
    assert (asked.action, asked.text, bool(asked.tokens)) == ("user_message", "pay it", True)
    assert (answer.action, answer.text) == ("invoke_agent", "done")
    assert (asked.parent_span, answer.parent_span) == (answer.span, "")


@pytest.mark.parametrize(
    "last",
    [message("ToolMessage", "planted"), {"role": "tool", "content": "planted"}, message("AIMessage", "planted"),
     {"role": "user", "content": [{"type": "tool_result", "content": "planted"}]}],
)  # fmt: skip
def test_what_a_tool_or_the_model_said_last_is_not_the_users(last):
    found = events(run("chain", {"messages": [{"role": "user", "content": "pay"}, last]}, parent_run_id=None))
    assert [event.action for event in found] == ["invoke_agent"]


def test_a_model_within_an_agent_is_not_asked_by_the_user():
    outputs = {"generations": [[{"text": "", "message": message("AIMessage", "I look it up")}]]}
    (event,) = events(run("llm", {"messages": [[message("HumanMessage", "pay it")]]}, outputs, prompt_tokens=3))
    assert (event.action, event.text, event.tokens) == ("chat", "I look it up", [])
    assert event.attributes["gen_ai.usage.input_tokens"] == "3"


@pytest.mark.parametrize("kind", ["chain", "prompt", "parser"])
def test_a_step_within_another_gives_no_event(kind):
    assert events(run(kind, {"input": "x"})) == []


def test_a_run_that_failed_says_why_and_without_a_thread_the_trace_is_the_session():
    (event,) = events(run("retriever", error="ValueError('x')", status="error"))
    assert (event.action, event.outcome, event.error) == ("retrieval", "failure", "ValueError('x')")
    assert event.session == f"trace:{ROOT}"


@pytest.mark.parametrize("name", ["runs", "post"])
def test_pages_and_batches_are_taken_run_by_run(name):
    page = {name: [run("tool"), run("llm"), run("parser")], "cursors": {"next": "x"}}
    assert [event.kind for event in events(page)] == ["tool_call", "prompt"]


def test_deep_and_odd_messages_are_taken_as_they_are():
    deep = json.loads("[" * 40 + "1" + "]" * 40)
    for odd in (deep, {"messages": deep}, {"messages": [None, 7, [], {}]}, {"generations": [[None]]}, "x", 7):
        assert events(run("chain", odd, odd, parent_run_id=None))


@pytest.mark.parametrize(
    ("more", "field"),
    [({"id": None}, "id: "), ({"run_type": ""}, "run_type: "), ({"start_time": None}, "start_time: "),
     ({"extra": {"metadata": 7}}, "extra.metadata: ")],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(more, field):
    assert reason({**run("tool"), **more}, "langsmith.run").startswith(field)
