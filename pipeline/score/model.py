"""A trained model as plain numbers: trees, the scores of harmless sessions, and where all that comes from.

The file is JSON, checked on loading; nothing in it is executed. It is made by `score.train` with scikit-learn, which is
not needed to use it: a vector goes down 250 small trees.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cached_property
from pathlib import Path

import msgspec

from pipeline.score import modelfile
from pipeline.score.measures import MEASURES
from pipeline.score.trees import Grove, Tree

NAME = "tool-chain-drift"
#: Shares of harmless sessions for which a model states the score that they exceed.
SHARES = (0.001, 0.005, 0.01, 0.05)
#: Logarithm (as measured) of the sessions of a task from which on it is known what is usual.
KNOWN, SESSIONS = math.log1p(5), list(MEASURES).index("sessions")


class Forest(msgspec.Struct, dict=True):
    """Trees whose values add up to the log-odds of a call."""

    baseline: float
    trees: list[Tree]
    #: Scores of harmless sessions that it had not learned from, ascending.
    calibration: list[float]

    @cached_property
    def grove(self) -> Grove:
        """The trees, ready to be asked."""
        return Grove(self.trees)


class Trained(msgspec.Struct):
    """A model file."""

    name: str
    measures: list[str]
    #: For the first sessions of a task, and for later ones, which are also held against what was usual before.
    first: Forest
    later: Forest
    #: What it was made of: by file name, its SHA-256 and how many runs of which label.
    data: dict[str, dict[str, str | int]]
    scikit_learn: str

    @property
    def version(self) -> str:
        """First digits of the SHA-256 over everything in it."""
        return modelfile.version(self)


class Model:
    """A model in use."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.name = f"{trained.name}@{trained.version}"

    def score(self, vector: list[float]) -> float:
        """Probability that a call serves somebody else, as the training data have it: 0 to 1."""
        return probability(self._forest(vector[SESSIONS]), vector)

    def p_value(self, score: float, sessions: float) -> float:
        """Share of harmless sessions that score as much (conformal: the session in question counts as one of them).

        `sessions`: the measure of that name, which says how well the task is known.
        """
        harmless = self._forest(sessions).calibration
        return (len(harmless) - bisect_left(harmless, score) + 1) / (len(harmless) + 1)

    def threshold(self, share: float) -> float:
        """The score that at most this share of harmless sessions of known tasks exceed; 1 if there are too few."""
        harmless = self.trained.later.calibration
        above = int(share * (len(harmless) + 1))
        return harmless[len(harmless) - above] if above else 1.0

    def _forest(self, sessions: float) -> Forest:
        return self.trained.first if sessions < KNOWN else self.trained.later


def probability(forest: Forest, vector: list[float]) -> float:
    """What a forest says of a vector."""
    return 1.0 / (1.0 + math.exp(-forest.baseline - forest.grove.total(vector)))


def load(file: Path | None = None) -> Model:
    """The model in a file, or the one that comes with the program. Raises OSError, Permanent."""
    trained, where = modelfile.read(Trained, NAME, file, "whodid train agent-runs")
    modelfile.check(where, trained.measures, list(MEASURES), trained.first.trees + trained.later.trees)
    return Model(trained)
