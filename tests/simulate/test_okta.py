"""People of the simulated organisation sign in through Okta, and agents act for them with tokens that Okta grants."""

import json
from collections import Counter

import pytest

from pipeline.correlate.route import route
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.simulate import organisation
from schemas.rejected import Record
from tests.unpacking import Engine

CONTEXT = Context(b"0123456789abcdef", fixed_now=organisation.START + 86_400_000_000)


@pytest.fixture(scope="module")
def story():
    """(event, truth) of the people and agents that use Okta, in order of arrival."""
    told = sorted(organisation.tell(seed=3, events=12_000), key=lambda one: one.arrives)
    ours = [one for one in told if one.truths[0].scenario.startswith("okta")]
    found = []
    for one in ours:
        (result,) = process(Record(one.value, one.format, "f", 0, 0), CONTEXT)
        assert result.rejected is None, one.value
        truths = {truth.event_id: truth for truth in one.truths}
        found += [(event, truths[event.event_id]) for event in result.events]
    return found


@pytest.fixture(scope="module")
def rows(story):
    """The timeline's entry of each event, by its id."""
    engine = Engine(grace=60.0, late_window=3600.0, late_limit=2000)
    entries = [entry for event, _ in story for entry in engine.feed(route(event))]
    return {entry.event.event_id: entry for entry in [*entries, *engine.end()]}


def of(story, format_, scenario="okta"):
    return [(event, truth) for event, truth in story if event.format == format_ and truth.scenario == scenario]


def test_a_login_has_a_second_factor_a_start_and_applications_and_some_end(story):
    actions = Counter(event.action for event, _ in of(story, "okta.system-log"))
    started, ended = actions["okta:user.session.start"], actions["okta:user.session.end"]
    assert started > 20
    assert 0 < ended < started
    assert actions["okta:user.authentication.auth_via_mfa"] >= started
    assert actions["okta:user.authentication.sso"] > started
    outcomes = {event.outcome for event, _ in of(story, "okta.system-log")}
    assert outcomes == {"success", "failure", ""}


def test_every_aws_session_of_a_person_follows_that_persons_opening_of_the_application(story):
    opened = {}
    issued = [event for event, _ in of(story, "aws.cloudtrail") if event.issued]
    for event, _ in of(story, "okta.system-log"):
        if event.action == "okta:user.authentication.sso" and any("AppInstance" in one for one in event.resources):
            opened.setdefault(event.human, []).append(event.time)
    assert issued
    for event in issued:
        assert event.session_name == event.human
        assert any(-1e6 <= event.time - time <= 4e6 for time in opened[event.human])
    assert {event.source_identity for event in issued} > {""}


def test_what_a_person_does_in_aws_is_attributed_to_them(story, rows):
    calls = of(story, "aws.cloudtrail")
    assert calls
    for event, truth in calls:
        row = rows[event.event_id]
        assert (row.actor, row.human) == (truth.actor, truth.human)
        assert row.human.endswith("@example.com")
        assert row.credential_chain == truth.credential_chain


def test_logins_are_sessions_of_their_person(story, rows):
    logins = of(story, "okta.system-log") + of(story, "okta.system-log", "okta agent")
    own = [(event, truth) for event, truth in logins if event.actor_kind == "human"]
    assert own
    for event, truth in own:
        row = rows[event.event_id]
        assert (row.actor, row.human, row.session) == (truth.actor, truth.human, truth.session)
    started = Counter(event.session for event, _ in own if event.action == "okta:user.session.start")
    assert set(started.values()) == {1}


def test_what_happened_in_a_login_is_found_to_be_of_it(story, rows):
    logins = {event.session: event.human for event, _ in of(story, "okta.system-log")}
    calls = of(story, "aws.cloudtrail")
    assert all(logins[truth.session] == truth.human for _, truth in calls)
    found = Counter(rows[event.event_id].session in ("", truth.session) for event, truth in calls)
    unclaimed = sum(not rows[event.event_id].session for event, _ in calls)
    # What somebody does who opens AWS out of two logins within seconds is claimed for neither.
    assert found[False] == 0
    assert unclaimed <= 0.1 * len(calls)


def test_an_agent_is_granted_tokens_for_the_person_that_it_then_works_for(story, rows):
    grants = [one for one in of(story, "okta.system-log", "okta agent") if one[0].actor_kind == "agent"]
    assert {event.action for event, _ in grants} == {
        "okta:app.oauth2.token.grant.id_jag", "okta:app.oauth2.token.grant.access_token",
    }  # fmt: skip
    worked = {(truth.actor, truth.human) for _, truth in story if truth.kind == "tool_call"}
    for event, truth in grants:
        row = rows[event.event_id]
        assert (row.actor, row.human) == (truth.actor, truth.human)
        assert json.loads(event.attributes["delegation"]) == [truth.actor, truth.human]
        assert event.issued.startswith("okta:")
    assert worked <= {(truth.actor, truth.human) for _, truth in grants} | {
        (truth.actor, truth.human) for _, truth in story if truth.actor.startswith("helper")
    }


def test_a_token_is_paid_for_by_one_that_was_granted_before(story):
    granted = {event.issued: event.time for event, _ in story if event.format == "okta.system-log" and event.issued}
    paid = [one for one in of(story, "okta.system-log", "okta agent") if one[1].credential_chain]
    assert paid
    for event, truth in paid:
        assert all(granted[token] < event.time for token in truth.credential_chain)
