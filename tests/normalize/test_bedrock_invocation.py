"""Bedrock invocations: what is new to the model, what it answered, tool calls, bodies that are elsewhere."""

import json

import pytest

from pipeline.normalize.bedrock_invocation import recognizes
from tests.normalize.common import events, outcomes, reason, vendor_rows
from tests.normalize.test_aws_cloudtrail import CALL

ASK = {"role": "user", "content": [{"text": "Pay invoice 4711"}]}
USE = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "pay", "input": {"amount": 1250}}}]}
RESULT = {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "status": "error", "content": [
    {"text": "no funds"}, {"json": {"code": 7}}]}}]}  # fmt: skip
SAID = {"role": "assistant", "content": [{"text": "It failed."}]}


def invocation(messages, answer, **fields):
    return {"schemaType": "ModelInvocationLog", "timestamp": "2026-01-31T09:00:04Z", "requestId": "R1",
            "accountId": "123456789012", "identity": {"arn": CALL["userIdentity"]["arn"]}, "region": "eu-central-1",
            "operation": "Converse", "modelId": "m", "input": {"inputBodyJson": {"messages": messages}},
            "output": {"outputBodyJson": answer}, **fields}  # fmt: skip


FIRST = invocation([ASK], {"output": {"message": USE}})
SECOND = invocation([ASK, USE, RESULT], {"output": {"message": SAID}})


def test_a_request_and_its_answer_are_a_prompt_and_a_tool_call_of_cloudtrails_caller():
    asked, called = events(FIRST)
    (call,) = events(CALL)
    assert (asked.kind, asked.action, asked.text) == ("prompt", "user_message", "Pay invoice 4711")
    assert asked.tokens
    assert (called.kind, called.phase, called.tool, called.tool_call) == ("tool_call", "start", "pay", "t1")
    assert [(one.path, one.value) for one in called.arguments] == [("amount", "1250")]
    for event in (asked, called):
        assert (event.actor, event.request, event.session_name) == (call.actor, call.request, call.session_name)
    assert called.event_id == f"{asked.event_id}#1"


def test_what_a_request_repeats_is_no_event_again():
    result, said = events(SECOND)
    assert (result.kind, result.phase, result.tool_call, result.outcome) == ("tool_call", "end", "t1", "failure")
    assert result.text == 'no funds\n{"code": 7}'
    assert (said.action, said.text, said.tokens) == ("answer", "It failed.", [])


ANTHROPIC = {"role": "assistant", "content": [
    {"type": "text", "text": "I pay."},
    {"type": "tool_use", "id": "t1", "name": "pay", "input": {"a": 1}}]}  # fmt: skip
STREAM = [
    {"type": "message_start", "message": {"id": "m"}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "pay."}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t1", "name": "pay"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a": '}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "1}"}},
    {"type": "content_block_stop", "index": 1},
]
OPENAI = {"choices": [{"message": {"content": "I pay.", "tool_calls": [
    {"id": "t1", "function": {"name": "pay", "arguments": {"a": 1}}}]}}]}  # fmt: skip


@pytest.mark.parametrize("answer", [ANTHROPIC, STREAM, OPENAI], ids=["anthropic", "stream", "openai"])
def test_answers_come_in_many_shapes(answer):
    _, said, called = events(invocation([{"role": "user", "content": "Pay"}], answer))
    assert (said.action, said.text) == ("answer", "I pay.")
    assert (called.tool, called.tool_call) == ("pay", "t1")
    assert [(one.path, one.value) for one in called.arguments] == [("a", "1")]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"inputText": "Pay"}, {"results": [{"outputText": "Paid"}]}), ({"prompt": "Pay"}, {"generation": "Paid"}),
        ({"prompt": "Pay"}, {"outputs": [{"text": "Paid"}]}), ({"prompt": "Pay"}, {"completion": "Paid"}),
        ({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "Pay"}]}, {"content": "Paid"}),
    ],
)  # fmt: skip
def test_bodies_that_are_one_text_are_a_prompt_and_an_answer(body, answer):
    found = events(invocation([], answer, input={"inputBodyJson": body}))
    assert [(event.action, event.text) for event in found] == [("user_message", "Pay"), ("answer", "Paid")]


def test_where_large_bodies_are_is_kept():
    record = invocation([], None, input={"inputBodyS3Path": "s3://b/in", "inputTokenCount": 7}, errorCode="Throttled",
                        output={"outputBodyS3Path": "s3://b/out"}, requestMetadata={"who": "ana"})  # fmt: skip
    (event,) = events(record)
    assert (event.kind, event.action, event.text) == ("prompt", "invocation", "")
    assert (event.outcome, event.error) == ("failure", "Throttled")
    for name, text in {"inputBodyS3Path": "s3://b/in", "outputBodyS3Path": "s3://b/out", "input_tokens": "7",
                       "requestMetadata.who": "ana"}.items():  # fmt: skip
        assert event.attributes[name] == text


@pytest.mark.parametrize("body", [5, "x", [], [1, {"index": "x"}], {"messages": [5, {"role": 5, "content": {}}]},
                                  {"content": [{"toolUse": 5}, {"toolResult": []}, 5]}, {"choices": [5]}])  # fmt: skip
def test_bodies_may_be_anything(body):
    record = invocation([], body, input={"inputBodyJson": body})
    assert events(json.dumps(record).encode())


@pytest.mark.parametrize(
    ("change", "field"),
    [({"timestamp": None}, "timestamp: "), ({"modelId": None, "operation": None}, "modelId: "),
     ({"input": 5}, "input: "), ({"identity": {"arn": 5}}, "identity.arn: ")],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason({**FIRST, **change}, "aws.bedrock-invocation").startswith(field)


def test_a_request_of_too_many_parts_is_one_dead_letter():
    record = invocation([{"role": "user", "content": [{"text": "x"}] * 60_000}] * 2, None)
    assert reason(record, "aws.bedrock-invocation").startswith("input.inputBodyJson: expected at most")


def test_all_vendors_samples_are_accepted():
    found, faults = outcomes(vendor_rows(recognizes), "aws.bedrock-invocation")
    assert [event.action for event in found[:2]] == ["user_message", "answer"]
    assert not faults
