"""Training of what is usual: made-up sequences of steps, and made-up organisations at peace."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

import sklearn

from pipeline.kit.config import Settings
from pipeline.kit.state import PartitionState
from pipeline.run.misuse import side_by_side, watch
from pipeline.score import calibrate, shapes, tempo
from pipeline.score.baseline import NAME, WORKERS, Baselines, Shapes
from pipeline.score.misuse import STATE_TYPES, Day, Misuse
from pipeline.score.profile import Profile
from pipeline.simulate.days import days as peaceful
from pipeline.simulate.tempos import sequence

#: Sequences of each of WORKERS, and how many decisions they have.
SEQUENCES, DECISIONS = 1500, (12, 20, 40, 80)


def trained(seeds: Sequence[int], days: int, settings: Settings, advance: Callable[[str, float], None]) -> Baselines:
    """Baselines of organisations of these seeds over so many days each; the first says what is usual for a kind.

    `advance` is told what is being done and which part of it (0 to 1) is done.
    """
    made = Baselines(NAME, list(tempo.MEASURES), learned_shapes(seeds[0], advance), scikit_learn=sklearn.__version__)
    made.data = {
        "sequences": dict.fromkeys(WORKERS, SEQUENCES),
        "organisations": {"seeds": ",".join(map(str, seeds)), "days": days},
    }
    advance("what is usual", 0.0)
    profiles, _ = _peace(made, settings, days, seeds[0])
    made.priors = calibrate.priors(profiles)
    observed: list[Day] = []
    for number, (_, over) in enumerate(side_by_side(partial(_peace, made, settings, days), seeds[1:]), start=1):
        observed += over
        advance("days at peace", number / (len(seeds) - 1))
    made.days, made.scores = calibrate.tallies(observed)
    return made


def learned_shapes(seed: int, advance: Callable[[str, float], None]) -> Shapes:
    """Who is at work, from made-up sequences."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    examples = []
    for number in range(SEQUENCES):
        for worker in WORKERS:
            if found := tempo.vectors(sequence(chance, worker, chance.choice(DECISIONS))):
                examples.append((worker, found))
        advance("sequences of steps", (number + 1) / SEQUENCES)
    return shapes.learn(examples, seed)


def _peace(made: Baselines, settings: Settings, days: int, seed: int) -> tuple[list[Profile], list[Day]]:
    """The identities of one organisation as they are in the end, and their days."""
    stage = Misuse(PartitionState(STATE_TYPES), made, settings.alert_budget)
    stage.days = []
    for _ in watch(peaceful(seed, days), stage, settings):
        stage.behaviours = []
    profiles = [stage.state.get(key, Profile) for key in stage.state.keys("p/")]
    return [profile for profile in profiles if profile is not None], stage.days
