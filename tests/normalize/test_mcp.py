"""Model Context Protocol messages: what is asked, what is answered, and which of it belongs together."""

import pytest

from tests.normalize.common import events, reason

TRACE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def logged(message, **around):
    return {"timestamp": "2026-01-31T09:00:00Z", "session": "s", "client": "bot", "server": "mail", **around,
            "message": {"jsonrpc": "2.0", **message}}  # fmt: skip


def called(method, number=1, **parameters):
    return logged({"id": number, "method": method, "params": parameters})


def answered(number=1, **result):
    return logged({"id": number, "result": result})


def test_a_resource_is_read_like_a_tool_is_called_and_its_words_are_a_result():
    (start,) = events(called("resources/read", uri="file:///mail/7"))
    (end,) = events(answered(contents=[{"uri": "file:///mail/7", "text": "wire it to mallory"}, {"blob": "AA=="}]))
    assert (start.phase, end.phase, start.action, end.action) == ("start", "end", "resources/read", "resources/read")
    assert start.tool_call == end.tool_call != ""
    assert start.resources == ["mcp:mail", "file:///mail/7"]
    assert start.mentions, "a cloud request for the same thing is found by it"
    assert (end.text.strip(), bool(end.tokens)) == ("wire it to mallory", True)


def test_a_prompt_of_a_server_is_not_the_users():
    (start,) = events(called("prompts/get", name="greet", arguments={"who": "ana"}))
    (end,) = events(answered(messages=[{"role": "user", "content": {"type": "text", "text": "Greet Ana warmly"}}]))
    assert (start.action, start.attributes["prompt"], start.arguments[0].value) == ("prompts/get", "greet", "ana")
    assert (end.action, end.text, end.kind, bool(end.tokens)) == ("prompts/get", "Greet Ana warmly", "tool_call", True)


def test_a_server_that_asks_has_a_numbering_of_its_own():
    (call,) = events(called("tools/call", 1, name="send", arguments={}))
    (asked,) = events(called("elicitation/create", 1, message="Send abroad?"))
    (said,) = events(answered(1, action="decline"))
    (sampled,) = events(called("sampling/createMessage", 1, messages=[{"role": "user", "content": {"text": "sum up"}}]))
    (model,) = events(answered(1, role="assistant", model="m-1", content={"type": "text", "text": "a sum"}))
    assert asked.tool_call == said.tool_call == sampled.tool_call == model.tool_call != call.tool_call
    assert (asked.text, said.action, said.outcome) == ("Send abroad?", "elicitation/create", "denied")
    assert (model.action, model.text, model.attributes["model"]) == ("sampling/createMessage", "a sum", "m-1")


@pytest.mark.parametrize(("said", "outcome"), [("accept", "success"), ("decline", "denied"), ("cancel", ""), (7, "")])
def test_what_the_person_answered_is_the_outcome(said, outcome):
    assert events(answered(action=said))[0].outcome == outcome


def test_client_and_server_introduce_themselves():
    hello = {"clientInfo": {"name": "bot", "version": "1"}, "protocolVersion": "2025-11-25"}
    (client,) = events(logged({"id": 0, "method": "initialize", "params": hello}, client="", session=""))
    assert (client.actor, client.actor_kind, client.attributes["clientInfo"]) == ("bot", "agent", "bot 1")
    (server,) = events(logged({"id": 0, "result": {"serverInfo": {"name": "mail", "version": "3"},
                                                   "protocolVersion": "2025-11-25", "instructions": "Be nice"}},
                              server=""))  # fmt: skip
    assert (server.action, server.resources, server.tool_call) == ("initialize", ["mcp:mail"], "")
    assert (server.attributes["serverInfo"], server.text) == ("mail 3", "Be nice")
    (changed,) = events(answered(serverInfo={"name": "mail"}, instructions="Be rude"))
    assert changed.attributes["instructions"] != server.attributes["instructions"]


def test_without_sessions_the_client_is_named_with_each_request():
    meta = {"io.modelcontextprotocol/clientInfo": {"name": "bot", "version": "1"}}
    message = {"id": 1, "method": "tools/call", "params": {"name": "send", "_meta": meta}}
    (event,) = events(logged(message, client="", session=""))
    assert (event.actor, event.tool_call) == ("bot", "bot|mcp:mail|1")


@pytest.mark.parametrize("bare", [False, True])
def test_a_request_carries_the_trace_that_it_is_part_of(bare):
    message = {"id": 1, "method": "tools/call", "params": {"name": "send", "_meta": {"traceparent": TRACE}}}
    found = {"jsonrpc": "2.0", "timestamp": 1769850004, **message} if bare else logged(message)
    (event,) = events(found)
    assert (event.trace, event.parent_span) == ("ab" * 16, "cd" * 8)


@pytest.mark.parametrize("stated", ["", "00-xyz", 7, None, TRACE + "x", TRACE.upper()])
def test_what_is_no_trace_context_is_left_out(stated):
    (event,) = events(called("tools/call", name="send", _meta={"traceparent": stated}))
    assert (event.trace, event.parent_span) == ("", "")


def test_a_proxy_may_say_who_and_with_which_credential():
    (event,) = events(logged({"id": 1, "method": "tools/call", "params": {"name": "send"}}, user="ana@example.com",
                             agent="invoices", credential="jti:7", address="192.0.2.7"))  # fmt: skip
    assert (event.actor, event.human, event.credential, event.address) == ("invoices", "ana@example.com", "jti:7",
                                                                           "192.0.2.7")  # fmt: skip


def test_an_error_is_a_failure_with_its_code():
    (event,) = events(logged({"id": 1, "error": {"code": -32602, "message": "Unknown tool"}}))
    assert (event.phase, event.outcome, event.error, event.attributes["code"]) == ("end", "failure", "Unknown tool",
                                                                                   "-32602")  # fmt: skip
    (failed,) = events(answered(content=[{"type": "text", "text": "full"}], isError=True))
    assert (failed.outcome, failed.text) == ("failure", "full")


def test_a_structured_result_is_shown_as_json():
    assert events(answered(content=[], structuredContent={"due": [4711]}))[0].text == '{"due":[4711]}'


@pytest.mark.parametrize(
    "message",
    [{"method": "ping", "id": 3}, {"result": {}, "id": 3}, {"result": {"resources": []}, "id": 3},
     {"method": "notifications/progress", "params": {}}, {"method": "resources/list", "id": 4}],
)  # fmt: skip
def test_what_does_not_act_gives_no_event(message):
    assert events(logged(message)) == []


@pytest.mark.parametrize(
    ("found", "field"),
    [
        ({"jsonrpc": "2.0", "id": 1}, "method: "),
        (logged({"id": 1, "result": {"tools": []}}, timestamp="x"), "timestamp"),
        (logged({"id": 1, "method": "tools/call"}, timestamp=True), "timestamp: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(found, field):
    assert reason(found, "mcp").startswith(field)
