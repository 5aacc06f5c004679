"""The names of every convention: which are read, which are listed, and that the others are drift."""

import json

import pytest

from pipeline.normalize.otel_names import known, strange
from schemas.event import UNKNOWN
from tests.normalize.common import events
from tests.normalize.test_agents import TOOL, span

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.operation.name", "gen_ai.system", "gen_ai.openai.request.seed", "gen_ai.memory.store.id",
        "gen_ai.prompt.0.content", "gen_ai.prompt.variable.city", "gen_ai.guardrail.security.risk.score",
        "gen_ai.usage.video.input_tokens", "gen_ai.agent.identity.id", "llm.input_messages.0.message.role",
        "llm.request.functions.1.name", "llm.token_count.prompt_details.cache_read", "mcp.session.init_options",
        "traceloop.association.properties.tenant", "openinference.span.kind", "app.anything", "http.request.method",
    ],
)  # fmt: skip
def test_what_a_registry_lists_or_an_application_owns_is_no_drift(name):
    assert known(name)
    assert strange({name: "x"}) == {}


def test_an_attribute_that_no_registry_lists_is_kept_and_named():
    (event,) = events(span({**TOOL, "gen_ai.tool.risk": "high", "mcp.server.tenant": "t1", "shop.cart": "7"}))
    assert event.attributes[UNKNOWN].split("\n") == ["gen_ai.tool.risk", "mcp.server.tenant"]
    assert (event.attributes["gen_ai.tool.risk"], event.attributes["mcp.server.tenant"]) == ("high", "t1")
    assert "shop.cart" not in event.attributes
    assert UNKNOWN not in events(span(TOOL))[0].attributes


def test_unknown_attributes_that_are_numbered_are_one_and_their_number_is_bounded():
    (event,) = events(span({**TOOL, **{f"gen_ai.steps.{n}.text": "x" * 9999 for n in range(500)}}))
    assert event.attributes[UNKNOWN] == "gen_ai.steps.text"
    (event,) = events(span({**TOOL, **{f"gen_ai.new{n}\n{'y' * 500}": "x" * 9999 for n in range(500)}}))
    names = event.attributes[UNKNOWN].split("\n")
    assert len(names) == 8
    assert max(map(len, names)) <= 96
    assert all(len(event.attributes[name]) <= 128 for name in names)


def test_a_log_record_may_drift_too():
    record = {"timeUnixNano": "1769850004120000000", "eventName": "gen_ai.choice",
              "attributes": [{"key": "gen_ai.new", "value": {"boolValue": True}}]}  # fmt: skip
    (event,) = events({"resource": {}, "scope": {}, "logRecord": record})
    assert (event.attributes[UNKNOWN], event.attributes["gen_ai.new"]) == ("gen_ai.new", "true")


@pytest.mark.parametrize(
    "shown",
    [
        {"gen_ai.tool.definitions": json.dumps([{"name": "pay", "description": "Pays"}])},
        {"llm.tools.0.tool.json_schema": json.dumps({"name": "pay", "description": "Pays"})},
        {"llm.request.functions.0.name": "pay", "llm.request.functions.0.description": "Pays"},
    ],
    ids=["gen_ai", "openinference", "openllmetry"],
)
def test_the_tools_that_a_model_is_shown_are_hashed_so_that_a_change_shows(shown):
    def digest(found):
        (event,) = events(span({**CHAT, **found}))
        assert "Pays" not in str(event.attributes)
        return event.attributes["toolDefinitions"]

    changed = {name: value.replace("Pays", "Pays twice") for name, value in shown.items()}
    assert digest(shown) == digest(dict(reversed(shown.items()))) != digest(changed)
    assert "toolDefinitions" not in events(span(CHAT))[0].attributes


def test_the_order_of_a_definitions_fields_does_not_matter():
    one, two = ('[{"name": "pay", "description": "Pays"}]', '[{"description": "Pays", "name": "pay"}]')
    found = [events(span({**CHAT, "gen_ai.tool.definitions": text}))[0] for text in (one, two)]
    assert found[0].attributes["toolDefinitions"] == found[1].attributes["toolDefinitions"]


def test_a_guardrail_names_its_policy_and_rule_and_may_deny():
    verdict = {
        "gen_ai.guardrail.verdict.type": "deny", "gen_ai.guardrail.security.policy.id": "payments",
        "gen_ai.guardrail.security.policy.rule.id": "abroad", "gen_ai.guardrail.security.risk.category": "fraud",
    }  # fmt: skip
    (event,) = events(span(verdict))
    assert (event.action, event.outcome, event.policy) == ("guardrail", "denied", "payments / abroad")
    assert event.attributes["gen_ai.guardrail.security.risk.category"] == "fraud"
    (allowed,) = events(span({**verdict, "gen_ai.guardrail.verdict.type": "allow"}))
    assert allowed.outcome == "success"


def test_the_identity_of_an_agent_is_who_acts_unless_it_has_an_id():
    named = {"gen_ai.agent.identity.id": "spiffe://example.com/invoices", "gen_ai.agent.identity.name": "Invoices"}
    (event,) = events(span({**CHAT, **named}))
    assert (event.actor, event.actor_name) == ("spiffe://example.com/invoices", "Invoices")
    (event,) = events(span({**CHAT, **named, "gen_ai.agent.id": "a1"}))
    assert (event.actor, event.attributes["gen_ai.agent.identity.id"]) == ("a1", named["gen_ai.agent.identity.id"])


@pytest.mark.parametrize(
    ("method", "more", "resources"),
    [
        ("resources/read", {"mcp.resource.uri": "file:///a"}, ["mcp:mail.example.com", "file:///a"]),
        ("prompts/get", {"gen_ai.prompt.name": "greet"}, ["mcp:mail.example.com"]),
        ("tools/list", {}, ["mcp:mail.example.com"]), ("sampling/createMessage", {}, ["mcp:mail.example.com"]),
        ("server/discover", {}, ["mcp:mail.example.com"]),
        ("notifications/tools/list_changed", {}, ["mcp:mail.example.com"]),
    ],
)  # fmt: skip
def test_an_mcp_span_says_what_was_asked_of_which_server(method, more, resources):
    told = {"mcp.method.name": method, "server.address": "mail.example.com", "jsonrpc.request.id": "4", **more}
    (client,) = events(span(told))
    assert (client.kind, client.action, client.resources) == ("tool_call", method, resources)
    (server,) = events(span(told, spanId="aa" * 8, parentSpanId="cd" * 8))
    assert server.tool_call == client.tool_call != "", "one request has two spans"
    assert {name: client.attributes[name] for name in more} == more


def test_a_retrieval_names_its_source_and_what_was_sought():
    found = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "kb-1",
        "gen_ai.retrieval.query.text": "who",
    }
    (event,) = events(span(found))
    assert (event.action, event.resources) == ("retrieval", ["kb-1"])
    assert event.attributes["gen_ai.retrieval.query.text"] == "who"


def test_older_conventions_put_the_texts_into_events_of_the_span():
    def happening(name, key, text):
        return {"name": name, "attributes": [{"key": key, "value": {"stringValue": text}}]}

    inside = [happening("gen_ai.content.prompt", "gen_ai.prompt", "pay it"),
              happening("gen_ai.content.completion", "gen_ai.completion", "done"), {"name": 7}, 3]  # fmt: skip
    asked, answer = events(span(CHAT, events=inside))
    assert (asked.action, asked.text, answer.text) == ("user_message", "pay it", "done")


@pytest.mark.parametrize("kind", ["RERANKER", "EVALUATOR"])
def test_further_kinds_of_openinference_are_steps(kind):
    (event,) = events(span({"openinference.span.kind": kind, "input.value": "x"}))
    assert event.action in ("rerank", "evaluation")


def test_the_details_of_an_inference_are_a_turn_with_what_was_asked():
    told = {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "pay it"}]}]),
            "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "ok"}]}]),
            "gen_ai.conversation.id": "c"}  # fmt: skip
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in told.items()]
    record = {"observedTimeUnixNano": "1769850004120000000", "timeUnixNano": "0",
              "eventName": "gen_ai.client.inference.operation.details", "attributes": attributes}  # fmt: skip
    asked, answer = events({"resource": {}, "scope": {}, "logRecord": record})
    assert (asked.action, asked.text, bool(asked.tokens)) == ("user_message", "pay it", True)
    assert (answer.action, answer.text, answer.session) == ("chat", "ok", "c")
    record["eventName"] = "gen_ai.client.operation.exception"
    record["attributes"] = [{"key": "exception.type", "value": {"stringValue": "RateLimited"}}]
    (event,) = events({"resource": {}, "scope": {}, "logRecord": record})
    assert (event.outcome, event.error) == ("failure", "RateLimited")
