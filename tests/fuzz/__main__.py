"""Mutated examples of every format through `process`, guided by coverage (atheris): `make fuzz` (ARGS="--runs 100000").

Each input must become Events, nothing with a reason, or one Rejected that names the field; the first that does not is
written to a file and ends the run with status 1. At the end one line of JSON says how many became what, and how long an
input took: microseconds for one of any size, and for one of about 100 KB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipeline.normalize"]):
    from pipeline.normalize.formats import FORMATS
    from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.fuzz.mutate import mutated
from tests.normalize.common import CONTEXT, example
from tests.normalize.total import holds

#: What an input begins with: the format that is said to be its own, or none.
NAMES = ["", *FORMATS]
LARGE = 100_000
EXAMPLES = {name: [json.dumps(record).encode() for record in example(name)] for name in FORMATS}


class Run:
    """What came of the inputs so far."""

    def __init__(self, runs: int) -> None:
        """Ends after so many inputs."""
        self._runs = runs
        self._counts: Counter[str] = Counter()
        self._times: list[float] = []
        self._large: list[float] = []

    def one(self, data: bytes) -> None:
        """Raises AssertionError for an input that is not handled as all must be."""
        if not data:
            return
        name, value = NAMES[data[0] % len(NAMES)], data[1:]
        started = time.perf_counter()
        results = process(Record(value, name, "t", 1, 2), CONTEXT)
        took = time.perf_counter() - started
        self._times.append(took)
        if len(value) > LARGE // 2:
            self._large.append(took * LARGE / len(value))
        holds(results)
        self._counts["inputs"] += 1
        self._counts.update("rejected" if one.rejected else "events" if one.events else "ignored" for one in results)
        if self._counts["inputs"] >= self._runs:
            print(json.dumps(self.summary()), flush=True)
            # libFuzzer would count this exit as a crash.
            os._exit(0)

    def summary(self) -> dict[str, object]:
        """Inputs, what became of their records, and times in microseconds."""
        return {**self._counts, "microseconds": _spread(self._times), "microseconds_100KB": _spread(self._large)}


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    if not ordered:
        return {}
    return {f"p{share}": round(1e6 * ordered[len(ordered) * share // 101], 1) for share in (50, 99, 100)}


def change(data: bytes, most: int, seed: int) -> bytes:
    """Another input near this one: a record whose parts are replaced, or its bytes as libFuzzer changes any."""
    draw = random.Random(seed)
    name = NAMES[draw.randrange(len(NAMES))] if draw.random() < 0.1 else NAMES[(data[:1] or b"\0")[0] % len(NAMES)]
    if draw.random() < 0.2:
        return bytes([NAMES.index(name)]) + atheris.Mutate(data[1:], most - 1)
    return (bytes([NAMES.index(name)]) + mutated(data[1:], EXAMPLES, draw))[:most]


def main() -> None:
    """Run until enough inputs were tried."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    run = Run(asked.runs)
    with tempfile.TemporaryDirectory() as folder:
        for name, records in EXAMPLES.items():
            for number, record in enumerate(records):
                (Path(folder) / f"{name}.{number}").write_bytes(bytes([NAMES.index(name)]) + record)
        options = ["-max_len=200000", f"-seed={asked.seed}", "-timeout=10", "-verbosity=0", "-len_control=0"]
        atheris.Setup([sys.argv[0], *options, folder], run.one, custom_mutator=change)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
