"""Microseconds become what people read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(time: int) -> str:
    """ISO 8601 in UTC, to the second; a time outside the years 1 to 9999 as a number of microseconds."""
    try:
        return (_EPOCH + timedelta(seconds=time // 1_000_000)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{time} us"


def lasting(seconds: float) -> str:
    """A length of time in its two largest units, e.g. `2 h 5 min`."""
    left, found = round(seconds), []
    for name, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, length)
        if amount:
            found.append(f"{amount} {name}")
    return " ".join(found[:2]) or "less than a second"
