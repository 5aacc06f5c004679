"""The misuse stage as a whole: what an attacker cannot do to it, and what becomes of it when it stops."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kit.config import Settings
from pipeline.kit.state import PartitionState
from pipeline.score import detections
from pipeline.score.examples import entries_of
from pipeline.score.misuse import STATE_TYPES, Misuse, finder
from pipeline.score.profile import Profile
from pipeline.score.rules.exceptions import Exceptions
from pipeline.score.rules.rulebook import Rulebook
from schemas.entry import PackedEntry
from schemas.event import Event, packed
from tests.score.entries import BUDGET, baselines, restarted, stage, told

SERVICE = {
    "actor": "svc-report", "actor_kind": "service", "credential": "aws:AKIAREPORT", "action": "s3:GetObject",
    "resources": ["arn:aws:s3:::reports/a"], "address": "10.1.0.7", "user_agent": "Boto3/1.34",
}  # fmt: skip
PAST = {**SERVICE, "repeat": 20, "every": "1d"}
EVENING = "2026-03-30T20:00:00Z"
THEFT = {
    **SERVICE, "action": "secretsmanager:GetSecretValue", "resources": ["prod/{n}"], "address": "203.0.113.66",
    "user_agent": "python-requests/2.31",
}  # fmt: skip
DETECTIONS = detections.load()
FINDS = finder(Settings())


def names(findings):
    return {finding.detection for finding in findings}


@pytest.mark.parametrize(("name", "example"), [
    pytest.param(name, example, id=f"{name}: {example.name}")
    for name, detection in DETECTIONS.items() for example in detection.definition.examples.found
])  # fmt: skip
def test_what_must_be_found_is_found(name, example):
    assert FINDS(name, entries_of(example))
    assert "{" not in stage().apply(told(*example.entries))[-1].sentence


@pytest.mark.parametrize(("name", "example"), [
    pytest.param(name, example, id=f"{name}: {example.name}")
    for name, detection in DETECTIONS.items() for example in detection.definition.examples.silent
])  # fmt: skip
def test_what_must_not_be_found_is_not(name, example):
    assert FINDS(name, entries_of(example)) is False


def test_hours_of_abuse_do_not_make_it_usual():
    misuse = stage()
    misuse.apply(told(PAST))
    scores = []
    # From noon to six in the evening, every ten minutes.
    for part in range(36):
        at = f"2026-03-30T{12 + part // 6:02}:{part % 6}0:00Z"
        misuse.apply(told({**THEFT, "time": at, "repeat": 5, "every": "2s", "resources": [f"prod/{part}-{{n}}"]}))
        scores.append(misuse.state.get("p/svc-report", Profile).best)
    first, last = scores[0], scores[-1]
    assert all(last[name] >= score for name, score in first.items())
    assert "secrets-harvested" in last


def test_the_same_thing_is_found_once_and_again_only_when_it_is_worse():
    misuse = stage()
    misuse.apply(told(PAST))
    theft = {**THEFT, "repeat": 20, "every": "2s"}
    first = misuse.apply(told({**theft, "time": "2026-03-30T09:00:00Z"}))
    assert "secrets-harvested" in names(first)
    (one,) = {finding.finding_id for finding in first if finding.detection == "secrets-harvested"}
    revisions = [finding.revision for finding in first if finding.finding_id == one]
    assert revisions == sorted(set(revisions))
    again = misuse.apply(told({**theft, "time": "2026-03-31T09:00:00Z"}))
    assert "secrets-harvested" not in names(again)
    worse = misuse.apply(told({**theft, "time": "2026-04-01T09:00:00Z", "repeat": 400, "every": "1s"}))
    assert "secrets-harvested" in names(worse)


@pytest.mark.parametrize("cut", [1, 10, 21, 25])
def test_it_goes_on_after_a_restart_as_if_nothing_had_been(cut):
    entries = told(PAST, {**THEFT, "time": EVENING, "repeat": 30, "every": "2s"})
    whole = stage().apply(entries)
    misuse = stage()
    found = misuse.apply(entries[:cut])
    found += restarted(misuse).apply(entries[cut:])
    assert found == whole


def test_a_revision_of_an_entry_is_no_further_act():
    entries = told(PAST, {**THEFT, "time": EVENING})
    entries += [msgspec.structs.replace(entries[-1], revision=number) for number in range(1, 40)]
    assert "secrets-harvested" not in names(stage().apply(entries))


def test_a_new_identity_is_held_against_its_kind_and_the_finding_says_so():
    found = stage().apply(told({**THEFT, "actor": "newcomer", "repeat": 60, "every": "1s"}))
    assert found
    assert all("held against what is usual for its kind (service)" in finding.sentence for finding in found)


def agent(version, **more):
    return {
        "kind": "tool_call", "actor": "bot", "actor_kind": "agent", "session": "s{n}", "action": "look", "tool": "look",
        "address": "10.1.0.7", "attributes": {"gen_ai.agent.version": version}, **more,
    }  # fmt: skip


def test_what_a_declared_new_version_does_is_less_of_a_surprise():
    new = {"time": EVENING, "address": "203.0.113.66", "repeat": 3, "every": "5s"}
    scores = {}
    for version in ("1", "2"):
        misuse = stage()
        misuse.apply(told(agent("1", repeat=20, every="1d"), agent(version, **new)))
        profile = misuse.state.get("p/bot", Profile)
        scores[version] = profile.best.get("used-elsewhere", 0.0)
    assert 0 < scores["2"] < scores["1"] - 1


def test_every_finding_names_its_model_and_how_rare_it_is():
    for finding in stage().apply(told(PAST, {**THEFT, "time": EVENING, "repeat": 30, "every": "2s"})):
        assert finding.model.startswith("identity-baselines@")
        assert 0 < finding.p_value <= 0.001
        assert finding.entries
        assert finding.frameworks


def test_sessions_of_a_role_whose_taker_nobody_knows_are_one_identity():
    misuse = stage()
    misuse.apply(told({**SERVICE, "actor": "arn:aws:sts::1:assumed-role/ops/session-{n}", "repeat": 9, "every": "1d"}))
    assert [key for key in misuse.state.keys("p/")] == ["p/arn:aws:sts::1:assumed-role/ops"]


TEXT = st.text(max_size=30) | st.sampled_from(
    ["", "aws:AKIAX", "203.0.113.9", "iam:CreateUser", "x" * 5000, "::1", "\0"]
)


@given(st.lists(st.fixed_dictionaries({}, optional={
    "event_id": TEXT, "action": TEXT, "outcome": TEXT, "actor": TEXT, "actor_kind": TEXT, "credential": TEXT,
    "session": TEXT, "address": TEXT, "user_agent": TEXT, "issued": TEXT, "issued_subject": TEXT, "phase": TEXT,
    "issued_expires": st.integers(-(2**40), 2**60), "time": st.integers(-(2**40), 2**60), "region": TEXT,
    "resources": st.lists(TEXT, max_size=3), "attributes": st.dictionaries(TEXT, TEXT, max_size=3),
    "kind": st.sampled_from(["prompt", "tool_call", "token_issuance", "cloud_audit"]),
}), max_size=12))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_entry_whatever_it_says_is_too_much_for_it(events):
    misuse = stage(0.9)
    least = {"event_id": "e", "kind": "prompt", "time": 0, "format": "x"}
    entries = [
        PackedEntry(event=packed(Event(**{**least, "event_id": str(number), **event})),
                    actor=event.get("actor", ""), session=event.get("session", ""))
        for number, event in enumerate(events)
    ]  # fmt: skip
    misuse.apply(entries)
    restarted(misuse, 0.9).apply([PackedEntry(event=msgspec.Raw(b"\xc1")), *entries])


def test_the_same_entries_in_other_batches_say_the_same():
    entries = told(PAST, {**THEFT, "time": EVENING, "repeat": 30, "every": "2s"})
    misuse = stage()
    assert [one for entry in entries for one in misuse.apply([entry])] == stage().apply(entries)


def test_packing_keeps_every_field():
    (entry,) = told({**SERVICE, "credential_expires": "2026-03-02T09:00:00Z", "links": {"actor": 0.9}})
    assert entry.unpacked().packed() == entry
    assert entry.credential_expires


def rules(tmp_path, name, text):
    (tmp_path / name).write_text(text, "utf-8")
    return Rulebook.load(tmp_path)


RULE = """
title: Reports read
why: somebody asked to be told
severity: low
sentence: "{actor} read {resources}"
when: {selection: {action: "s3:GetObject"}, condition: selection}
examples: {}
"""


def test_a_rule_of_ones_own_is_told_of_each_time_and_is_no_part_of_the_budget(tmp_path):
    misuse = Misuse(PartitionState(STATE_TYPES), baselines(), BUDGET, rules(tmp_path, "reports.yml", RULE))
    found = misuse.apply(told(PAST))
    assert [finding.detection for finding in found] == ["reports"] * 20
    assert len({finding.finding_id for finding in found}) == 20
    assert {finding.severity for finding in found} == {"low"}
    # On one day it is one Finding, which grows.
    again = misuse.apply(told({**SERVICE, "time": EVENING, "repeat": 30, "every": "1s"}))
    mine = [finding for finding in again if finding.detection == "reports"]
    assert len({finding.finding_id for finding in mine}) == 1
    assert mine[-1].revision == len(mine) - 1 < 10


def test_a_rule_hears_of_events_whose_actor_is_not_known_and_of_a_call_s_outcome(tmp_path):
    text = RULE.replace('action: "s3:GetObject"', "outcome: success")
    misuse = Misuse(PartitionState(STATE_TYPES), baselines(), BUDGET, rules(tmp_path, "any.yml", text))
    unbound = {"credential": "aws:ASIAODD", "unbound": "credential never seen issued: temporary", "outcome": "success"}
    entries = told(
        {**SERVICE, **unbound},
        {"outcome": "success", "action": "x", "after": "1s"},
        {"kind": "tool_call", "phase": "end", "actor": "bot", "outcome": "success", "after": "1s"},
    )
    assert [finding.entries for finding in misuse.apply(entries)] == [["e1"], ["e2"], ["e3"]]
    # They come again with more known about them: that is no news.
    assert misuse.apply([msgspec.structs.replace(entry, revision=1) for entry in entries]) == []
    assert restarted(misuse).apply(entries[:1]) == []


def test_what_somebody_declared_to_be_harmless_is_kept_and_marked(tmp_path):
    file = tmp_path / "exceptions.yml"
    file.write_text(
        "exceptions:\n- {detection: 'secrets-*', actor: svc-report, reason: drill, until: 2026-12-31, by: ana}\n"
        "severity:\n- {detection: beyond-own-past, severity: low}\n",
        "utf-8",
    )
    exceptions = Exceptions.load(file, now=lambda: 1_775_000_000.0)
    misuse = Misuse(PartitionState(STATE_TYPES), baselines(), BUDGET, exceptions=exceptions)
    found = misuse.apply(told(PAST, {**THEFT, "time": EVENING, "repeat": 30, "every": "2s"}))
    for finding in found:
        assert finding.suppressed.startswith("drill") == (finding.detection == "secrets-harvested")
        assert finding.severity == "low" or finding.detection != "beyond-own-past"
    assert "secrets-harvested" in names(found)


def test_what_an_owner_declares_leaves_little_of_the_past(tmp_path):
    file = tmp_path / "exceptions.yml"
    new = told({**SERVICE, "time": EVENING, "action": "dynamodb:PutItem", "repeat": 3, "every": "5s"})
    scores = []
    for at in ("2030-01-01T00:00:00Z", "2026-03-30T12:00:00Z"):
        file.write_text(f"changes:\n- {{actor: svc-report, at: '{at}', reason: new owner, by: ana}}\n", "utf-8")
        misuse = Misuse(PartitionState(STATE_TYPES), baselines(), BUDGET, exceptions=Exceptions.load(file))
        misuse.apply(told(PAST))
        misuse.apply(new)
        scores.append(misuse.state.get("p/svc-report", Profile).best.get("new-scope", 0.0))
    assert scores[0] > 0
    assert scores[1] < scores[0] - 1


def test_how_an_identity_works_is_told_against_what_it_is_said_to_be():
    misuse = stage()
    person = {**SERVICE, "actor": "ana", "actor_kind": "human", "credential": "aws:ASIAANA"}
    misuse.apply(told({**person, "repeat": 300, "every": "3s"}))
    last = misuse.behaviours[-1]
    assert (last.identity, last.declared, last.days) == ("ana", "human", 0)
    assert last.script > 0.8
    assert abs(last.human + last.agent + last.script - 1) < 0.01
