"""Records whose truth is known through normalization, correlation and the misuse stage, in one process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple, TypeVar

from pipeline.correlate.engine import Engine
from pipeline.correlate.route import route
from pipeline.kit.config import Settings
from pipeline.normalize.stage import context_of, process
from pipeline.score.misuse import Misuse
from pipeline.simulate.truth import Told, Truth
from schemas.batch import Item
from schemas.entry import PackedEntry
from schemas.finding import Finding
from schemas.rejected import Record

Made = TypeVar("Made")
#: Records that are normalized before the correlator sees them; event time (microseconds) by which they may be late.
BATCH, DISORDER = 200, 60_000_000
#: Seconds of event time for which the correlator keeps events of which more may become known.
WINDOW = 3600.0


class Watched(NamedTuple):
    """Some records: the truth of their events, and what was found when they had come."""

    #: With when it happened.
    truths: list[tuple[int, Truth]]
    entries: list[PackedEntry]
    findings: list[Finding]


def watch(told: Iterable[Told], stage: Misuse, settings: Settings) -> Iterator[Watched]:
    """Records in the order of time; findings come as soon as a stream would give them, give or take a batch."""
    context = context_of(settings)
    engine = Engine(settings.grace, WINDOW, settings.late_limit)
    items: list[Item] = []
    truths: list[tuple[int, Truth]] = []
    moment = 0
    for number, one in enumerate(told, start=1):
        record = Record(one.value, one.format, one.topic, 0, number)
        moment = max(moment, one.time)
        truths += [(one.time, truth) for truth in one.truths]
        for normalized in process(record, context):
            for event in normalized.events:
                items += route(event)
        if number % BATCH == 0:
            entries = engine.feed(items) + engine.reached(moment - DISORDER)
            yield Watched(truths, entries, stage.apply(entries))
            items, truths = [], []
    entries = engine.feed(items) + engine.end()
    yield Watched(truths, entries, stage.apply(entries))


def side_by_side(make: Callable[[int], Made], seeds: Sequence[int]) -> Iterator[Made]:
    """What `make` gives for each seed, in their order, on all cores. Results and arguments are pickled."""
    with ProcessPoolExecutor(max_workers=min(len(seeds), os.cpu_count() or 1)) as workers:
        yield from workers.map(make, seeds)
