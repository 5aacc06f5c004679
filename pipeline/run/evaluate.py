"""How much of a simulated organisation's truth a timeline found, and whether its confidence is deserved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pipeline.simulate.truth import Truth
from pipeline.store import Store
from pipeline.store.queries import attributions
from schemas.entry import Link

#: A value is claimed when its link is at least as likely right as wrong.
CLAIMED = 0.5
TARGETS = ("actor", "session", "tool_call", "prompt")
#: Width of a bin of the calibration table.
BIN = 0.05


@dataclass
class Score:
    """Claims and truths of one question."""

    right: int = 0
    claimed: int = 0
    true: int = 0

    def add(self, found: str, truth: str) -> None:
        """One event: what was claimed ("" = nothing) and what is true ("" = nothing to be found)."""
        self.claimed += bool(found)
        self.true += bool(truth)
        self.right += bool(found) and found == truth

    def shown(self) -> dict[str, Any]:
        """Precision and recall; None where nothing was asked."""
        return {
            "precision": round(self.right / self.claimed, 5) if self.claimed else None,
            "recall": round(self.right / self.true, 5) if self.true else None,
            "events": self.true,
        }


@dataclass
class Report:
    """Everything that `whodid evaluate attribution` prints."""

    events: int = 0
    lost: int = 0
    duplicated: int = 0
    scores: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    scenarios: dict[str, dict[str, Score]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Score)))
    #: Right and all, by stated confidence and by how the link was made.
    calibration: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0, 0]))
    links: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def shown(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "events": self.events,
            **{name: self.scores[name].shown() for name in (*TARGETS, "human", "causal_path")},
            "calibration": [
                [round(stated / count, 4), round(right / count, 4), count]
                for _, (stated, right, count) in sorted(self.calibration.items())
            ],
            "links": {
                name: {"precision": round(right / count, 5), "links": count}
                for name, (right, count) in sorted(self.links.items())
            },
            "scenarios": {
                name: {what: score.shown() for what, score in scores.items()}
                for name, scores in sorted(self.scenarios.items())
            },
            "lost": self.lost,
            "duplicated": self.duplicated,
        }


def truths(file: Path) -> dict[str, Truth]:
    """The truth of every event that was delivered, by event id. Raises OSError, msgspec.ValidationError."""
    decode = msgspec.json.Decoder(Truth).decode
    with file.open("rb") as lines:
        return {truth.event_id: truth for truth in map(decode, lines) if truth.delivered}


def attribution(store: Store, known: dict[str, Truth]) -> Report:
    """Compare every current entry of a store with its truth."""
    report = Report(events=len(known))
    prompts = {truth.event_id for truth in known.values() if truth.kind == "prompt"}
    seen = 0
    for event_id, found, links in attributions(store):
        truth = known.get(event_id)
        if truth is None:
            report.duplicated += 1
            continue
        seen += 1
        _compare(report, truth, found, links, prompts)
    report.lost = len(known) - seen
    return report


def _compare(report: Report, truth: Truth, found: dict[str, str], links: list[Link], prompts: set[str]) -> None:
    # A prompt that was lost on its way cannot be found.
    prompt = truth.prompt if truth.prompt in prompts and truth.prompt != truth.event_id else ""
    true = {"actor": truth.actor, "session": truth.session, "tool_call": truth.tool_call, "prompt": prompt}
    claims = {target: _claim(found[target], links, target) for target in TARGETS}
    # What an event is itself was not found out.
    asked = [target for target in TARGETS if target != truth.kind]
    for target in asked:
        report.scores[target].add(claims[target], true[target])
        report.scenarios[truth.scenario][target].add(claims[target], true[target])
    report.scores["human"].add(found["human"], truth.human)
    if truth.kind == "cloud_audit" and truth.tool_call:
        whole = all(claims[target] for target in TARGETS) and bool(found["human"])
        right = all(claims[target] == true[target] for target in TARGETS) and found["human"] == truth.human
        report.scores["causal_path"].add("path" if right else "other" if whole else "", "path")
        report.scenarios[truth.scenario]["causal_path"].add("path" if right else "other" if whole else "", "path")
    for target in asked:
        _weigh(report, target, links, found[target], true[target])


def _weigh(report: Report, target: str, links: Iterable[Link], found: str, true: str) -> None:
    link = next((link for link in links if link.target == target), None)
    if link is None or not link.confidence:
        return
    value = found or next(iter(link.candidates), "")
    if not value:
        return
    cell = report.calibration[round(link.confidence / BIN)]
    for count, amount in enumerate((link.confidence, value == true, 1)):
        cell[count] += amount
    report.links[f"{target}/{link.method}"][0] += value == true
    report.links[f"{target}/{link.method}"][1] += 1


def _claim(value: str, links: list[Link], target: str) -> str:
    """The value if it is claimed; what an event states of itself needs no link."""
    link = next((link for link in links if link.target == target), None)
    return value if link is None or link.confidence >= CLAIMED else ""
