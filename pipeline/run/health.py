"""What a process has measured becomes two answers: whether it lives, and whether it can do its work.

In:     Metrics
Out:    reasons against it, none if all is well
"""

from __future__ import annotations

from pipeline.kit.metrics import Metrics

#: Troubles that are somebody else's: a destination that is away makes nothing of ours ill.
_OTHERS = "destination "


def dead(metrics: Metrics) -> list[str]:
    """Loops that do not come round. A restart helps; that Kafka or the store is away is not among it."""
    return [f"{part}: {reason}" for part, reason in metrics.stuck.items()]


def unready(metrics: Metrics) -> list[str]:
    """What keeps the process from its work: that, partitions it does not have yet, and what it says is wrong."""
    found = [f"{part}: {reason}" for part, reason in metrics.troubles.items() if not part.startswith(_OTHERS)]
    return found + [f"{role}: has no partitions yet, or still reads its state" for role in metrics.unready]
