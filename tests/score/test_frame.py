"""The budget: what is promised is what happens, for scores of any shape, and nobody can bend it quickly."""

import random

import msgspec
import pytest

from pipeline.kit.state import PartitionState
from pipeline.score.frame import BINS, PRIOR, Frame, Tally, bin_of, group_of, own_share
from pipeline.score.past import stranger
from pipeline.score.profile import Prior as Usual
from pipeline.score.profile import Profile

DAY = 86_400_000_000
KNOWN = group_of("service", 10)
SHAPES = {
    "heavy": lambda chance: chance.expovariate(0.6),
    "light": lambda chance: abs(chance.gauss(0, 2)),
    "rare": lambda chance: chance.uniform(1, 9) if chance.random() < 0.02 else 0.0,
}


def tallied(scores):
    row = [0.0] * BINS
    for score in scores:
        row[bin_of(score)] += score > 0
    return {KNOWN: float(len(scores))}, {"some": {KNOWN: row}}


def identity(number, day, score, kind="service", active=10):
    profile = stranger(kind, day * DAY, Usual())
    profile.active, profile.day, profile.last = active, day, day * DAY + number * 60_000_000
    profile.best = {"some": score} if score else {}
    return profile


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("budget", [0.001, 0.01])
def test_days_like_those_before_raise_as_many_false_alarms_as_the_budget_says(shape, budget):
    chance = random.Random(7)
    before = [SHAPES[shape](chance) for _ in range(40_000)]
    frame = Frame(PartitionState({"t": Tally}), *tallied(before))
    found = sum(frame.p_value("some", KNOWN, SHAPES[shape](chance)) <= budget for _ in range(40_000)) / 40_000
    # What is in one bin cannot be told apart, so it may be less; of 40 that are allowed, chance makes 20 to 60.
    assert found <= budget * 1.5
    if shape != "rare":
        assert found >= budget / 2.5


def test_an_organisation_that_is_otherwise_is_learned_from_its_own_days():
    chance = random.Random(8)
    state = PartitionState({"t": Tally})
    frame = Frame(state, *tallied([abs(chance.gauss(0, 1)) for _ in range(20_000)]))
    rates = []
    for part in range(32):
        found = 0
        for number in range(1000):
            score = abs(chance.gauss(0, 2))
            found += frame.p_value("some", KNOWN, score) <= 0.01
            # Each an identity of its own, some two hundred a day.
            day = 100 + part * 5 + number // 200
            frame.close(identity(number % 60, day, score), (day + 1) * DAY + number % 200 * 400_000_000)
        rates.append(found / 1000)
    # The first thousand identity-days raise more than promised; from the fifth thousand on they do not.
    assert rates[0] > 0.02
    assert sum(rates[4:]) / len(rates[4:]) <= 0.015


def test_one_detection_and_group_do_not_speak_for_another():
    days, scores = tallied([5.0] * 5000)
    frame = Frame(PartitionState({"t": Tally}), {**days, "human": 5000.0}, {**scores, "other": {}})
    assert frame.p_value("some", KNOWN, 5.0) > 0.9
    assert frame.p_value("some", "human", 5.0) < 0.1
    assert frame.p_value("other", KNOWN, 5.0) < 0.001


def test_without_any_days_nothing_is_rare():
    frame = Frame(PartitionState({"t": Tally}), {}, {})
    assert frame.p_value("some", KNOWN, 99.0) == 1.0


def test_one_identity_cannot_make_usual_for_others_what_it_does():
    frame = Frame(PartitionState({"t": Tally}), *tallied([0.0] * 20_000))
    before = frame.p_value("some", KNOWN, 6.0)
    profile = identity(0, 100, 6.0)
    for day in range(100, 140):
        profile.day, profile.last, profile.best = day, day * DAY, {"some": 6.0}
        frame.close(profile, (day + 1) * DAY)
    # Forty days of attack count as one.
    assert frame.p_value("some", KNOWN, 6.0) <= before + 1.5 / (PRIOR / 2)
    assert own_share(profile, "some", 6.0) > 0.5
    assert own_share(profile, "some", 6.5) == 0.0


def test_strangers_and_crowds_do_not_bend_it():
    frame = Frame(PartitionState({"t": Tally}), *tallied([0.0] * 20_000))
    before = frame.p_value("some", KNOWN, 6.0)
    for number in range(5000):
        frame.close(identity(number % 50, 100, 9.0, active=0), 101 * DAY)
    assert frame.p_value("some", KNOWN, 6.0) == before
    # A thousand old identities that are bad within one hour, whenever they acted last, and whatever hour some of them
    # still tell of: the hour counts for sixty of them.
    for number in range(1000):
        frame.close(identity(number * 7 % 1440, 101, 9.0), 102 * DAY - number % 2 * 7_200_000_000)
    assert frame.p_value("some", KNOWN, 6.0) <= 70 / PRIOR


def test_it_survives_a_restart():
    types = {"t": Tally}
    state = PartitionState(types)
    frame = Frame(state, *tallied([1.0] * 1000))
    for day in range(30):
        frame.close(identity(0, 100 + day, 2.0 + day / 10), (101 + day) * DAY)
    segments, _ = state.checkpoint()
    again = PartitionState(types)
    again.load([msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=type(one)) for one in segments])
    other = Frame(again, *tallied([1.0] * 1000))
    assert [other.p_value("some", KNOWN, score) for score in range(9)] == [
        frame.p_value("some", KNOWN, score) for score in range(9)
    ]


def test_a_profile_is_what_is_encoded():
    profile = identity(3, 100, 2.0)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(profile), type=Profile) == profile
