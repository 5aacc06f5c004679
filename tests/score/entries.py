"""Entries as the correlator sends them, out of examples as detections write them."""

from functools import cache

import msgspec

from pipeline.kit.state import PartitionState
from pipeline.score import baseline
from pipeline.score.definition import Example
from pipeline.score.examples import entries_of
from pipeline.score.misuse import STATE_TYPES, Misuse

BUDGET = 0.001


def told(*entries, name="test"):
    """Packed entries of an example."""
    return [entry.packed() for entry in entries_of(Example(name=name, entries=list(entries)))]


@cache
def baselines():
    return baseline.load()


def stage(budget=BUDGET, state=None):
    return Misuse(state or PartitionState(STATE_TYPES), baselines(), budget)


def restarted(misuse, budget=BUDGET):
    """The same stage in another process."""
    segments, _ = misuse.state.checkpoint()
    state = PartitionState(STATE_TYPES)
    state.load([msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=type(one)) for one in segments])
    return stage(budget, state)
