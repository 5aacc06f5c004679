"""Many measurements become the few figures that are told of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def spread(took: Sequence[float]) -> dict[str, float]:
    """How many, the median, the 99th percentile and the most; only how many, if they are fewer than two."""
    if len(took) < 2:
        return {"count": len(took)}
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return {
        "count": len(took), "p50": round(cuts[49], 1), "p99": round(cuts[98], 1), "most": round(max(took), 1),
    }  # fmt: skip
