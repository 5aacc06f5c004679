"""How much of what was said is kept: all, all but personal data, or hashes; however personal data are written."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.normalize.content import Modes
from pipeline.normalize.personal import mask_personal
from pipeline.normalize.stage import context_of, process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT

SAID = "Pay ana@example.com (+49 30 1234567) from DE02 1203 0000 0000 2020 51 with 4111 1111 1111 1111"
PROMPT = {
    "kind": "prompt", "time": "2026-01-31T09:00:00Z", "session": "s-1", "text": SAID, "human": "ana@example.com",
    "actor": {"id": "pay-bot", "kind": "agent"}, "attributes": {"note": "to ana@example.com"},
}  # fmt: skip
CALL = {
    "kind": "tool_call", "time": "2026-01-31T09:00:01Z", "session": "s-1", "tool": "pay", "tool_call": "c-1",
    "arguments": {"to": "ana@example.com", "amount": 120}, "text": f"failed: {SAID}", "outcome": "failure",
    "error": SAID,
}  # fmt: skip


def kept(document, content, name=""):
    context = dataclasses.replace(CONTEXT, content=content)
    (one,) = process(Record(json.dumps(document).encode(), name), context)
    assert one.rejected is None
    return one.events[0], one.record.value


def test_full_keeps_what_was_said():
    event, record = kept(PROMPT, "full")
    assert event.text == SAID
    assert json.loads(record) == PROMPT


def test_masked_keeps_no_personal_data_but_who_acted():
    for document in (PROMPT, CALL):
        event, record = kept(document, "masked")
        for told in ("ana@example.com", "1234567", "2020", "4111"):
            assert told not in event.text + event.error + str(event.arguments) + str(event.attributes)
            assert told.encode() not in record
        json.loads(record)
    event, _ = kept(PROMPT, "masked")
    assert event.human == "ana@example.com"
    assert event.text.startswith("Pay <personal:email:")


def test_hash_keeps_no_text_and_no_record_but_shows_what_came_again():
    event, record = kept(CALL, "hash")
    again, _ = kept({**CALL, "time": "2026-01-31T10:00:00Z"}, "hash")
    other, _ = kept({**CALL, "text": "other"}, "hash")
    assert event.text.startswith("<content:")
    assert event.text == again.text != other.text
    assert [one.path for one in event.arguments] == ["to", "amount"]
    assert all(one.value.startswith("<content:") for one in event.arguments)
    assert event.error.startswith("<content:")
    assert set(json.loads(record)) == {"content", "bytes"}
    assert event.tool == "pay"


def test_where_an_argument_came_from_is_found_in_every_mode():
    for content in ("full", "masked", "hash"):
        prompt, _ = kept(PROMPT, content)
        call, _ = kept(CALL, content)
        assert call.argument_tokens[0][1] in prompt.tokens


def test_each_source_has_its_mode():
    assert kept(PROMPT, "hash; canonical=full")[0].text == SAID
    assert kept(PROMPT, "canon*=hash")[0].text.startswith("<content:")
    assert kept(PROMPT, "mcp=hash")[0].text == SAID


@pytest.mark.parametrize(
    ("stated", "said"),
    [("some", "full, masked or hash"), ("mcp=none", "full, masked or hash"), ("mpc=hash", "a format (")],
)
def test_a_mode_that_cannot_be_understood_is_refused_at_the_start(stated, said):
    with pytest.raises(Invalid) as refused:
        context_of(Settings(content=stated, hash_key="0123456789abcdef"))
    assert refused.value.field == "WHODID_CONTENT"
    assert said in str(refused.value)


def test_of_two_modes_for_one_format_the_later_one_holds():
    assert Modes("aws.*=hash; aws.cloudtrail=masked", ["aws.cloudtrail", "mcp"]).of("aws.cloudtrail") == "masked"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ana@example.com", "Ana@Example.com"), ("DE02 1203 0000 0000 2020 51", "DE02120300000000202051"),
        ("4111 1111 1111 1111", "4111-1111-1111-1111"), ("+49 30 1234567", "+49 (30) 123-4567"),
    ],
)  # fmt: skip
def test_personal_data_are_the_same_however_they_are_written(one, other):
    masked = mask_personal(f"it is {one}.", CONTEXT)
    assert one not in masked
    assert masked == mask_personal(f"it is {other}.", CONTEXT)


@pytest.mark.parametrize("text", [
    "order 4111 1111 1111 1112", "DE03 1203 0000 0000 2020 51", "2026-01-31T09:00:00Z",
    "arn:aws:iam::123456789012:role/x",    "i-0123456789abcdef0", "7f3a4c1d-0a1b-4cef-9c3d-1d2e3f405162", "+1", "@here",
])  # fmt: skip
def test_what_only_looks_like_personal_data_stays(text):
    assert mask_personal(text, CONTEXT) == text


@given(st.text(alphabet="0123456789 +-@.aDE/", max_size=200))
def test_masking_personal_data_again_changes_nothing(text):
    once = mask_personal(text, CONTEXT)
    assert mask_personal(once, CONTEXT) == once
