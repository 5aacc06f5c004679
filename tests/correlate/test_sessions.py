"""Prompts, tool calls, traces and argument origin."""

from pipeline.correlate.route import route
from schemas.event import Argument, Event
from tests.correlate.test_chains import current, engine
from tests.events import at, call, issuance, prompt, tool


def span(seconds, name, parent="", kind="tool_call", **more):
    more = {"action": "search", "phase": "", "tool_call": name if kind == "tool_call" else "", **more}
    return Event(
        event_id=f"span-{name}", kind=kind, time=at(seconds), format="otel.genai", trace="T", span=name,
        parent_span=parent, **more,
    )  # fmt: skip


def test_a_tool_call_finds_the_prompt_before_it_even_if_the_prompt_comes_last():
    story = [prompt(0, "s", "a"), tool(1, "s", "t1"), prompt(2, "s", "b"), tool(3, "s", "t2")]
    for events in (story, list(reversed(story))):
        rows = current(engine(), events)
        assert rows["tool-t1-start"].prompt_event == "prompt-a"
        assert rows["tool-t2-start"].prompt_event == "prompt-b"


def test_the_first_call_of_a_session_matters_to_every_request_before_it():
    story = [
        prompt(0, "conv-0", "p"), issuance(2, "C1", session_name="conv-0"), call(3, "C1", "x"),
        tool(90, "conv-0", "t", "end"),
    ]  # fmt: skip
    links = [current(engine(), events)["call-x"].links for events in (story, story[::-1], story[3:] + story[:3])]
    assert links[0] == links[1] == links[2]


def test_a_result_takes_its_tool_from_its_call():
    rows = current(engine(), [tool(2, "s", "t", "end"), tool(1, "s", "t"), prompt(0, "s", "a")])
    assert rows["tool-t-end"].tool_call_event == "tool-t-start"
    assert rows["tool-t-end"].event.tool == "read_mail"


def test_a_tool_call_without_any_prompt_says_so():
    assert current(engine(), [tool(1, "s", "t")])["tool-t-start"].unbound == "no prompt seen in its session"


def test_spans_inherit_agent_user_and_conversation_from_parents_that_arrive_later():
    leaf = span(2, "leaf", "mid")
    mid = span(1, "mid", "root", kind="prompt", action="chat")
    root = span(
        0, "root", kind="prompt", action="invoke_agent", actor="bot", actor_kind="agent", human="ana@example.com",
        session="conv",
    )  # fmt: skip
    for events in ([leaf, mid, root], [root, mid, leaf]):
        row = current(engine(), events)["span-leaf"]
        assert (row.actor, row.human, row.session) == ("bot", "ana@example.com", "conv")
        assert {(link.target, link.method) for link in row.links} >= {("session", "trace"), ("actor", "trace")}


def test_a_trace_in_which_nobody_names_a_conversation_is_a_session_of_its_own():
    row = current(engine(), [span(0, "only", actor="bot", actor_kind="agent")])["span-only"]
    assert row.session == "trace:T"


def test_a_cloud_event_in_a_tool_calls_trace_names_the_tool_call():
    caller = span(1, "caller", actor="bot", actor_kind="agent", session="conv")
    event = Event(
        event_id="c", kind="cloud_audit", time=at(2), format="test", actor="svc", trace="T", parent_span="caller"
    )
    for events in ([caller, event], [event, caller]):
        row = current(engine(), events)["c"]
        assert (row.actor, row.session, row.tool_call, row.tool_call_event) == ("bot", "conv", "caller", "span-caller")


def test_an_argument_has_the_origin_of_its_value_whatever_came_first():
    asked, found, own = [11, 12], [21, 22], [31]
    story = [
        prompt(0, "s", "a", tokens=asked),
        tool(1, "s", "t1"),
        tool(2, "s", "t1", "end", tokens=found),
        tool(
            3, "s", "t2", argument_tokens=[[0, *asked], [0, *found], [0, *own], [0], []],
            arguments=[Argument("a", "x"), Argument("b", "y"), Argument("c", "z"), Argument("d", "")],
        ),
        tool(4, "s", "t2", "end", tokens=own),
    ]  # fmt: skip
    for events in (story, list(reversed(story))):
        arguments = current(engine(), events)["tool-t2-start"].event.arguments
        assert [argument.origin for argument in arguments] == ["prompt", "result", "agent", ""]


def test_sub_agents_hang_under_the_session_that_spawned_them():
    story = [
        prompt(0, "main", "a"),
        tool(1, "main", "task"),
        prompt(2, "main/sub", "b", parent_session="main", parent_tool_call="task"),
        tool(3, "main/sub", "t", parent_session="main"),
    ]
    for events in (story, list(reversed(story))):
        rows = current(engine(), events)
        assert rows["tool-t-start"].parent_session == "main"
        assert rows["tool-t-start"].prompt_event == "prompt-b"
        assert rows["prompt-b"].tool_call_event == "tool-task-start"


def test_the_same_event_twice_gives_no_second_row():
    it = engine()
    first = it.feed(route(prompt(0, "s", "a")))
    assert len(first) == 1
    assert it.feed(route(prompt(0, "s", "a"))) == []
