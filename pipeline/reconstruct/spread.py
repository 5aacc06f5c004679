"""Where to begin becomes everything that belongs: along links, both ways, as far as they are sure enough.

Best first: what is surest is taken in before what rests on it. A link's confidence times that of what it comes from is
the confidence of what it leads to; what falls below the cut-off is held apart, with the reason.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.reconstruct import backward, forward
from pipeline.reconstruct.case import Case
from pipeline.reconstruct.clue import USUAL, Seed
from pipeline.reconstruct.links import Lead
from pipeline.reconstruct.sitting import Weighed, weigh
from pipeline.reconstruct.strands import Key, Thread
from pipeline.reconstruct.suspicion import assess
from schemas.entry import Entry
from schemas.incident import Edge

#: Strands that are taken in at most, and times one is looked at again because something else leads to it.
STRANDS, AGAIN = 150, 3


@dataclass
class Chosen:
    """An entry of the incident."""

    entry: Entry
    key: Key
    role: str
    confidence: float


@dataclass
class Spread:
    """What belongs, what does not, and why."""

    case: Case
    cutoff: float
    chosen: dict[str, Chosen] = field(default_factory=dict)
    #: Strands that belong, and those that are held apart: how sure, and why.
    belongs: dict[Key, tuple[float, str]] = field(default_factory=dict)
    #: Of those of which only single entries belong, because of others.
    beside: dict[Key, tuple[float, str]] = field(default_factory=dict)
    apart: dict[Key, tuple[float, str]] = field(default_factory=dict)
    threads: dict[Key, Thread] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
    _waiting: list[tuple[float, int, Lead]] = field(default_factory=list)
    _looked: dict[Key, int] = field(default_factory=dict)
    #: Strands of which only what was found belongs.
    _narrow: set[Key] = field(default_factory=set)
    _number: int = 0

    def run(self, seeds: Iterable[Seed]) -> None:
        """Take in all that the seeds lead to."""
        for seed in seeds:
            self.lead(
                Lead(seed.thread, seed.confidence, seed.why, "clue", "clue", anchors=seed.entries, narrow=seed.narrow)
            )
        while self._waiting:
            _, _, lead = heapq.heappop(self._waiting)
            if len(self.belongs) >= STRANDS:
                self.case.limit(f"only the {STRANDS} surest strands were followed")
                break
            self._take(lead)

    def lead(self, lead: Lead) -> None:
        """Something leads to a strand."""
        self.threads.setdefault(lead.thread.key, lead.thread)
        if lead.confidence < self.cutoff:
            self.leave(lead.thread, lead.confidence, lead.why)
            return
        self._number += 1
        heapq.heappush(self._waiting, (-lead.confidence, self._number, lead))

    def leave(self, thread: Thread, confidence: float, why: str) -> None:
        """A strand is held apart."""
        self.threads.setdefault(thread.key, thread)
        if confidence >= self.apart.get(thread.key, (-1.0, ""))[0]:
            self.apart[thread.key] = (round(confidence, 4), why)

    def choose(self, entry: Entry, key: Key, role: str, confidence: float, why: str = "it led to it") -> bool:
        """Take in one entry; True if that is news. `why` is told of its strand, if nothing else leads there."""
        self.threads.setdefault(key, self.case.thread(entry))
        self.beside.setdefault(key, (round(confidence, 4), why))
        known = self.chosen.get(entry.event.event_id)
        better = known is None or _worth(role, confidence) > _worth(known.role, known.confidence)
        if better:
            self.chosen[entry.event.event_id] = Chosen(entry, key, role, round(confidence, 4))
        return better

    def connect(self, edge: Edge) -> None:
        """Remember why one thing leads to another; the surest reason counts."""
        place = (edge.source, edge.target, edge.kind)
        if place not in self.edges or self.edges[place].confidence < edge.confidence:
            self.edges[place] = edge

    def _take(self, lead: Lead) -> None:
        key = lead.thread.key
        if self._looked.get(key, 0) >= AGAIN or (key in self._narrow and not lead.narrow):
            return
        if lead.narrow:
            self._narrow.add(key)
        self._looked[key] = self._looked.get(key, 0) + 1
        self.case.past([key.actor])
        assess(self.case, lead.thread)
        taken = weigh(self.case, lead, self.cutoff)
        new = [one for one in taken if self.choose(one.entry, key, one.role, one.confidence, lead.why)]
        if not taken:
            return
        if lead.source != "clue":
            ends = (key.name, lead.source) if lead.back else (lead.source, key.name)
            self.connect(Edge(*ends, lead.kind, round(lead.confidence, 4), lead.why, lead.evidence))
        if lead.confidence > self.belongs.get(key, (0.0, ""))[0]:
            self.belongs[key] = (round(lead.confidence, 4), lead.why)
        if lead.narrow:
            self.leave(lead.thread, USUAL, f"what else {lead.thread.told()} did in {lead.thread.events:,} entries")
        if new:
            self._follow(lead.thread, new)

    def _follow(self, thread: Thread, new: list[Weighed]) -> None:
        acts = [one for one in new if one.role == "act"]
        for trail in (*backward.WAYS, *forward.WAYS):
            trail(self, thread, acts)


def _worth(role: str, confidence: float) -> tuple[bool, float]:
    return role == "act", confidence
