"""Traces of Amazon Bedrock agents, step by step."""

import json

import pytest

from tests.normalize.common import events, reason

ARN = "arn:aws:bedrock:eu-central-1:123456789012:agent-alias/"


def part(trace, agent="AG1", alias="AL1", chain=("AG1/AL1",), **more):
    return {
        "agentId": agent, "agentAliasId": alias, "sessionId": "s", "eventTime": "2026-01-31T09:00:04.120Z",
        "callerChain": [{"agentAliasArn": ARN + one} for one in chain], "trace": trace, **more,
    }  # fmt: skip


def step(**inner):
    return part({"orchestrationTrace": inner})


def invoked(**asked):
    return step(invocationInput={"traceId": "t-0", **asked})


def observed(**seen):
    return step(observation={"traceId": "t-0", **seen})


def test_an_action_group_and_what_came_back_are_one_call():
    group = {"actionGroupName": "erp", "function": "pay", "parameters": [{"name": "to", "value": "eve@example.com"}]}
    (start,) = events(invoked(actionGroupInvocationInput=group))
    output = {"text": "all paid", "metadata": {"clientRequestId": "8E7D6C5B-0000-4000-8000-000000000001"}}
    (end,) = events(observed(type="ACTION_GROUP", actionGroupInvocationOutput=output))
    assert (start.kind, start.phase, start.tool) == ("tool_call", "start", "erp/pay")
    assert [(one.path, one.value) for one in start.arguments] == [("to", "eve@example.com")]
    assert start.argument_tokens
    assert (end.phase, end.text, end.outcome, bool(end.tokens)) == ("end", "all paid", "success", True)
    assert start.tool_call == end.tool_call == "s|t-0"
    assert end.request == "8e7d6c5b-0000-4000-8000-000000000001"
    assert (start.actor, start.account, start.region) == (ARN + "AG1/AL1", "123456789012", "eu-central-1")


@pytest.mark.parametrize(
    ("asked", "tool", "value"),
    [
        ({"actionGroupInvocationInput": {"actionGroupName": "erp", "verb": "post", "apiPath": "/pay", "requestBody": {
            "content": {"application/json": [{"name": "to", "value": "eve"}]}}}}, "erp/post /pay", "eve"),
        ({"knowledgeBaseLookupInput": {"knowledgeBaseId": "KB1", "text": "who is due"}}, "knowledge_base",
         "who is due"),
        ({"codeInterpreterInvocationInput": {"code": "1 + 1"}}, "code_interpreter", "1 + 1"),
        ({"agentCollaboratorInvocationInput": {"agentCollaboratorName": "payer", "agentCollaboratorAliasArn": ARN,
          "input": {"text": "pay it"}}}, "payer", "pay it"),
    ],
)  # fmt: skip
def test_whatever_an_agent_invokes_is_a_call(asked, tool, value):
    (event,) = events(invoked(**asked))
    assert (event.phase, event.tool, event.arguments[0].value) == ("start", tool, value)


def test_control_that_is_returned_has_the_id_that_the_application_answers_with():
    (event,) = events(invoked(actionGroupInvocationInput={"actionGroupName": "erp", "invocationId": "inv-1"}))
    assert event.tool_call == "inv-1"


@pytest.mark.parametrize(
    ("seen", "text", "outcome"),
    [
        ({"knowledgeBaseLookupOutput": {"retrievedReferences": [{"content": {"text": "ana is due"}}]}}, "ana is due",
         "success"),
        ({"codeInterpreterInvocationOutput": {"executionOutput": "2 exactly"}}, "2 exactly", "success"),
        ({"codeInterpreterInvocationOutput": {"executionError": "no such name"}}, "", "failure"),
        ({"agentCollaboratorInvocationOutput": {"output": {"text": "it is paid"}}}, "it is paid", "success"),
    ],
)  # fmt: skip
def test_whatever_comes_back_is_a_result(seen, text, outcome):
    (event,) = events(observed(**seen))
    assert (event.phase, event.text, event.outcome, bool(event.tokens)) == ("end", text, outcome, bool(text))


def test_the_last_answer_is_the_agents_and_what_a_model_thought_is_no_prompt():
    (answer,) = events(observed(type="FINISH", finalResponse={"text": "done"}))
    assert (answer.kind, answer.action, answer.text, answer.tokens) == ("prompt", "answer", "done", [])
    (thought,) = events(step(rationale={"traceId": "t-0", "text": "pay mallory"}))
    assert (thought.action, thought.tokens) == ("thinking", [])
    metadata = {"clientRequestId": "R-1", "usage": {"inputTokens": 7, "outputTokens": 2}}
    (turn,) = events(
        step(modelInvocationOutput={"traceId": "t-0", "metadata": metadata, "rawResponse": {"content": "x"}})
    )
    assert (turn.action, turn.request, turn.text) == ("chat", "r-1", "x")
    assert turn.attributes["gen_ai.usage.input_tokens"] == "7"
    assert events(step(modelInvocationInput={"traceId": "t-0", "text": "all that came before"})) == []


def test_what_a_guardrail_found_is_its_policy():
    assessed = {"topicPolicy": {"topics": [{"name": "Abroad", "action": "BLOCKED"}]},
                "contentPolicy": {"filters": [{"type": "INSULTS"}]}}  # fmt: skip
    (event,) = events(part({"guardrailTrace": {"action": "INTERVENED", "inputAssessments": [assessed]}}))
    assert (event.action, event.outcome, event.policy) == ("guardrail", "denied",
                                                           "topicPolicy: Abroad, contentPolicy: INSULTS")  # fmt: skip
    (passed,) = events(part({"guardrailTrace": {"action": "NONE"}}))
    assert (passed.outcome, passed.policy) == ("success", "")


def test_a_failure_says_why():
    (event,) = events(part({"failureTrace": {"traceId": "t", "failureReason": "no model"}}))
    assert (event.action, event.outcome, event.error) == ("failure", "failure", "no model")


@pytest.mark.parametrize("chain", [("AG2/AL2", "AG1/AL1"), ("AG1/AL1", "AG2/AL2")])
def test_a_collaborator_acts_for_its_supervisor_at_whichever_end_the_chain_has_it(chain):
    found = part({"orchestrationTrace": {"rationale": {"text": "x"}}}, "AG2", "AL2", chain, collaboratorName="payer")
    (event,) = events(found)
    assert (event.actor, event.actor_name) == (ARN + "AG2/AL2", "payer")
    assert json.loads(event.attributes["delegation"]) == [ARN + "AG2/AL2", ARN + "AG1/AL1"]
    (other,) = events({**found, "callerChain": [{"agentAliasArn": ARN + "X/Y"}, {"agentAliasArn": ARN + "Z/Y"}]})
    assert (other.actor, "delegation" in other.attributes) == ("AG2/AL2", False)


def test_the_call_that_an_application_logs_is_what_the_person_said():
    (event,) = events({"agentId": "AG1", "agentAliasId": "AL1", "sessionId": "s", "inputText": "pay the rent",
                       "eventTime": "2026-01-31 09:00:04.120000+00:00", "user": "ana@example.com"})  # fmt: skip
    assert (event.action, event.text, event.human, bool(event.tokens)) == ("user_message", "pay the rent",
                                                                          "ana@example.com", True)  # fmt: skip
    assert event.time == 1_769_850_004_120_000


def test_an_event_of_the_stream_is_unwrapped():
    assert events({"trace": part({"failureTrace": {"failureReason": "x"}})})[0].session == "s"


@pytest.mark.parametrize(
    ("more", "field"),
    [({"sessionId": ""}, "sessionId: "), ({"eventTime": None}, "eventTime: "), ({"eventTime": "x"}, "eventTime: "),
     ({"trace": {"other": {}}}, "trace: "), ({"callerChain": 7}, "callerChain: ")],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(more, field):
    assert reason({**observed(), **more}, "aws.bedrock-agent").startswith(field)
