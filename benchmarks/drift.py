"""How well the drift detector carries over: `python -m benchmarks.drift TRAIN DEV` (files of agent runs).

Prints one table: trained on TRAIN and tested on DEV; one suite, one model left out of training and tested; without one
sort of signal; and simple rivals on the same runs. Thresholds are taken from the benign runs tested.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import msgspec

from pipeline.kit.config import Settings
from pipeline.run.agent_runs import read
from pipeline.run.drift import learned, replayed, separation
from pipeline.score import drift, train
from pipeline.score.measures import MEASURES, measure, without_history
from pipeline.score.model import Model
from schemas.agent_run import Run

#: Measures by the signal that they belong to.
SIGNALS: dict[str, tuple[str, ...]] = {
    "argument origin": (
        "references_met", "references_unrelated", "references_unconnected", "references_invented", "least_related",
        "texts_unrelated", "source_age", "foreign", "served", "repeated", "words_repeated", "values",
    ),
    "sink sensitivity": ("sensitivity",),
    "what the prompt asks for": ("purposes_asked", "name_asked", "name_met", "prompt_purposes", "prompt"),
    "place of the source": (
        "window_covered", "window_explained", "window_name", "window_purposes", "window_near", "window_anywhere",
        "window_age",
    ),
    "chain and history": (
        "first", "again", "results", "sessions", "tool_usual", "transition_usual", "value_novelty",
    ),
}  # fmt: skip
COLUMNS = ("auc", "0.001", "0.005", "0.01", "0.05")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("train", type=Path)
    asked.add_argument("dev", type=Path)
    given = asked.parse_args()
    learn, test = list(read(given.train)), list(read(given.dev))
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(data_dir=Path(home), hash_key="agent-runs")
        for name, figures in experiments(learn, test, settings):
            shown = [f"{figures['auc']:.4f}", *(f"{figures['tpr'][share]:.3f}" for share in COLUMNS[1:])]
            print(json.dumps({"what": name, **dict(zip(COLUMNS, shown, strict=True))}), flush=True)


def experiments(runs: list[Run], dev: list[Run], settings: Settings) -> Iterator[tuple[str, dict]]:
    yield "train -> dev", tested(runs, dev, settings)
    everything = runs + dev
    for field in ("suite", "model"):
        for left in sorted({getattr(run, field) for run in everything}):
            learn = [run for run in everything if getattr(run, field) != left]
            test = [run for run in everything if getattr(run, field) == left]
            yield f"without {field} {left} -> {left}", tested(learn, test, settings)
    for signal, names in SIGNALS.items():
        with blind(names):
            yield f"train -> dev, without {signal}", tested(runs, dev, settings)
    for name, rival in RIVALS.items():
        yield f"rival: {name}", rival(runs, dev)


def tested(learn: list[Run], test: list[Run], settings: Settings) -> dict:
    model = Model(learned(learn, settings, {}))
    done, _ = replayed(test, settings, model)
    return separation(done)


@contextmanager
def blind(names: Iterable[str]) -> Iterator[None]:
    """Some measures are always 0 while this lasts, in training and in use."""
    at = {list(MEASURES).index(name) for name in names}

    def without(vector: list[float]) -> list[float]:
        return [0.0 if number in at else value for number, value in enumerate(vector)]

    with (
        patch.object(drift, "measure", lambda *given: without(measure(*given))),
        patch.object(train, "without_history", lambda vector: without(without_history(vector))),
    ):
        yield


def unseen_tool(runs: list[Run], dev: list[Run]) -> dict:
    """How many of its tools no benign run of the same task used."""
    used: dict[tuple[str, str], set[str]] = defaultdict(set)
    for run in runs:
        if run.label == "benign":
            used[run.suite, run.user_task].update(call.tool for call in run.steps)
    return _rated(dev, lambda run: len({call.tool for call in run.steps} - used[run.suite, run.user_task]))


def bigrams(runs: list[Run], dev: list[Run]) -> dict:
    """How rare its rarest transition between tools is in benign runs of the same suite."""
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for run in runs:
        if run.label == "benign":
            counts[run.suite].update(_moves(run))
    return _rated(dev, lambda run: max((1 / (1 + counts[run.suite][move]) for move in _moves(run)), default=0.0))


def _moves(run: Run) -> list[tuple[str, str]]:
    tools = ["^", *(call.tool for call in run.steps)]
    return list(pairwise(tools))


def destination(_: list[Run], dev: list[Run]) -> dict:
    """Arguments that are in an earlier result and not in the prompt, whatever they are."""

    def rate(run: Run) -> float:
        found, read_so_far = 0, ""
        for call in run.steps:
            texts = [text for text in _texts(call.arguments) if len(text) > 5]
            found = max(found, sum(text in read_so_far and text not in run.prompt for text in texts))
            read_so_far += call.result or ""
        return found

    return _rated(dev, rate)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def _rated(dev: list[Run], rate: Callable[[Run], float]) -> dict:
    return separation([Rated(run, float(rate(run))) for run in dev])


class Rated(msgspec.Struct):
    """A run with a rival's score."""

    run: Run
    score: float


RIVALS = {
    "tool not seen in benign runs of the task": unseen_tool,
    "rarest transition of the suite": bigrams,
    "arguments from results and not from the prompt": destination,
}

if __name__ == "__main__":
    main()
