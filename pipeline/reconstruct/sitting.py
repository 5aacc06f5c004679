"""A strand that something points at becomes those of its entries that belong, each with how sure that is.

Another hand than usual is taken as a whole, a day around what is pointed at. A usual hand has its own work beside it:
then a sitting (entries with no pause longer than PAUSE) belongs if something in it is pointed at; later ones of the
same temporary credential may, earlier ones hardly. An agent's conversation turns: from the first entry that was found,
or that its agent never did before, what it does belongs, and what it did before led to it; where nothing says when it
turned, all of it belongs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.reconstruct.case import Case
from pipeline.reconstruct.links import Lead
from pipeline.reconstruct.strands import Thread
from pipeline.score.deeds import GRAVE, deed_of
from schemas.entry import Entry

MINUTE = 60_000_000
#: Longest pause within a sitting, and what of a usual hand is looked at around what is pointed at.
PAUSE, AROUND = 5 * MINUTE, 24 * 60 * MINUTE
#: How much less sure are: later sittings of a temporary credential or a conversation, its earlier ones, those of a
#: standing credential; entries of the sitting itself before what is pointed at.
LATER, EARLIER, OTHER, BEFORE = 0.65, 0.4, 0.3, 0.9
#: A sitting so long, of which so small a share is pointed at, with what is no temporary credential, is a service at its
#: daily work: only that share belongs.
LONG, SHARE = 300, 0.02
#: How credentials begin that outlive a sitting.
_STANDING = ("aws:AKIA", "github:", "okta:")


class Weighed(NamedTuple):
    """An entry of a strand."""

    entry: Entry
    role: str
    confidence: float


def weigh(case: Case, lead: Lead, cutoff: float) -> list[Weighed]:
    """Entries of a strand that belong at least as surely as the cut-off, oldest first."""
    thread = lead.thread
    if thread.key.part == "agent":
        found = _conversation(case, lead, case.rows(thread))
    elif lead.narrow:
        found = [Weighed(one, "act", lead.confidence) for one in case.entries(lead.anchors)]
    elif lead.whole or not lead.anchors:
        found = [Weighed(one, "act", lead.confidence) for one in case.rows(thread)]
    elif thread.foreign:
        times = [one.event.time for one in case.entries(lead.anchors)] or [thread.first, thread.last]
        rows = case.rows(thread, min(times) - AROUND, max(times) + AROUND)
        found = [Weighed(one, "act", lead.confidence) for one in rows]
    else:
        found = _sittings(case, lead)
    return [one for one in found if one.confidence >= cutoff]


def _sittings(case: Case, lead: Lead) -> list[Weighed]:
    times = [one.event.time for one in case.entries(lead.anchors)]
    if not times:
        return []
    rows = case.rows(lead.thread, min(times) - AROUND, max(times) + AROUND)
    if lead.thread.key.part == "called":
        pointed = set(lead.anchors)
        return [Weighed(one, "act", lead.confidence) for one in rows if one.event.event_id in pointed]
    stays = not lead.thread.key.credential or lead.thread.key.credential.startswith(_STANDING)
    found: list[Weighed] = []
    reached = False
    for sitting in sittings(rows):
        begin, end = sitting[0].event.time, sitting[-1].event.time
        marks = [time for time in times if begin <= time <= end]
        reached = reached or bool(marks)
        found += _weighed(sitting, lead.confidence, marks, reached=reached, stays=stays)
    return found


def _weighed(
    sitting: Sequence[Entry], confidence: float, marks: list[int], *, reached: bool, stays: bool
) -> list[Weighed]:
    if marks and stays and len(sitting) >= LONG and len(marks) < SHARE * len(sitting):
        return [Weighed(one, "act", confidence) for one in sitting if one.event.time in marks]
    if marks:
        return [Weighed(one, "act", confidence * (BEFORE if one.event.time < min(marks) else 1.0)) for one in sitting]
    share = OTHER if stays else LATER if reached else EARLIER
    return [Weighed(one, "act", confidence * share) for one in sitting]


def sittings(rows: Sequence[Entry]) -> list[list[Entry]]:
    """Runs of entries without a long pause."""
    found: list[list[Entry]] = []
    for row in rows:
        if not found or row.event.time - found[-1][-1].event.time > PAUSE:
            found.append([])
        found[-1].append(row)
    return found


def _conversation(case: Case, lead: Lead, rows: list[Entry]) -> list[Weighed]:
    pointed = [one.event.time for one in rows if one.event.event_id in lead.anchors]
    turned = min([turn(case, lead.thread, rows), *pointed])
    return [
        Weighed(one, "act" if one.event.time >= turned and not _asks(one) else "cause", lead.confidence) for one in rows
    ]


def turn(case: Case, thread: Thread, rows: Sequence[Entry]) -> int:
    """When a conversation turned (microseconds): its first entry that was found, or that its agent never did before;
    its beginning where nothing says so."""
    case.past([thread.key.actor])
    firsts = case.first_time(thread.key.actor)
    began = min(firsts.values(), default=0)
    times = [
        one.event.time for one in rows
        if one.event.event_id in thread.findings
        or (began < thread.first <= firsts.get(one.event.action, 0) <= one.event.time and _matters(one))
    ]  # fmt: skip
    return min(times or [one.event.time for one in rows if not _asks(one)] or [0])


def _matters(entry: Entry) -> bool:
    return entry.event.kind == "tool_call" or bool(deed_of(entry.event.action).flags & GRAVE)


def _asks(entry: Entry) -> bool:
    """Whether an entry is somebody's prompt or an agent's turn, and not what it did."""
    return entry.event.kind == "prompt"
