"""Microseconds become what people read."""

from __future__ import annotations

from pipeline.store import shapes

SECOND = 1_000_000


def iso(time: int) -> str:
    """ISO 8601 in UTC, to the second."""
    return shapes.iso(time // SECOND * SECOND)


def lasting(seconds: float) -> str:
    """A length of time in its two largest units, e.g. `2 h 5 min`."""
    left, found = round(seconds), []
    for name, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, length)
        if amount:
            found.append(f"{amount} {name}")
    return " ".join(found[:2]) or "less than a second"
