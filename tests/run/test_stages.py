"""Scoring of history that is read: in the order of time, each event once, in bounded memory."""

import pytest

from pipeline.kit.config import Settings
from pipeline.run import stages
from pipeline.run.stages import LAG, Scoring
from schemas.step import Step
from tests.store.entries import START, entry

SECOND = 1_000_000


@pytest.fixture
def scoring(tmp_path):
    return Scoring(Settings(data_dir=tmp_path))


@pytest.fixture
def taken(scoring, monkeypatch):
    """What the stage of misuse is given, and that of drift."""
    seen = []
    monkeypatch.setattr(scoring._misuse, "apply", lambda entries: seen.extend(entries) or [])
    monkeypatch.setattr(scoring._drift, "apply", lambda steps: seen.extend(steps) or [])
    return seen


def step(number, explained):
    return Step(key="actor:bot", session="s", event_id="e", revision=number, time=START, explained=explained)


def test_what_came_in_any_order_is_scored_in_that_of_time_and_as_it_was_known_last(scoring, taken):
    scoring.take([], [entry("b", 2).packed(), entry("a", 1).packed()])
    scoring.take([], [entry("a", 1, revision=1, actor="ana").packed(), entry("late", 7200).packed()])
    scoring.score(START + LAG)
    assert [(one.unpacked().event.event_id, one.actor) for one in taken] == [("a", "ana"), ("b", "bot")]
    scoring.score()
    assert taken[-1].unpacked().event.event_id == "late"


def test_that_a_call_explains_a_request_is_told_only_if_the_contrary_was(scoring, taken):
    scoring.take([step(0, 0.1)], [])
    scoring.take([step(1, 0.9)], [])
    scoring.score()
    assert taken == []
    scoring.take([step(2, 0.1)], [])
    scoring.score()
    scoring.take([step(3, 0.9)], [])
    scoring.score()
    assert [one.revision for one in taken] == [2, 3]


def test_of_too_many_the_oldest_no_longer_wait(scoring, taken, monkeypatch):
    monkeypatch.setattr(stages, "MOST", 10)
    scoring.take([], [entry(f"e{number:03}", number).packed() for number in range(100)])
    scoring.score(START)
    assert [one.unpacked().event.event_id for one in taken] == [f"e{number:03}" for number in range(90)]
