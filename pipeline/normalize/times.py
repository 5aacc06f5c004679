"""Timestamps of every kind become microseconds since 1970 UTC, and must lie in a plausible range."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import DAY, Context

EARLIEST = 946_684_800_000_000  # 2000-01-01
LATEST = 7_258_118_400_000_000  # 2200-01-01, as far as an expiry is believed
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RANGE = "a time between 2000-01-01 and tomorrow"
#: Where whoever logs something writes the time beside it.
STAMPS = ("timestamp", "time", "ts", "@timestamp")


def instant(field: str, value: object, context: Context) -> int:
    """Microseconds of an ISO 8601 text (`Z` or offset) or a datetime; Invalid names the field."""
    if not isinstance(value, str) or not value:
        raise Invalid(field, "a time in ISO 8601, e.g. 2026-01-31T12:00:00Z", value if value is not None else "nothing")
    try:
        microseconds = _micros(value)
    except (ValueError, OverflowError) as error:
        raise Invalid(field, "a time in ISO 8601, e.g. 2026-01-31T12:00:00Z", value) from error
    return checked(field, microseconds, context, value)


def epoch(field: str, value: object, per_second: int, context: Context) -> int:
    """Microseconds of a number since 1970, given as int, float or digits; `per_second` is its unit."""
    try:
        if isinstance(value, bool) or value is None:
            raise ValueError
        exact = int(value) if isinstance(value, (int, str)) else float(value)  # type: ignore[arg-type]
        microseconds = int(exact * 1_000_000 // per_second)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(field, f"a number since 1970, {per_second} a second", value) from error
    return checked(field, microseconds, context, value)


def stamped(found: dict[str, Any], context: Context) -> int:
    """Microseconds of the time that a record carries under one of STAMPS: ISO 8601, or a number since 1970 whose size
    tells its unit (s, ms, µs). Invalid if there is none."""
    for name in STAMPS:
        value = found.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return epoch(name, value, 1 if value < 1e11 else 1000 if value < 1e14 else 1_000_000, context)
        if value is not None:
            return instant(name, value, context)
    raise Invalid(STAMPS[0], "a time in ISO 8601 beside or in the message", "nothing")


def checked(field: str, microseconds: int, context: Context, value: object) -> int:
    """The time itself if it is plausible; clocks that are years off would drag every watermark along."""
    if not EARLIEST <= microseconds <= context.now + DAY:
        raise Invalid(field, RANGE, value)
    return microseconds


def expiry(value: object) -> int:
    """Microseconds of a stated expiry in ISO 8601; 0 if none is stated or it is none: an expiry only adds to a link."""
    try:
        microseconds = _micros(value) if isinstance(value, str) else 0
    except (ValueError, OverflowError):
        return 0
    return microseconds if EARLIEST <= microseconds <= LATEST else 0


@lru_cache(maxsize=8192)
def _micros(text: str) -> int:
    """Events of one second come together, so most are looked up."""
    moment = datetime.fromisoformat(text)
    delta = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
