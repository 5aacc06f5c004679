import random
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alert.file import Alerts
from pipeline.alert.kept import STATE_TYPES
from pipeline.alert.mitre import TACTICS
from pipeline.alert.stage import Alerting
from pipeline.kit.state import PartitionState, packed, unpacked
from schemas.finding import Tactic
from tests.alert.findings import HOUR, START, Seen, decision, finding, one_alert, stage


def test_an_alert_reads_as_who_did_what_for_whom_with_which_token_under_which_policy():
    alert = one_alert(stage().apply([finding("f1")]))
    assert alert.sentence == (
        "invoice-bot (agent), for ana@example.com, did bedrock:InvokeModel with aws:AKIAEXAMPLE, under "
        "arn:aws:iam::aws:policy/Bedrock: 1 finding of llmjacking, at 2026-03-02 09:00:00 UTC."
    )
    assert (alert.unusual, alert.runbook) == (["What f1 found is unusual."], ["Revoke it first."])
    assert (alert.entries, alert.stage, alert.severity) == (["f1-entry"], "impact", "medium")


def test_what_no_source_says_is_said_to_be_unknown():
    alert = one_alert(stage().apply([finding("f1", actor="", human="", credential="", policy="", action="")]))
    assert alert.sentence.startswith(
        "Somebody whom no source names (agent), acted with a token and under a policy that no source names:"
    )


def test_findings_of_one_attack_are_one_alert_that_is_revised():
    alerting = stage()
    first = one_alert(alerting.apply([finding("f1")]))
    second = one_alert(alerting.apply([finding("f2", 3, detection="model-probed", tactic="discovery")]))
    assert (second.alert_id, second.revision, second.news, second.quiet) == (first.alert_id, 1, "updated", False)
    assert second.detections == {"llmjacking": 1, "model-probed": 1}
    assert second.stage == "impact", "the furthest that the attack came"


def test_the_same_finding_again_tells_nothing():
    alerting = stage()
    alerting.apply([finding("f1")])
    assert not alerting.apply([finding("f1"), finding("f1")]).alerts


@pytest.mark.parametrize("other", [{"actor": "b"}, {"session": "s2"}, {"family": "token"}])
def test_another_actor_session_or_family_is_another_alert(other):
    told = stage().apply([finding("f1"), finding("f2", 1, **other)])
    assert len(told.alerts) == 2
    assert len({alert.fingerprint for alert in told.alerts}) == 2


def test_after_a_long_silence_another_alert_begins_with_the_same_fingerprint():
    told = stage().apply([finding("f1"), finding("f2", 6 * 60 + 1)])
    assert len(told.alerts) == 2
    assert len({alert.fingerprint for alert in told.alerts}) == 1


def test_a_finding_that_comes_late_joins_two_alerts_and_the_later_one_is_closed_as_part_of_the_earlier():
    alerting = stage()
    seen = Seen()
    seen.add(alerting.apply([finding("f1"), finding("f3", 10 * 60)]))
    seen.add(alerting.apply([finding("f2", 5 * 60)]))
    (whole,) = seen.live
    assert whole.count == 3
    (part,) = [one for one in seen.current.values() if one.state == "closed"]
    assert part.part_of == whole.alert_id
    assert (part.news, part.quiet) == ("closed", False), "whoever was told of it is told that it is over"


def test_what_was_found_is_taken_back_and_the_alert_with_it():
    alerting = stage()
    seen = Seen()
    seen.add(alerting.apply([finding("f1")]))
    seen.add(alerting.apply([finding("f1", revision=1, retracted=True)]))
    assert not seen.live
    seen.add(alerting.apply([finding("f1", revision=2)]))
    assert len(seen.live) == 1


def test_a_finding_whose_revision_is_of_somebody_else_moves():
    seen = Seen()
    alerting = stage()
    seen.add(alerting.apply([finding("f1", actor="")]))
    seen.add(alerting.apply([finding("f1", revision=1, actor="ana")]))
    seen.add(alerting.apply([finding("f1", actor="")]))
    (alert,) = seen.live
    assert (alert.actor, alert.count) == ("ana", 1)


def test_what_is_suppressed_is_kept_apart_and_tells_nobody():
    seen = Seen()
    seen.add(stage().apply([finding("f1"), finding("f2", 1, suppressed="the scanner (until 2026-12-31, by ana)")]))
    assert sorted(bool(one.suppressed) for one in seen.current.values()) == [False, True]
    assert [one.count for one in seen.loud] == [1]


def test_severity_is_likelihood_and_how_sensitive_the_asset_is():
    file = {"assets": [
        {"resource": "arn:aws:s3:::payroll*", "sensitivity": "critical"},
        {"account": "111122223333", "sensitivity": "low"},
    ]}  # fmt: skip

    def severity(*found) -> str:
        return one_alert(stage(file).apply(found)).severity

    assert severity(finding("f1")) == "medium"
    assert severity(finding("f1", resources=["arn:aws:s3:::payroll/1"])) == "critical"
    assert severity(finding("f1", account="111122223333")) == "low"
    several = [finding(name, detection=name) for name in ("a", "b", "c")]
    assert severity(*several) == "high", "three detections agree"
    assert severity(*(finding(f"f{n}") for n in range(100))) == "medium", "one detection, a hundred times"


MINUTES = st.integers(min_value=0, max_value=40 * 60)
FINDINGS = st.lists(
    st.builds(
        lambda name, minutes, actor, severity, revision, gone: finding(
            f"f{name}", minutes, actor=actor, severity=severity, revision=revision, retracted=gone,
            sentence=f"{name} {revision}",
        ),
        st.integers(0, 12), MINUTES, st.sampled_from("ab"), st.sampled_from(["low", "medium", "high"]),
        st.integers(0, 2), st.booleans(),
    ),
    max_size=30, unique_by=lambda one: (one.finding_id, one.revision),
)  # fmt: skip


def _content(seen: Seen) -> list:
    """What alerts say, without what depends on when it was said."""
    same = {"revision": 0, "quiet": False, "news": "", "changes": [], "at": 0}
    return sorted((msgspec.structs.replace(one, **same) for one in seen.live), key=lambda one: one.alert_id)


def _taken(batches) -> Seen:
    seen, alerting = Seen(), stage({"storm": 10_000})
    for batch in batches:
        seen.add(alerting.apply(batch))
    return seen


@settings(max_examples=300, deadline=None)
@given(FINDINGS, st.randoms(use_true_random=False), st.integers(1, 7))
def test_order_repetition_and_batches_change_no_alert(found, chance: random.Random, size):
    shuffled = found + [one for one in found if chance.random() < 0.5]
    chance.shuffle(shuffled)
    batches = [shuffled[place : place + size] for place in range(0, len(shuffled), size)]
    assert _content(_taken(batches)) == _content(_taken([[one] for one in found]))


@settings(max_examples=100, deadline=None)
@given(FINDINGS, st.integers(0, 30))
def test_a_restart_from_a_checkpoint_changes_nothing(found, place):
    state = PartitionState(STATE_TYPES)
    alerting = stage({"storm": 2}, state)
    before = [alerting.apply([one]) for one in found[:place]]
    segments = [unpacked(packed(segment)) for segment in state.checkpoint()[0]]
    recovered = PartitionState(STATE_TYPES)
    recovered.load(segments)
    again = stage({"storm": 2}, recovered)
    after = [again.apply([one]) for one in found[place:]]
    straight = stage({"storm": 2})
    assert [told.alerts for told in before + after] == [straight.apply([one]).alerts for one in found]


def test_a_storm_of_100_000_findings_is_told_as_a_few_dozen_alerts():
    chance = random.Random(5)
    seen, alerting = Seen(), stage()
    severities, families = ["low", "medium", "high", "critical"], ["cadence", "token", "identity", "llm", "cloud"]
    for batch in range(400):
        seen.add(alerting.apply([
            finding(f"f{batch}-{n}", chance.random(), actor=f"actor-{chance.randrange(90_000)}",
                    severity=chance.choice(severities), family=chance.choice(families), session="",
                    detection=f"detection-{chance.randrange(30)}")
            for n in range(250)
        ]))  # fmt: skip
    told = {one.alert_id for one in seen.loud}
    assert len(told) <= 60
    hidden = [one for one in seen.current.values() if one.part_of]
    assert len(hidden) > 50_000
    assert {one.part_of for one in hidden} <= told, "what is not told for itself is part of what is"
    # Whoever gets worse is part of one storm after the other, so a storm may have counted more than are its part now.
    assert sum(one.count for one in seen.current.values() if one.storm) >= len(hidden)


def test_nothing_critical_is_hidden_by_a_storm_of_what_is_low():
    alerting, seen = stage(), Seen()
    seen.add(alerting.apply([finding(f"f{n}", actor=f"a{n}", severity="low") for n in range(1000)]))
    seen.add(alerting.apply([finding("real", actor="thief", severity="critical")]))
    assert seen.loud[-1].actor == "thief"
    seen.add(alerting.apply([finding("other", actor="other", severity="low", family="token", detection="x")]))
    assert seen.loud[-1].actor == "other", "the first of its family"


def test_analysts_acknowledge_close_and_reopen():
    alerting = stage()
    alert = one_alert(alerting.apply([finding("f1")]))
    taken = one_alert(alerting.apply([], [decision(alert.alert_id, "acknowledge")]))
    assert (taken.state, taken.news, taken.revision) == ("acknowledged", "acknowledged", 1)
    told = alerting.apply([], [decision(alert.alert_id, "close", verdict="benign", reason="the new report")])
    closed = one_alert(told)
    assert (closed.state, closed.verdict, closed.news) == ("closed", "benign", "closed")
    assert [(one.what, one.by, one.reason) for one in closed.changes] == [
        ("acknowledge", "ana", ""), ("close", "ana", "the new report"),
    ]  # fmt: skip
    (feedback,) = told.feedback
    assert (feedback.key, feedback.detection, feedback.verdict) == ("invoice-bot", "llmjacking", "benign")
    again = one_alert(alerting.apply([], [decision(alert.alert_id, "reopen")]))
    assert (again.state, again.verdict) == ("open", "")


def test_a_decision_that_comes_twice_is_taken_once():
    alerting = stage()
    alert = one_alert(alerting.apply([finding("f1")]))
    note = decision(alert.alert_id, "note", reason="looked at it")
    assert one_alert(alerting.apply([], [note])).changes
    assert not alerting.apply([], [note]).alerts


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"what": "close"}, "verdict: expected one of true, false, benign to close an alert, got ''"),
        ({"what": "note"}, "reason: expected some words to note"),
        ({"what": "delete"}, "what: expected one of acknowledge, close"),
        ({"what": "acknowledge", "by": " "}, "by: expected the name of who decides"),
    ],
)
def test_a_decision_that_cannot_be_taken_says_why(wrong, says):
    alerting = stage()
    alert = one_alert(alerting.apply([finding("f1")]))
    told = alerting.apply([], [decision(alert.alert_id, **wrong)])
    ((_, reason),) = told.refused
    assert reason.startswith(says)
    ((_, reason),) = alerting.apply([], [decision("nothing", "acknowledge")]).refused
    assert reason == "about: no such alert or response"


def test_a_closed_alert_is_reopened_only_by_something_new():
    alerting = stage()
    alert = one_alert(alerting.apply([finding("f1")]))
    alerting.apply([], [decision(alert.alert_id, "close", verdict="false")])
    more = one_alert(alerting.apply([finding("f2", 1)]))
    assert more.state == "closed"
    worse = one_alert(alerting.apply([finding("f3", 2, detection="secrets-harvested", severity="high")]))
    assert (worse.state, worse.verdict, worse.changes[-1].what) == ("open", "", "reopen")
    assert worse.changes[-1].by == "whodid"


def test_what_is_forgotten_can_still_be_decided_about():
    alerting = stage()
    alert = one_alert(alerting.apply([finding("old")]))
    alerting.apply([finding("new", 40 * 24 * 60, actor="else")])
    assert not [key for key in alerting.state.keys("g/") if "old" in str(alerting.state.peek(key))]
    given_alert = decision(alert.alert_id, "close", verdict="true", alert=alert)
    assert one_alert(alerting.apply([], [given_alert])).state == "closed"


def test_a_storm_is_closed_like_any_alert():
    alerting = stage({"storm": 1})
    told = alerting.apply([finding(f"f{n}", actor=f"a{n}") for n in range(5)])
    (storm,) = [one for one in told.alerts if one.storm]
    assert "4 more medium alerts" in storm.sentence
    closed = one_alert(alerting.apply([], [decision(storm.alert_id, "close", verdict="false")]))
    assert closed.state == "closed"
    told = alerting.apply([finding("f9", actor="a9")])
    assert {one.state for one in told.alerts if one.storm} == {"closed"}


def test_times_are_those_of_events():
    alert = one_alert(stage().apply([finding("f1", 5), finding("f2", 0)]))
    assert (alert.first, alert.last) == (START, START + HOUR // 12)


def test_the_stage_needs_no_file():
    alerting = Alerting(PartitionState(STATE_TYPES), Alerts.load(None))
    assert one_alert(alerting.apply([finding("f1")])).severity == "medium"


def test_what_is_found_in_one_alert_makes_no_revision_of_another():
    alerting = stage()
    alerting.apply([finding("f1"), finding("f2", 10 * 60)])
    alerting.apply([finding("f3", 1), finding("f4", 10 * 60 + 1)])
    (changed,) = alerting.apply([finding("f5", 2)]).alerts
    assert (changed.count, changed.revision) == (3, 2)


def test_an_alert_that_goes_on_for_longer_than_a_month_can_be_decided_about():
    alerting = stage({"quiet": 86_400 * 2})
    for day in range(40):
        told = alerting.apply([finding(f"f{day}", day * 24 * 60)])
    closed = alerting.apply([], [decision(one_alert(told).alert_id, "close", verdict="true")])
    assert len(closed.feedback) > 30


def test_tactics_are_those_that_receivers_know():
    assert set(get_args(Tactic)) - {""} == set(TACTICS)
