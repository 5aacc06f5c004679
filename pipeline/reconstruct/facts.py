"""A finished Spread as those see it who tell of it: entries in the order of time, by strand, with what was found."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from pipeline.reconstruct.case import Case
from pipeline.reconstruct.deeds import tactic_of
from pipeline.reconstruct.spread import Chosen, Spread
from pipeline.reconstruct.strands import Key
from pipeline.score.act import Act
from pipeline.score.baseline import WORKERS, Shapes, load
from pipeline.score.tempo import vectors
from schemas.finding import Finding


@dataclass
class Facts:
    """What is known of an incident when nothing more is followed."""

    spread: Spread
    #: Its entries, oldest first; and those of them that were done in it.
    entries: list[Chosen]
    acts: list[Chosen]
    by_strand: dict[Key, list[Chosen]] = field(default_factory=dict)
    #: Findings that have an act as evidence, by id; and by entry.
    findings: dict[str, Finding] = field(default_factory=dict)
    found: dict[str, list[Finding]] = field(default_factory=dict)
    tempos: dict[Key, str] = field(default_factory=dict)

    @property
    def case(self) -> Case:
        """What the store was asked."""
        return self.spread.case

    def why(self, key: Key) -> tuple[float, str]:
        """How sure a strand belongs, and why."""
        known = self.spread.belongs.get(key)
        if known is not None:
            return known
        sure, why = self.spread.beside[key]
        if key in self.spread.apart:
            less, rest = self.spread.apart[key]
            why = f"{why}; what else it did is held apart, {less:.2f} sure: {rest}"
        return sure, why

    def tactics(self, key: Key) -> dict[str, list[Chosen]]:
        """Acts of a strand by tactic, in the order in which each began."""
        found: dict[str, list[Chosen]] = defaultdict(list)
        for one in self.by_strand.get(key, []):
            found[tactic_of(one.entry)].append(one)
        return dict(found)


def facts(spread: Spread) -> Facts:
    """The facts of a finished Spread."""
    entries = sorted(spread.chosen.values(), key=lambda one: (one.entry.event.time, one.entry.event.event_id))
    acts = [one for one in entries if one.role == "act"]
    known = Facts(spread, entries, acts)
    for one in acts:
        known.by_strand.setdefault(one.key, []).append(one)
    for one in acts:
        thread = spread.threads.get(one.key)
        for finding in thread.findings.get(one.entry.event.event_id, []) if thread else []:
            known.findings[finding.finding_id] = finding
            known.found.setdefault(one.entry.event.event_id, []).append(finding)
    shapes = load().shapes
    known.tempos = {key: tempo(those, shapes) for key, those in known.by_strand.items()}
    return known


def tempo(acts: list[Chosen], shapes: Shapes) -> str:
    """Who is at work by the shape of it in time: human, agent or script; empty where too little is seen."""
    steps = [Act(one.entry.packed()) for one in acts if one.entry.event.kind not in ("prompt", "tool_call")]
    measured = vectors(steps)
    if not measured:
        return ""
    likely = shapes.probabilities(measured[-1])
    return max(zip(likely, WORKERS, strict=True))[1]
