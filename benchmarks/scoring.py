"""What scoring costs of a worker's time: `python -m benchmarks.scoring [--days N]`.

The stages of a worker in one process, on the same events, each with the processor time that it took: normalizing,
correlating (both hops), the drift stage and the misuse stage, each with the checkpoints of its state. Kafka and Faust
are not in it, so the share of scoring in a running worker is lower than what is printed.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from pathlib import Path

import msgspec

from pipeline.correlate.engine import Engine
from pipeline.correlate.route import route
from pipeline.kit.config import Settings
from pipeline.kit.state import PartitionState, packed
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.score import drift, misuse
from pipeline.score.past import DAY
from pipeline.simulate.days import days
from schemas.batch import Item
from schemas.rejected import Record

#: Records that go through together; batches between checkpoints, as at full load with one a second.
BATCH, CHECKPOINT = 250, 30
#: The share that scoring may take.
ALLOWED = 0.15
_encode = msgspec.msgpack.Encoder().encode


def main() -> None:
    # As the roles do.
    gc.set_threshold(100_000, 50, 1000)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=4, help="days that are measured, after as many that are not")
    parser.add_argument("--scale", type=float, default=2.0, help="how many times some 150 identities")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        print(
            json.dumps(
                measured(
                    asked.days, asked.scale, asked.seed, Settings(data_dir=Path(home), hash_key="benchmark-key-16")
                )
            )
        )


def measured(count: int, scale: float, seed: int, settings: Settings) -> dict[str, object]:
    """Microseconds an event by stage, and the share of the scoring ones, once identities have a past."""
    context = Context.of(settings)
    engine = Engine(settings.grace, settings.late_window, settings.late_limit)
    engine.steps = []
    drifts = drift.scorer(settings)(PartitionState(drift.STATE_TYPES))
    misuses = misuse.scorer(settings)(PartitionState(misuse.STATE_TYPES))
    spent: Counter[str] = Counter()
    told = list(days(seed, 2 * count, scale))
    begins = bisect_left(told, told[0].time + count * DAY, key=lambda one: one.time)
    records = [Record(one.value, one.format, one.topic) for one in told]
    events = found = 0
    for number in range(0, len(records), BATCH):
        if number - BATCH < begins <= number:
            spent.clear()
            events = found = 0
        began = time.process_time()
        items: list[Item] = []
        for record in records[number : number + BATCH]:
            for normalized in process(record, context):
                events += len(normalized.events)
                items += [item for event in normalized.events for item in route(event)]
        began = _spend(spent, "normalize", began)
        entries = engine.feed(items)
        _encode(entries)
        steps, engine.steps = engine.steps or [], []
        began = _spend(spent, "correlate", began)
        found += len(drifts.apply(steps))
        began = _spend(spent, "drift", began)
        found += len(misuses.apply(entries))
        began = _spend(spent, "misuse", began)
        if number // BATCH % CHECKPOINT == CHECKPOINT - 1:
            for name, states in (("correlate", (engine.directory.state, engine.sessions.state)),
                                 ("drift", (drifts.state,)), ("misuse", (misuses.state,))):  # fmt: skip
                for state in states:
                    for segment in state.checkpoint()[0]:
                        packed(segment)
                began = _spend(spent, name, began)
    whole = sum(spent.values())
    scoring = (spent["drift"] + spent["misuse"]) / whole
    return {
        "events": events,
        "us_per_event": {name: round(seconds / events * 1e6, 1) for name, seconds in spent.items()},
        "scoring_share": round(scoring, 3),
        "allowed": ALLOWED,
        "findings": found,
    }


def _spend(spent: Counter[str], name: str, began: float) -> float:
    now = time.process_time()
    spent[name] += now - began  # type: ignore[assignment]
    return now


if __name__ == "__main__":
    main()
