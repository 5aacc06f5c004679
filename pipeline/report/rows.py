"""Shapes of entries and Parts become the rows of a report's timeline: short names, short texts, nothing empty.

In:     shapes (`pipeline.store.shapes`), Parts by event id
Out:    one row an entry, in order; every text is inert
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.alert.plain import clean
from schemas.incident import Part

Row = dict[str, Any]
#: Characters of a name and of a text, names of a kind, arguments.
NAME, TEXT, NAMES, ARGUMENTS = 300, 2000, 8, 40
#: Characters of all texts of a report, if each has its share of them, and the least that each may have.
WHOLE, LEAST = 20_000_000, 200
#: Key of a row -> field of a shape.
_TEXTS = {
    "id": "event_id", "t": "time", "k": "kind", "wk": "actor_kind", "h": "human", "a": "action", "o": "outcome",
    "c": "credential", "i": "issued", "p": "policy", "ad": "address", "ua": "user_agent", "se": "session",
    "l": "link", "u": "unbound", "tc": "tool_call_event", "pe": "prompt_event", "er": "error", "ac": "account",
    "rec": "record_id", "ph": "phase",
}  # fmt: skip


def rows(shapes: Iterable[Mapping[str, Any]], parts: Mapping[str, Part]) -> list[Row]:
    """The rows."""
    every = list(shapes)
    text = max(min(TEXT, WHOLE // max(len(every), 1)), LEAST)
    return [_row(shape, parts.get(shape["event_id"]), text) for shape in every]


def _row(shape: Mapping[str, Any], part: Part | None, text: int) -> Row:
    made: Row = {key: clean(shape[field] or "", NAME) for key, field in _TEXTS.items()}
    made |= {
        "w": clean(shape["actor"] or shape["stated_actor"], NAME), "lc": round(shape["confidence"], 3),
        "r": _some(shape["resources"]), "ch": _some(shape["credential_chain"]), "x": _shortened(shape["text"], text),
        "g": [
            [clean(one["path"], NAME), clean(one["value"], NAME), clean(one["origin"], 20)]
            for one in shape["arguments"][:ARGUMENTS]
        ],
    }  # fmt: skip
    if part is not None:
        made |= {
            "s": clean(part.strand, NAME), "e": clean(part.role, 20), "pc": round(part.confidence, 3),
            "y": clean(part.tactic, 60), "d": _some(part.detections),
        }  # fmt: skip
    return {key: value for key, value in made.items() if value not in ("", [])}


def _shortened(text: str, most: int) -> str:
    more = len(text) - most
    return clean(text, most) + (f" ({more:,} more characters are in timeline.jsonl)" if more > 0 else "")


def _some(names: list[str]) -> list[str]:
    more = [f"and {len(names) - NAMES} more"] if len(names) > NAMES else []
    return [clean(one, NAME) for one in names[:NAMES]] + more
