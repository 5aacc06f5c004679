"""Entries of a session become a waterfall: what caused what, and when.

In:     Entries, oldest first
Out:    rows in the order of the tree: each cause, then what it caused, with places on one line of time

A prompt caused the tool calls that name it, a tool call the issuances and requests that name it; a request that no call
explains hangs on the issuance of its credential if that is there. Each of these is a link of the entry, with its own
method and confidence; nothing is concluded here. A call that was reported twice (its start and its end) is one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.console import shapes
from pipeline.console.pages.lanes import LANES
from pipeline.console.pages.scale import Fold, Scale
from schemas.entry import Entry

#: Rows deeper than this stand as deep as this: only forged logs nest further.
_DEEPEST = 6
#: Microseconds after the last act until which an act is drawn that says it ended later: more is forged, and would make
#: a dot of everything else.
_BEYOND = 86_400_000_000


class Row(NamedTuple):
    """One act."""

    entry: dict[str, Any]
    depth: int
    #: CSS class of its lane, where its bar begins and how long that is (0 to `scale.WIDTH`), and how long the act took
    #: (microseconds; 0: not stated).
    lane: str
    at: float
    long: float
    took: int
    #: What made the link to the row above it and how sure that is; empty at a root.
    because: str
    sure: float


class Waterfall(NamedTuple):
    """All rows, and the silences that were folded."""

    rows: list[Row]
    folds: list[Fold]


def waterfall(entries: Sequence[Entry]) -> Waterfall:
    """The waterfall of some entries."""
    acts = _acts(entries)
    if not acts:
        return Waterfall([], [])
    ended = _ended(entries)
    ends = {name: _end(one, ended) for name, one in acts.items()}
    last = max(one.event.time for one in acts.values()) + _BEYOND
    scale = Scale((one.event.time, min(last, ends[name])) for name, one in acts.items())
    causes = _causes(acts)
    children: dict[str, list[str]] = {}
    for name, (cause, _, _) in causes.items():
        children.setdefault(cause, []).append(name)
    rows: list[Row] = []
    seen: set[str] = set()

    def put(name: str, depth: int) -> None:
        pending = [(name, depth)]
        while pending:
            one, deep = pending.pop()
            if one in seen:
                continue
            seen.add(one)
            rows.append(_row(acts[one], ends[one], scale, min(deep, _DEEPEST), causes.get(one)))
            pending += [(child, deep + 1) for child in reversed(children.get(one, []))]

    for name in acts:
        if name not in causes:
            put(name, 0)
    # What is left is a circle, which only a forged log can hold.
    for name in acts:
        put(name, 0)
    return Waterfall(rows, scale.folds)


def _acts(entries: Sequence[Entry]) -> dict[str, Entry]:
    """By event id; of a call's start and end the one that came first."""
    acts: dict[str, Entry] = {}
    calls: set[tuple[str, str]] = set()
    for one in entries:
        event = one.event
        if event.kind == "tool_call" and event.tool_call and event.phase:
            if (event.session, event.tool_call) in calls:
                continue
            calls.add((event.session, event.tool_call))
        acts[event.event_id] = one
    return acts


def _ended(entries: Sequence[Entry]) -> dict[tuple[str, str], int]:
    """When each call ended, by session and call, as far as that was reported apart."""
    ended: dict[tuple[str, str], int] = {}
    for event in (one.event for one in entries):
        if event.phase == "end" and event.tool_call:
            name = (event.session, event.tool_call)
            ended[name] = max(event.time, ended.get(name, event.time))
    return ended


def _end(one: Entry, ended: Mapping[tuple[str, str], int]) -> int:
    event = one.event
    stated = event.attributes.get("end_time", "")
    if stated.isascii() and stated.isdigit() and len(stated) < 18:
        return max(event.time, int(stated))
    found = ended.get((event.session, event.tool_call), event.time) if event.phase == "start" else event.time
    return max(event.time, found)


def _causes(acts: dict[str, Entry]) -> dict[str, tuple[str, str, float]]:
    """By event id: the act that caused it, and the link that says so."""
    called = {name: one.event.tool_call for name, one in acts.items() if one.event.kind == "tool_call"}
    calls = {call: name for name, call in called.items() if call}
    minted = {one.event.issued: name for name, one in acts.items() if one.event.issued}
    found: dict[str, tuple[str, str, float]] = {}
    for name, one in acts.items():
        call = one.tool_call_event if one.tool_call_event in acts else calls.get(one.tool_call, "")
        tried = [
            (call if one.event.kind != "tool_call" else "", "tool_call"),
            (one.prompt_event, "prompt"),
            (minted.get(one.event.credential, ""), "actor"),
        ]
        cause, target = next(((cause, target) for cause, target in tried if cause in acts and cause != name), ("", ""))
        if cause:
            link = next((link for link in one.links if link.target == target), None)
            found[name] = (cause, link.method if link else "", link.confidence if link else 0.0)
    return found


def _row(one: Entry, ends: int, scale: Scale, depth: int, cause: tuple[str, str, float] | None) -> Row:
    at, long = scale.bar(one.event.time, ends)
    took = ends - one.event.time
    _, because, sure = cause or ("", "", 0.0)
    return Row(shapes.entry(one), depth, LANES.get(one.event.kind, "other"), at, long, took, because, sure)
