"""What identities of each kind usually do: the model that a new identity, and a new organisation, begin with.

The file is JSON, checked on loading; nothing in it is executed. `whodid train baselines` makes it.
"""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path

import msgspec

from pipeline.kit.failures import Permanent
from pipeline.score import modelfile, tempo
from pipeline.score.profile import Prior
from pipeline.score.trees import Grove, Tree

NAME = "identity-baselines"
#: Who may be at work.
WORKERS = ("human", "agent", "script")


class Shapes(msgspec.Struct, dict=True):
    """Which of WORKERS is at work: trees per class over `tempo.MEASURES`, whose sums are log-odds."""

    bases: list[float]
    trees: list[list[Tree]]

    def probabilities(self, vector: list[float]) -> list[float]:
        """One per class; they add up to 1."""
        sums = [base + grove.total(vector) for base, grove in zip(self.bases, self._groves, strict=True)]
        highest = max(sums)
        odds = [math.exp(one - highest) for one in sums]
        return [one / sum(odds) for one in odds]

    @cached_property
    def _groves(self) -> list[Grove]:
        return [Grove(trees) for trees in self.trees]


class Baselines(msgspec.Struct):
    """A model file."""

    name: str
    measures: list[str]
    shapes: Shapes
    #: By kind of identity.
    priors: dict[str, Prior] = {}
    #: Identity-days by group, and their scores by detection and group (`pipeline.score.frame`).
    days: dict[str, float] = {}
    scores: dict[str, dict[str, list[float]]] = {}
    #: What it was made of.
    data: dict[str, dict[str, str | int]] = {}
    scikit_learn: str = ""

    @property
    def version(self) -> str:
        """`name@` and the first digits of the SHA-256 over everything in it."""
        return f"{self.name}@{modelfile.version(self)}"


def load(file: Path | None = None) -> Baselines:
    """The model in a file, or the one that comes with the program. Raises OSError, Permanent."""
    found, where = modelfile.read(Baselines, NAME, file, "whodid train baselines")
    if len(found.shapes.bases) != len(WORKERS) or len(found.shapes.trees) != len(WORKERS):
        raise Permanent(f"{where}: expected trees for {', '.join(WORKERS)}")
    modelfile.check(where, found.measures, list(tempo.MEASURES), [tree for one in found.shapes.trees for tree in one])
    return found
