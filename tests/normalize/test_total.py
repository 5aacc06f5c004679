"""For any bytes: events, nothing with a reason, or exactly one Rejected; never an exception, never a hang."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kit.failures import Invalid
from pipeline.normalize import stage
from pipeline.normalize.formats import FORMATS
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize import test_azure_monitor as azure
from tests.normalize import test_gcp_audit as gcp
from tests.normalize import test_github_audit as github
from tests.normalize import test_kubernetes_audit as kubernetes
from tests.normalize import test_okta_system_log as okta
from tests.normalize import test_policy_decisions as decisions
from tests.normalize import test_vault_audit as vault
from tests.normalize import total
from tests.normalize.common import CONTEXT, events, example
from tests.normalize.test_agents import TOOL, line, span
from tests.normalize.test_aws_cloudtrail import ASSUME, CALL

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
    ["", "2026-01-31T09:00:00Z", "user", "tool_use", "tools/call", "execute_tool", "user_message", "prompt"]
)  # fmt: skip
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
REAL = {
    "aws.cloudtrail": [CALL, ASSUME, {"Records": [CALL]}],
    "otel.genai": [span(TOOL), span({"gen_ai.system": "x", "gen_ai.prompt": "y"})],
    "mcp": [{"timestamp": 1769850004, "message": {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
             "params": {"name": "a", "arguments": {"b": [1]}}}},
            {"timestamp": 1769850004, "message": {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"text": "x"}]}}}],
    "claude-code": [line("user", "x"), line("assistant", [{"type": "tool_use", "id": "t", "name": "B", "input": {}}]),
                    line("progress", None, data={"type": "agent_progress", "agentId": "a"})],
    "langfuse": [{"trace": {"id": "t", "timestamp": "2026-01-31T09:00:00Z", "input": "x"}, "observations": [
        {"id": "o", "type": "TOOL", "startTime": "2026-01-31T09:00:00Z", "input": {"a": 1}}]}],
    "kubernetes.audit": [kubernetes.REQUEST, kubernetes.ISSUE, kubernetes.EXEC, kubernetes.AZURE],
    "vault.audit": [vault.READ, vault.LOGIN, vault.AWS, vault.RAW],
    "okta.system-log": [okta.LOGIN, okta.GRANT, okta.POLICY, okta.HOOK],
    "github.audit": [github.CLONE, github.AGENT, github.REJECTED],
    "gcp.audit": [gcp.GET, gcp.NEW_KEY, gcp.GENERATE, gcp.EXCHANGE],
    "opa.decision": [decisions.OPA, decisions.asked(token={"payload": decisions.CHAIN})],
    "cedar.decision": [decisions.CEDAR],
    "azure.monitor": [azure.ACTIVITY, azure.SIGN_IN, azure.ADDED, azure.AGENT, azure.BLOB],
    "canonical": [{"kind": "tool_call", "time": "2026-01-31T09:00:00Z", "tool_call": "c", "arguments": {"a": [1]}}],
}  # fmt: skip

for known in FORMATS:
    REAL[known] = [*REAL.get(known, []), *example(known)]


def holds(value, name):
    total.holds(process(Record(value, name, "t", 1, 2), CONTEXT))


@settings(max_examples=300, deadline=None)
@given(documents, st.sampled_from(["", *FORMATS, "nonsense"]))
def test_any_json_is_normalized_or_rejected(document, name):
    holds(json.dumps(document).encode(), name)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["", *FORMATS]))
def test_any_bytes_are_normalized_or_rejected(value, name):
    holds(value, name)


def paths(document, at=()):
    yield at
    if isinstance(document, dict):
        for key, inner in document.items():
            yield from paths(inner, (*at, key))
    elif isinstance(document, list):
        for number, inner in enumerate(document):
            yield from paths(inner, (*at, number))


def changed(document, at, value):
    if not at:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[at[0]] = changed(document[at[0]], at[1:], value)
    return copy


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_real_records_with_any_part_replaced_are_normalized_or_rejected(data):
    name = data.draw(st.sampled_from(sorted(REAL)))
    document = data.draw(st.sampled_from(REAL[name]))
    at = data.draw(st.sampled_from(list(paths(document))))
    holds(json.dumps(changed(document, at, data.draw(documents))).encode(), data.draw(st.sampled_from(["", name])))


@pytest.mark.parametrize("name", sorted(REAL))
def test_unmutated_records_are_accepted_and_recognised(name):
    for document in REAL[name]:
        for given_name in ("", name):
            for one in process(Record(json.dumps(document).encode(), given_name), CONTEXT):
                assert one.rejected is None
                assert all(event.format == name for event in one.events)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b"", "value"), (b"{", "value"), (b"7", "value"), (b'{"a": NaN}', "value"), (b'{"a": "\\ud800"}', "value"),
        (b'{"a": "\xff"}', "value"), (b"[" * 100_000, "value"), (b'{"a":' * 5000 + b"1" + b"}" * 5000, "value"),
        (b'{"a": "' + b"x" * 17_000_000 + b'"}', "value"), (b'{"strange": 1}', "format"),
    ],
    ids=lambda value: repr(value)[:16],
)  # fmt: skip
def test_poison_is_rejected_with_the_field_at_fault(value, field):
    (one,) = process(Record(value), CONTEXT)
    assert one.rejected.reason.startswith(field + ": ")
    assert one.rejected.value == value


def test_one_bad_record_of_an_envelope_costs_the_others_nothing():
    envelope = {"Records": [CALL, {**CALL, "eventTime": 1}, ASSUME]}
    good, bad, other = process(Record(json.dumps(envelope).encode()), CONTEXT)
    assert good.events
    assert other.events
    assert bad.rejected.reason.startswith("eventTime: ")
    assert json.loads(bad.rejected.value)["eventTime"] == 1


def test_a_bug_costs_one_record_and_has_a_stage_of_its_own(monkeypatch):
    def broken(_value, _context):
        raise ZeroDivisionError("oops")

    form = FORMATS["aws.cloudtrail"]
    replaced = type(form)(form.source, form.recognizes, form.split, broken, form.conceals)
    monkeypatch.setitem(FORMATS, "aws.cloudtrail", replaced)
    (one,) = process(Record(json.dumps(CALL).encode(), "aws.cloudtrail"), CONTEXT)
    assert (one.rejected.stage, one.rejected.reason) == (stage.BUG, "bug: ZeroDivisionError: oops")


def test_a_large_hostile_record_takes_no_longer_than_its_size_warrants():
    started = time.monotonic()
    for name in REAL:
        holds(json.dumps({"kind": "prompt", "time": "2026-01-31T09:00:00Z", "text": "a:/" * 300_000}).encode(), name)
    assert time.monotonic() - started < 20, "quadratic somewhere"


@pytest.mark.parametrize("levels", [64, 65, 500, 960, 990, 5000])
@pytest.mark.parametrize("opening", ["[", '{"messages":', '{"a":'])
def test_json_inside_a_text_may_be_nested_as_deeply_as_it_likes(opening, levels):
    text = opening * levels + "1" + ("]" if opening == "[" else "}") * levels
    holds(json.dumps(span({**TOOL, "gen_ai.tool.call.arguments": text, "gen_ai.tool.call.result": text})).encode(), "")
    holds(json.dumps(span({"gen_ai.system": "x", "gen_ai.prompt": text, "gen_ai.completion": text})).encode(), "")
    trace = {"id": "t", "timestamp": "2026-01-31T09:00:00Z", "input": text}
    tool = {"id": "o", "type": "TOOL", "startTime": "2026-01-31T09:00:00Z", "input": text, "output": text}
    holds(json.dumps({"trace": trace, "observations": [tool]}).encode(), "")


@pytest.mark.parametrize("number", ["9" * 5000, "--5", "-", "", "1e5", "٣", 2**62, 1.5, None, []])
def test_a_span_may_carry_any_number(number):
    found = span(TOOL)
    found["span"]["attributes"].append({"key": "gen_ai.usage.input_tokens", "value": {"intValue": number}})
    assert events(found)


@pytest.mark.parametrize(
    ("value", "name", "field"),
    [
        (b"[" + b"1," * 150_000 + b"1]", "mcp", "value"),
        (json.dumps(line("user", [1] * 150_000)).encode(), "claude-code", "message.content"),
        (json.dumps({"trace": {"id": "t"}, "observations": [1] * 150_000}).encode(), "langfuse", "observations"),
        (json.dumps({"resourceSpans": [{"resource": {"x": "y" * 500_000}, "scopeSpans": [{"spans": [{}] * 1000}]}]})
         .encode(), "otel.genai", "resourceSpans"),
    ],
    ids=["array", "blocks", "observations", "resource"],
)  # fmt: skip
def test_a_message_that_would_grow_without_bound_is_one_dead_letter(value, name, field):
    (one,) = process(Record(value, name), CONTEXT)
    assert one.rejected.reason.startswith(field + ": expected at most ")


def test_no_field_of_an_event_is_long_and_what_is_cut_stays_different():
    long = "x" * 100_000
    names = {"session.id": long, "gen_ai.agent.id": long, "user.id": long, "gen_ai.tool.name": long}
    (one,), (other,) = events(span({**TOOL, **names})), events(span({**TOOL, **names, "session.id": long + "y"}))
    for text in (one.session, one.actor, one.human, one.tool, one.action):
        assert len(text) <= 2048
    assert one.session != other.session


def test_failures_name_the_field_and_shorten_what_they_show():
    assert str(Invalid("a.b", "a number", "x" * 500)).startswith("a.b: expected a number, got 'xxx")
    assert len(str(Invalid("a.b", "a number", "x" * 500))) < 120
