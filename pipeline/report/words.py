"""Names and numbers become parts of sentences."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.alert.plain import short

#: Names of a kind, and characters of one, in a sentence.
MOST, SHOWN = 3, 100


def some(names: Iterable[str], most: int = MOST) -> str:
    """`a, b and c`, or `a, b, c and 4 more`; each shortened, none twice."""
    found = [short(name, SHOWN) for name in dict.fromkeys(filter(None, names))]
    if len(found) > most:
        return ", ".join(found[:most]) + f" and {len(found) - most} more"
    return " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 tool call`, `3 tool calls`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def verbs(number: int) -> dict[str, str]:
    """Words of a sentence whose subject is so many."""
    one = number == 1
    return {
        "is": "is" if one else "are", "was": "was" if one else "were", "has": "has" if one else "have",
        "it": "it" if one else "they", "them": "it" if one else "them",
    }  # fmt: skip


def lasting(seconds: float) -> str:
    """A duration in the largest unit that it has at least two of: 40 s, 12 min, 3 h, 2 days."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "less than 1 s"
