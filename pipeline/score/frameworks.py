"""The catalogue of public frameworks: which ids there are, of which framework, and what they are called."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pipeline.kit import safeyaml


class Id(NamedTuple):
    """One entry of a framework, e.g. `ASI03`."""

    framework: str
    name: str


@cache
def catalogue() -> dict[str, Id]:
    """Every id of `frameworks.yml`, in its order."""
    text = files("pipeline.score").joinpath("frameworks.yml").read_text(encoding="utf-8")
    return {name: Id(**given) for name, given in safeyaml.document(text, "frameworks.yml").items()}
