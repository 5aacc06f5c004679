"""Credential chains of any depth, in any order of arrival."""

import pytest

from pipeline.correlate.route import route
from tests.events import at, call, issuance, prompt, tool
from tests.unpacking import Engine


def current(engine, events, marks=None):
    """The timeline that a list of events gives: the entry of the highest revision of each."""
    rows = {}
    for event in events:
        for entry in engine.feed(route(event)):
            known = rows.get(entry.event.event_id)
            assert known is None or known.revision < entry.revision, "two different rows of one revision"
            rows[entry.event.event_id] = entry
    for entry in engine.end():
        rows[entry.event.event_id] = entry
    return rows


def engine():
    return Engine(grace=5.0, late_window=3600.0, late_limit=2000)


def test_a_call_is_attributed_to_whoever_minted_its_credential():
    rows = current(engine(), [issuance(0, "C1", actor="arn:user/ben"), call(1, "C1", "x")])
    assert rows["call-x"].actor == "arn:user/ben"
    assert rows["call-x"].credential_chain == ["C1"]
    assert rows["call-x"].links[0].method == "credential"
    assert rows["call-x"].links[0].confidence == 1.0
    assert rows["call-x"].links[0].evidence == ["issue-C1-"]
    assert rows["call-x"].unbound == ""


@pytest.mark.parametrize("depth", [1, 2, 5, 12])
def test_role_chains_resolve_to_their_root_whatever_their_depth(depth):
    chain = [issuance(0, "C0", actor="arn:user/ben")]
    chain += [issuance(n, f"C{n}", by=f"C{n - 1}", actor=f"role/C{n - 1}") for n in range(1, depth)]
    for events in ([*chain, call(20, f"C{depth - 1}", "x")], [call(20, f"C{depth - 1}", "x"), *reversed(chain)]):
        row = current(engine(), events)["call-x"]
        assert row.actor == "arn:user/ben"
        assert row.credential_chain == [f"C{n}" for n in reversed(range(depth))]
        assert row.on_behalf_of[-1] == "arn:user/ben"


def test_a_call_waits_for_the_root_of_its_chain_and_is_then_shown_once():
    it = engine()
    it.feed(route(issuance(1, "C1", by="C0", actor="role/C0")))
    assert it.feed(route(call(3, "C1", "x"))) == []
    rows = it.feed(route(issuance(0, "C0", actor="arn:user/ben")))
    assert [row.actor for row in rows if row.event.event_id == "call-x"] == ["arn:user/ben"]


def test_a_root_that_never_comes_is_waited_for_no_longer_than_the_grace():
    it = engine()
    it.feed(route(issuance(1, "C1", by="C0", actor="role/C0")))
    assert it.feed(route(call(3, "C1", "x"))) == []
    assert it.reached(at(7)) == []
    assert [entry.event.event_id for entry in it.reached(at(9))] == ["call-x"]
    # By now it would have come.
    assert [entry.actor for entry in it.feed(route(call(10, "C1", "y")))] == ["role/C0"]


def test_an_unknown_credential_is_shown_by_identity_with_the_reason_when_its_grace_is_over():
    row = current(engine(), [call(0, "aws:AKIA1", "x", actor="arn:user/ben")])["call-x"]
    assert (row.actor, row.links[0].method) == ("arn:user/ben", "identity")
    assert row.unbound == "credential never seen issued: standing key"


def test_an_issuance_that_comes_after_the_grace_revises_what_was_shown():
    it = engine()
    it.feed(route(call(0, "C1", "first")))
    assert it.feed(route(call(0, "C1", "x"))) == []
    shown = it.end()
    assert [entry.unbound for entry in shown] == ["credential never seen issued"]
    revised = {entry.event.event_id: entry for entry in it.feed(route(issuance(0, "C1", actor="arn:user/ben")))}
    assert revised["call-x"].actor == "arn:user/ben"
    assert revised["call-x"].revision > shown[0].revision


def test_a_stated_chain_of_delegates_begins_whom_an_event_is_for():
    stated = {"delegation": '["bot", "gateway", "ana@example.com"]'}
    granted = issuance(0, "C1", actor="arn:user/ben")
    for events in ([granted, call(1, "C1", "x", attributes=stated)], [call(1, "C1", "x", attributes=stated), granted]):
        row = current(engine(), events)["call-x"]
        assert row.on_behalf_of == ["bot", "gateway", "ana@example.com", "role/C1", "arn:user/ben"]
    row = current(engine(), [call(1, "", "y", actor="bot", attributes=stated)])["call-y"]
    assert row.on_behalf_of == ["bot", "gateway", "ana@example.com"]
    row = current(engine(), [call(1, "", "z", actor="bot", attributes={"delegation": "made up"})])["call-z"]
    assert row.on_behalf_of == ["bot"]


def test_what_is_new_is_shown_at_once():
    it = engine()
    (shown,) = it.feed(route(call(0, "C1", "x")))
    assert (shown.event.event_id, shown.unbound) == ("call-x", "credential never seen issued")
    (shown,) = it.feed(route(tool(0, "conv-7", "t")))
    assert (shown.session, shown.unbound) == ("conv-7", "no prompt seen in its session")
    assert it.feed(route(tool(1, "conv-7", "u"))) == []


def test_a_session_name_that_is_an_agents_conversation_makes_the_agent_the_actor():
    story = [
        prompt(0, "conv-7", "p"),
        tool(1, "conv-7", "t"),
        issuance(2, "C1", actor="system:pod", session_name="conv-7"),
        call(3, "C1", "x"),
        tool(4, "conv-7", "t", "end"),
    ]
    for events in (story, list(reversed(story)), story[2:] + story[:2]):
        row = current(engine(), events)["call-x"]
        assert (row.actor, row.human, row.session) == ("invoice-bot", "ana@example.com", "conv-7")
        assert row.prompt_event == "prompt-p"
        assert row.tool_call_event == "tool-t-start"
        methods = {(link.target, link.method) for link in row.links}
        assert ("actor", "session-name") in methods
        assert ("tool_call", "in-flight") in methods


def test_a_standing_key_acts_for_its_own_user_but_names_who_made_it():
    events = [
        issuance(0, "C1", actor="arn:user/eve"),
        issuance(1, "K", by="C1", actor="role/C1"),
    ]
    events[1].issued_kind, events[1].issued_subject = "access-key", "arn:user/backup"
    row = current(engine(), [*events, call(2, "K", "x")])["call-x"]
    assert row.actor == "arn:user/backup"
    assert row.credential_chain == ["K", "C1"]


def test_a_failed_issuance_binds_nothing():
    denied = issuance(0, "C1", actor="arn:user/ben", outcome="denied")
    row = current(engine(), [denied, call(1, "C1", "x")])["call-x"]
    assert row.unbound


def test_copies_of_one_issuance_in_two_accounts_give_the_same_binding_in_either_order():
    rich = issuance(0, "C2", by="C1", actor="role/C1")
    poor = issuance(0, "C2", actor="aws-account")
    root = issuance(-1, "C1", actor="arn:user/ben")
    rows = [current(engine(), order)["call-x"] for order in (
        [root, rich, poor, call(1, "C2", "x")], [call(1, "C2", "x"), poor, rich, root],
    )]  # fmt: skip
    assert rows[0].credential_chain == rows[1].credential_chain == ["C2", "C1"]


def test_a_service_acting_by_itself_is_named_as_the_reason():
    event = call(0, "", "x", actor="ec2.amazonaws.com", actor_kind="service")
    assert (
        current(engine(), [event])["call-x"].unbound == "no credential in the event: a cloud service acting by itself"
    )
