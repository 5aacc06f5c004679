"""What analysts say of findings, and what is found afterwards."""

import pytest

from pipeline.kit.state import PartitionState
from pipeline.score import drift, history
from pipeline.score.drift import Drift, Session
from pipeline.score.history import Agent
from pipeline.score.past import DAY
from pipeline.score.profile import Profile
from pipeline.score.verdicts import nats
from schemas.alert import Feedback
from tests.score.entries import stage, told
from tests.score.test_misuse import PAST, SERVICE, THEFT


def attack(day: int, **more):
    """Secrets read from a new place, on one day after the twenty of the past."""
    when = f"2026-03-{30 + day}T09:00:00Z" if day < 2 else f"2026-04-{day - 1:02}T09:00:00Z"
    return told({**THEFT, "time": when, "repeat": 30, "every": "2s", **more}, name=f"day {day}")


def said(finding, verdict: str) -> Feedback:
    return Feedback(
        key=finding.key, finding_id=finding.finding_id, detection=finding.detection, session=finding.session,
        time=finding.time, score=finding.score, verdict=verdict,
    )  # fmt: skip


def found_on_the_second_day(verdict: str, *, at_once: bool = True) -> set[str]:
    """Names of detections that find the same attack again, after a verdict on all that was found first."""
    misuse = stage()
    misuse.apply(told(PAST))
    found = {finding.finding_id: finding for finding in misuse.apply(attack(0))}
    assert found
    if at_once and verdict:
        misuse.hear([said(finding, verdict) for finding in found.values()])
    if not at_once:
        # A day of work as ever lies between the attack and the verdict, so the day of the attack has counted.
        misuse.apply(told({**SERVICE, "time": "2026-03-31T09:00:00Z"}, name="between"))
        misuse.hear([said(finding, verdict) for finding in found.values()])
    return {finding.detection for finding in misuse.apply(attack(3))}


def test_without_a_verdict_what_was_found_once_is_less_of_a_surprise_the_next_time():
    assert found_on_the_second_day("") < found_on_the_second_day("true")


@pytest.mark.parametrize("at_once", [True, False])
def test_an_attack_does_not_become_usual_whenever_that_is_said(at_once):
    assert "secrets-harvested" in found_on_the_second_day("true", at_once=at_once)


@pytest.mark.parametrize("verdict", ["false", "benign"])
def test_what_was_harmless_is_usual_at_once(verdict):
    assert "secrets-harvested" not in found_on_the_second_day(verdict)


def test_places_of_an_attack_are_new_again_after_the_verdict():
    misuse = stage()
    misuse.apply(told(PAST))
    found = misuse.apply(attack(0))
    misuse.apply(told({**SERVICE, "time": "2026-03-31T09:00:00Z"}, name="between"))
    (key,) = misuse.state.keys("p/")

    def networks():
        return set(misuse.state.get(key, Profile).facets[0].days)

    assert "203.0.113.0/24" in networks()
    misuse.hear([said(found[-1], "true")])
    assert networks() == {"10.1.0.0/24"}


def test_a_verdict_on_somebody_who_is_forgotten_changes_nothing():
    misuse = stage()
    misuse.hear([Feedback(key="x", finding_id="f", detection="d", session="", time=DAY, score=0.5, verdict="true")])
    assert not misuse.state.keys("p/")


def test_a_score_says_the_suspicion_it_was_made_of():
    assert nats(round(1.0 - 2.0**-7.25, 4)) == pytest.approx(7.25, abs=0.02)
    assert nats(1.0) == 24.0


def agent_feedback(verdict: str, score: float = 0.8) -> Feedback:
    return Feedback(
        key="actor:bot", finding_id="f", detection="tool-chain-drift", session="s1", time=3, score=score,
        verdict=verdict,
    )  # fmt: skip


def agents(session: Session) -> Drift:
    state = PartitionState(drift.STATE_TYPES)
    agent = Agent({}, [], open={}, unexplained={})
    for place in range(3):
        history.note_score(agent, 0.2 * place, place)
    state.put("a/actor:bot", agent)
    state.put("s/s1", session)
    return Drift(state, None, 0.05)


def scores(stage: Drift) -> list[float]:
    return [score for score, _ in stage.state.get("a/actor:bot", Agent).scores]


def test_the_session_of_an_attack_does_not_count_among_an_agents_harmless_ones():
    over = agents(Session([], counted=True))
    over.hear([agent_feedback("true", 0.4)])
    assert scores(over) == [0.0, 0.2]
    over.hear([agent_feedback("benign", 0.4)])
    assert scores(over) == [0.0, 0.2, 0.4]
    over.hear([agent_feedback("benign", 0.4)])
    assert scores(over) == [0.0, 0.2, 0.4], "said twice, it counts once"


def test_of_a_session_that_goes_on_nothing_is_learned():
    stage = agents(Session([]))
    stage.hear([agent_feedback("true")])
    assert stage.state.get("s/s1", Session).barred
    stage.hear([agent_feedback("false")])
    assert not stage.state.get("s/s1", Session).barred
