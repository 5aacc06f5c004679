"""Chains of delegates: the current actor first, however they are stated."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.normalize.delegation import chain_of, delegation
from tests.normalize.common import events

NESTED = {"sub": "ana", "act": {"sub": "invoice-agent", "act": {"sub": "planner", "act": {"client_id": "portal"}}}}


def test_nested_act_claims_are_read_from_the_outside():
    assert chain_of(NESTED) == ["invoice-agent", "planner", "portal", "ana"]


def test_a_token_without_act_states_no_delegation():
    assert chain_of({"sub": "ana"}) == []
    assert chain_of({"act": "nonsense"}) == []
    assert delegation(["ana", "", "ana"]) == {}


def test_a_chain_without_an_end_is_cut():
    claims = {"sub": "a"}
    claims["act"] = claims
    assert len(chain_of(claims)) < 64


def test_a_canonical_event_keeps_its_whole_chain():
    record = {"kind": "tool_call", "time": "2026-01-31T09:00:00Z", "tool_call": "c", "actor": {"id": "invoice-agent"},
              "on_behalf_of": ["planner", "ana"]}  # fmt: skip
    (event,) = events(record)
    assert event.human == "ana"
    assert json.loads(event.attributes["delegation"]) == ["invoice-agent", "planner", "ana"]


@given(st.lists(st.text(min_size=1, max_size=400), min_size=2, max_size=60, unique_by=lambda name: name[:256]))
def test_a_long_chain_keeps_its_ends_and_says_that_some_are_missing(names):
    stated = delegation(names)["delegation"]
    chain = json.loads(stated)
    assert (chain[0], chain[-1]) == (names[0][:256], names[-1][:256])
    assert len(chain) == len(names) or "…" in chain
    assert len(stated) <= 2048 or len(chain) <= 3
