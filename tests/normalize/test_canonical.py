"""whodid's own events."""

import json

import pytest

from pipeline.normalize.canonical_fault import BY_KIND
from pipeline.normalize.stage import process
from schemas.canonical import MODELS
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, turns

ACT = {"kind": "cloud_audit", "time": "2026-01-31T12:00:00Z", "action": "oauth:revoke"}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"revokes": "jti-7"}, {"revokes": "jti-7"}),
        ({"revoked": "jti-7"}, {"revokes": "jti-7"}),
        ({"revoked": "jti-7", "revokes": "jti-8"}, {"revokes": "jti-8"}),
        ({"restores": "jti-7"}, {"restores": "jti-7"}),
        ({}, {}),
    ],
)
def test_an_event_says_what_it_revokes_by_an_attribute(attributes, said):
    assert turns({**ACT, "attributes": attributes}) == said


def test_a_renewal_says_until_when():
    (event,) = events({
        "kind": "token_issuance", "time": "2026-01-31T12:00:00Z", "expires": "2026-01-31T13:00:00Z",
        "attributes": {"renews": "jti-7"},
    })  # fmt: skip
    assert (event.attributes["renews"], event.issued, event.issued_expires) == ("jti-7", "", 1_769_864_400_000_000)


SAID = {"kind": "prompt", "time": "2026-01-31T12:00:00Z"}
TIME = "expected a time in ISO 8601 with its offset, e.g. 2026-01-31T12:00:00Z"


def test_every_kind_has_its_model():
    assert sorted(BY_KIND) == ["cloud_audit", "prompt", "token_issuance", "tool_call"]
    assert set(BY_KIND.values()) == set(MODELS.values())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        # A field that is not there: the nearest, the kind that has it, or the place for anything else.
        ({"tiem": "x"}, "tiem: expected no field of this name in a prompt event; did you mean 'time'? Else"),
        ({"Session": "s"}, "Session: expected no field of this name in a prompt event; did you mean 'session'?"),
        ({"tool": "pay"}, "tool: expected no field of this name in a prompt event; it belongs to kind 'tool_call'"),
        ({"colour": 1}, "colour: expected no field of this name in a prompt event; put it into `attributes`, as text"),
        ({"actor": {"id": "b", "kidn": "agent"}}, "actor.kidn: expected no field of this name in an actor; did you"),
        # A time.
        ({"time": "2026-01-31T12:00:00"}, f"time: {TIME}; this one has no offset, got '2026-01-31T12:00:00'"),
        ({"time": "yesterday"}, f"time: {TIME}, got 'yesterday'"),
        ({"time": None}, f"time: {TIME}"),
        ({"time": "1999-01-01T00:00:00Z"}, "time: expected a time between 2000-01-01 and tomorrow"),
        ({"kind": "token_issuance", "expires": "2027-01-01"}, f"expires: {TIME}; this one has no offset, got '2027"),
        # A kind.
        ({"kind": "prompts"}, "kind: expected one of 'prompt', 'tool_call', 'token_issuance', 'cloud_audit'; did"),
        ({"kind": []}, "kind: expected one of 'prompt', 'tool_call', 'token_issuance', 'cloud_audit', got []"),
        ({"kind": ...}, "kind: expected one of 'prompt', 'tool_call', 'token_issuance', 'cloud_audit', got 'nothing'"),
        # A field that is missing.
        ({"time": ...}, f"time: expected this field, which must be stated: {TIME[9:]}, got ['kind']"),
        ({"kind": "tool_call"}, "tool_call: expected this field, which must be stated: Id that call and result share"),
        ({"kind": "cloud_audit"}, "action: expected this field, which must be stated: `service:Operation`"),
        ({"actor": {"name": "b"}}, "actor.id: expected this field, which must be stated: Stable identifier"),
        # Another type.
        ({"session": 7}, "session: expected text, not a number, got 7"),
        ({"session": True}, "session: expected text, not true or false, got True"),
        ({"text": None}, "text: expected text, not null"),
        ({"actor": "bot"}, 'actor: expected an object, not text, e.g. {"id": "billing-agent", "kind": "agent"}, got'),
        ({"resources": "a"}, "resources: expected a list of texts, not text, got 'a'"),
        ({"resources": [{}]}, "resources.0: expected text, not an object, got {}"),
        ({"attributes": {"prompt": 1}}, "attributes.prompt: expected text, not a number, got 1"),
        ({"attributes": []}, "attributes: expected an object of texts, not a list, got []"),
        # Too much, too little, another word.
        ({"session": "s" * 3000}, "session: expected at most 2048 characters, got 'ssss"),
        ({"event_id": ""}, "event_id: expected at least 1 character, got ''"),
        ({"resources": ["a"] * 65}, "resources: expected at most 64 entries, got 65"),
        ({"on_behalf_of": ["a"] * 33}, "on_behalf_of: expected at most 32 entries, got 33"),
        ({"attributes": {str(at): "" for at in range(65)}}, "attributes: expected at most 64 entries, got 65"),
        ({"outcome": "ok"}, "outcome: expected one of 'success', 'failure' or 'denied', got 'ok'"),
        ({"actor": {"id": "b", "kind": "robot"}}, "actor.kind: expected one of 'human', 'agent', 'service'"),
    ],
)  # fmt: skip
def test_an_error_names_the_field_the_type_and_the_fix(change, reason):
    given = {name: value for name, value in {**SAID, **change}.items() if value is not ...}
    assert reason in refused(json.dumps(given))


def test_many_fields_are_told_by_the_first_that_is_none():
    assert refused(json.dumps({**SAID, "session": "s", **{f"x{at}": 1 for at in range(9000)}})).startswith(
        "x0: expected no"
    )


def test_what_is_no_object_and_what_has_long_names_is_told_briefly():
    assert refused("[7]") == "value: expected a JSON object, not a number, got 7"
    assert len(refused(json.dumps({**SAID, "k" * 5000: 1}))) < 250


def refused(value):
    (one,) = process(Record(value.encode(), "canonical"), CONTEXT)
    assert one.rejected.stage == "normalize"
    return one.rejected.reason
