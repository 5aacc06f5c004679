"""Detections, a pair of files each: `name.py` says how suspicious an act is, `name.yml` what that means.

`score` is asked of the acts whose sort is among its `ON`, and of no others (`pipeline.score.suspicion.sort_of`).
A score is in nats: by how much an act is rarer than what is usual, as a logarithm. It need not be calibrated, since
`pipeline.score.frame` turns it into a p-value; it has to be higher the more it looks like what is looked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from pipeline.score.act import Act
from pipeline.score.definition import Definition, built_in
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion


class Detection(NamedTuple):
    """One detection in use."""

    definition: Definition
    score: Callable[[Act, Past, Parameters], Suspicion | None]
    parameters: Parameters
    #: Which acts may matter to it (`pipeline.score.suspicion.sort_of`).
    on: int


@lru_cache(maxsize=1)
def load() -> dict[str, Detection]:
    """Every detection that comes with the program and has code, by name."""
    found = {}
    for name, definition in built_in().items():
        module = name.replace("-", "_")
        if (resources.files(__package__) / f"{module}.py").is_file():
            code = importlib.import_module(f"{__package__}.{module}")
            found[name] = Detection(definition, code.score, definition.parameters, code.ON)
    return found
