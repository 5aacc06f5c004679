"""What identities of each kind usually do: the model that a new identity, and a new organisation, begin with.

The file is JSON, checked on loading; nothing in it is executed. `whodid train baselines` makes it.
"""

from __future__ import annotations

import gzip
import hashlib
import math
from importlib import resources
from pathlib import Path

import msgspec

from pipeline.kit.failures import Permanent
from pipeline.score import tempo
from pipeline.score.profile import Prior
from pipeline.score.trees import Tree, sound, total

NAME = "identity-baselines"
#: Who may be at work.
WORKERS = ("human", "agent", "script")


class Shapes(msgspec.Struct):
    """Which of WORKERS is at work: trees per class over `tempo.MEASURES`, whose sums are log-odds."""

    bases: list[float]
    trees: list[list[Tree]]

    def probabilities(self, vector: list[float]) -> list[float]:
        """One per class; they add up to 1."""
        sums = [base + total(trees, vector) for base, trees in zip(self.bases, self.trees, strict=True)]
        highest = max(sums)
        odds = [math.exp(one - highest) for one in sums]
        return [one / sum(odds) for one in odds]


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
        return f"{self.name}@{hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]}"


def save(found: Baselines, file: Path) -> None:
    """Write a model file, the same bytes for the same model; compressed if its name ends in `.gz`."""
    data = msgspec.json.encode(found)
    file.write_bytes(gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)


def load(file: Path | None = None) -> Baselines:
    """The model in a file, or the one that comes with the program. Raises OSError, Permanent."""
    data = (file or resources.files("pipeline.score") / "models" / f"{NAME}.json.gz").read_bytes()
    where = str(file or "the baselines that come with the program")
    try:
        found = msgspec.json.decode(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data, type=Baselines)
    except (msgspec.MsgspecError, OSError, EOFError) as error:
        raise Permanent(f"{where}: expected what `whodid train baselines` writes: {error}") from error
    if found.measures != list(tempo.MEASURES):
        raise Permanent(f"{where}: it takes other measures than this version has; train it again")
    trees = [tree for one in found.shapes.trees for tree in one]
    if len(found.shapes.bases) != len(WORKERS) or len(found.shapes.trees) != len(WORKERS):
        raise Permanent(f"{where}: expected trees for {', '.join(WORKERS)}")
    if not all(sound(tree, len(tempo.MEASURES)) for tree in trees):
        raise Permanent(f"{where}: a tree has a node that leads back or nowhere")
    return found
