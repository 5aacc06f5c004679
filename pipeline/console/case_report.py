"""A case as Markdown, to be handed over. What others wrote can break nothing in it, and becomes no link and no HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report.markdown import code, said

Shape = Mapping[str, Any]
#: Characters of a note.
_NOTE = 10_000


def document(case: Shape, entries: Sequence[Shape]) -> str:
    """`case` with its notes, as in `pipeline.console.casework`; `entries` that are pinned to it."""
    return "\n".join(_lines(case, entries)) + "\n"


def _lines(case: Shape, entries: Sequence[Shape]) -> Iterator[str]:
    clue = f"{said(case['kind'])} {code(case['clue'])}" if case["clue"] else "none"
    yield f"# {said(case['title'])}\n"
    yield f"Case {case['case_id']}, {case['state']}, owner {said(case['owner'])}, clue: {clue}."
    yield f"Opened {case['opened']}, changed {case['at']} by {said(case['by'])}."
    yield "\n## Pinned entries\n"
    pins = {one["event_id"]: one for one in case["notes"] if one["event_id"]}
    if not pins:
        yield "None."
    for entry in entries:
        yield _pinned(entry, pins.pop(entry["event_id"]))
    for name, pin in pins.items():
        yield f"* event {code(name)}, which is not in the timeline any more: {said(pin['text'])} ({said(pin['by'])})"
    yield "\n## Notes\n"
    notes = [one for one in case["notes"] if not one["event_id"]]
    for one in notes:
        yield f"* {one['at']} {said(one['by'])}: {said(one['text'], _NOTE)}"
    if not notes:
        yield "None."


def _pinned(entry: Shape, pin: Shape) -> str:
    actor = said(entry["actor"] or entry["stated_actor"] or "unknown")
    sure = f"by {entry['link']} {entry['confidence']:.2f}"
    return (
        f"* {entry['time']} {actor} did {code(entry['action'])}, {sure} (event {code(entry['event_id'])}): "
        f"{said(pin['text'])} ({said(pin['by'])})"
    )
