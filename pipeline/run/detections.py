"""How well misuse is found, and whether the budget of false alarms is kept, where the truth of every event is known."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from pipeline.kit.config import Settings
from pipeline.kit.state import PartitionState
from pipeline.run.misuse import side_by_side, watch
from pipeline.run.rivals import RIVALS
from pipeline.score import detections
from pipeline.score.act import Act
from pipeline.score.baseline import Baselines
from pipeline.score.misuse import STATE_TYPES, Misuse
from pipeline.score.past import DAY
from pipeline.simulate.attacks import ATTACKS
from pipeline.simulate.controls import CONTROLS
from pipeline.simulate.days import days as peaceful
from pipeline.simulate.days import inject
from pipeline.simulate.truth import Told, Truth
from schemas.entry import PackedEntry
from schemas.finding import Finding

#: How far from the budget the observed rate may be, as a factor.
NEAR = 1.5


@dataclass
class Scenario:
    """One kind of attack, or of harmless work that looks like one."""

    told: int = 0
    found: int = 0
    by: Counter[str] = field(default_factory=Counter)
    #: From the attack's first event to the first Finding with one of its events: its own events, and seconds.
    events: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, other: Scenario) -> None:
        """The same in others."""
        self.told += other.told
        self.found += other.found
        self.by += other.by
        self.events += other.events
        self.seconds += other.seconds


def _counters() -> dict[str, Counter[str]]:
    return defaultdict(Counter)


def _scenarios() -> dict[str, Scenario]:
    return defaultdict(Scenario)


@dataclass
class Observed:
    """What was found in some organisations."""

    detections: Sequence[str]
    budget: float
    identity_days: int = 0
    events: int = 0
    #: False alarms by detection, and by detection and scenario.
    false: Counter[str] = field(default_factory=Counter)
    where: dict[str, Counter[str]] = field(default_factory=_counters)
    attacks: dict[str, Scenario] = field(default_factory=_scenarios)
    #: By rule of others: attacks of which it flags an event, and identity-days on which it flags harmless ones only.
    rivals: dict[str, Counter[str]] = field(default_factory=_counters)

    def take(self, told: Iterable[Told], stage: Misuse, settings: Settings) -> None:
        """One organisation."""
        stage.days = []
        one = _Organisation()
        for part in watch(told, stage, settings):
            for time, truth in part.truths:
                one.tell(time, truth)
            for finding in part.findings:
                one.find(finding)
            one.compare(part.entries)
        self.events += len(one.truths)
        self.identity_days += len(stage.days) + len(stage.state.keys("p/"))
        one.conclude(self)

    def add(self, other: Observed) -> None:
        """What was found in others."""
        self.identity_days += other.identity_days
        self.events += other.events
        self.false += other.false
        for name, where in other.where.items():
            self.where[name] += where
        for name, scenario in other.attacks.items():
            self.attacks[name].add(scenario)
        for name, counts in other.rivals.items():
            self.rivals[name] += counts

    def shown(self) -> dict[str, Any]:
        """As one JSON object."""
        allowed = self.budget * self.identity_days
        rates = {name: self.false[name] / self.identity_days for name in self.detections} if self.identity_days else {}
        return {
            "identity_days": self.identity_days,
            "events": self.events,
            "budget": self.budget,
            "false_alarms": {
                name: {
                    "number": self.false[name], "allowed": round(allowed, 1), "ratio": round(rate / self.budget, 2),
                    "kept": rate <= self.budget * NEAR, "where": dict(self.where[name].most_common(5)),
                }
                for name, rate in rates.items()
            },
            "attacks": {
                name: {
                    "told": one.told, "found": one.found, "by": dict(one.by.most_common()),
                    "events": median(one.events) if one.events else None,
                    "seconds": round(median(one.seconds), 1) if one.seconds else None,
                }
                for name, one in sorted(self.attacks.items())
            },
            "rivals": {
                name: {
                    "attacks_found": counts["found"], "false_days": counts["false"],
                    "ratio": round(counts["false"] / allowed, 2) if allowed else None,
                }
                for name, counts in self.rivals.items()
            },
        }  # fmt: skip


class _Organisation:
    """One run: what is true, and what was found."""

    def __init__(self) -> None:
        self.truths: dict[str, Truth] = {}
        #: By scenario the times of its malicious events so far.
        self._told: dict[str, list[int]] = defaultdict(list)
        self._findings: dict[str, Finding] = {}
        #: By scenario and detection, when it was first found: event time, and the scenario's events until then.
        self._hits: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        self._rivals = {name: make() for name, make in RIVALS.items()}
        #: By rival: scenarios of which it flags an attacker's event, and identity-days of which it flags an event; days
        #: on which an attacker was at work, and events that were compared.
        self._found: dict[str, set[str]] = defaultdict(set)
        self._flagged: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self._bad: set[tuple[str, int]] = set()
        self._compared: set[str] = set()

    def compare(self, entries: list[PackedEntry]) -> None:
        """What the rules of others flag."""
        for act in sorted(map(Act, entries), key=lambda act: act.time):
            if act.event_id in self._compared:
                continue
            self._compared.add(act.event_id)
            truth, day = self.truths.get(act.event_id), (act.identity, act.time // DAY)
            bad = truth is not None and truth.malicious
            if bad:
                self._bad.add(day)
            for name, rival in self._rivals.items():
                if not act.agentic and rival.flags(act):
                    self._flagged[name].add(day)
                    if bad and truth is not None:
                        self._found[name].add(truth.scenario)

    def tell(self, time: int, truth: Truth) -> None:
        self.truths[truth.event_id] = truth
        if truth.malicious:
            self._told[truth.scenario].append(time)

    def find(self, finding: Finding) -> None:
        self._findings[finding.finding_id] = finding
        for truth in self._truths(finding):
            if truth.malicious:
                times = self._told[truth.scenario]
                # Sources tell whole seconds, so that an event may seem to be found before it happened.
                time = max(finding.time, times[0])
                self._hits[truth.scenario].setdefault(finding.detection, (time, bisect_right(times, time)))

    def _truths(self, finding: Finding) -> list[Truth]:
        return [truth for name in finding.entries if (truth := self.truths.get(name)) is not None]

    def conclude(self, into: Observed) -> None:
        for name, times in self._told.items():
            scenario, hits = into.attacks[name], self._hits.get(name, {})
            scenario.told += 1
            if hits:
                scenario.found += 1
                scenario.by.update(hits.keys())
                time, events = min(hits.values())
                scenario.events.append(events)
                scenario.seconds.append((time - times[0]) / 1e6)
        for name in self._rivals:
            into.rivals[name]["found"] += len(self._found[name])
            into.rivals[name]["false"] += len(self._flagged[name] - self._bad)
        for finding in self._findings.values():
            known = self._truths(finding)
            if known and not any(truth.malicious for truth in known):
                into.false[finding.detection] += 1
                into.where[finding.detection][known[0].scenario or "work"] += 1


def observed(
    seeds: Sequence[int], days: int, baselines: Baselines, settings: Settings, advance: Callable[[float], None],
    *, attacks: bool,
) -> Observed:  # fmt: skip
    """Made-up organisations without a past. With `attacks`, each attack, and each harmless work that looks
    like one, happens once in each. `advance` is told which part (0 to 1) is done.
    """
    found = Observed(list(detections.load()), settings.alert_budget)
    make = partial(_organisation, days, baselines, settings, attacks)
    for number, one in enumerate(side_by_side(make, seeds), start=1):
        found.add(one)
        advance(number / len(seeds))
    return found


def _organisation(days: int, baselines: Baselines, settings: Settings, attacks: bool, seed: int) -> Observed:
    found = Observed(list(detections.load()), settings.alert_budget)
    told = inject(seed, days, {**ATTACKS, **CONTROLS}) if attacks else peaceful(seed, days)
    found.take(told, Misuse(PartitionState(STATE_TYPES), baselines, settings.alert_budget), settings)
    return found
