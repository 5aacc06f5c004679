"""Items of correlation become Entries, Findings and Alerts: the stages of one process and one partition.

Whoever reads history drives them, be it out of log files (`investigate`) or out of the store (`replay`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeVar

from pipeline.alert import kept
from pipeline.alert.file import Alerts
from pipeline.alert.stage import Alerting
from pipeline.correlate.engine import Engine
from pipeline.correlate.keys import CREDENTIAL
from pipeline.correlate.watermark import ENDED
from pipeline.kit.config import Settings
from pipeline.kit.state import PartitionState
from pipeline.run.recall import Pending, Span, again
from pipeline.score import drift, misuse
from schemas.alert import Alert
from schemas.batch import Item
from schemas.behaviour import Behaviour
from schemas.entry import Entry, PackedEntry
from schemas.event import head_of
from schemas.finding import Finding
from schemas.step import EXPLAINED, Step

#: Items that the correlator sees at once.
BATCH = 2000
#: Events of one key that are kept for revision: the correlator's limit for all of them together is enough.
KEEP = 100_000_000
#: Event time (microseconds) by which a log may be out of order without costing a second look.
DISORDER = 900_000_000


#: Event time (microseconds) for which what was read waits to be scored, and of which alerts are made at once.
LAG, MINUTE = 2 * DISORDER, 60_000_000
#: Entries that wait at most, and requests that are remembered as unexplained.
MOST, REMEMBERED = 100_000, 200_000
#: Event time and id.
Place = tuple[int, str]
Waiting = TypeVar("Waiting", Step, PackedEntry)


class Scored(NamedTuple):
    """What the scoring stages and the alert stage say of some entries."""

    findings: list[Finding]
    alerts: list[Alert]
    behaviours: list[Behaviour]


class Scoring:
    """Drift, misuse and alerts, as the settings have them.

    What is read at once may be of half a day, and comes out of correlation by who acted, and some of it twice. So it
    waits, and is scored in the order of time, as it is known by then: however it was cut into pieces.
    """

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        """`clock` says when files of rules are looked at again, `now` what day it is. Raises Permanent."""
        self._drift = drift.scorer(settings, clock=clock, now=now)(PartitionState(drift.STATE_TYPES))
        self._misuse = misuse.scorer(settings, clock=clock, now=now)(PartitionState(misuse.STATE_TYPES))
        alerts = Alerts.load(settings.alerts, clock=clock)
        self._alerting = Alerting(PartitionState(kept.STATE_TYPES), alerts, now)
        self._steps: dict[Place, Step] = {}
        #: Requests that were scored as ones that no call explains: that one does now is news.
        self._unexplained: dict[Place, None] = {}
        self._entries: dict[Place, PackedEntry] = {}

    def take(self, steps: Iterable[Step], entries: Iterable[PackedEntry]) -> None:
        """Have them scored when their time has come."""
        for step in steps:
            place = step.time, step.event_id
            if _is_explained(step) and place not in self._unexplained:
                self._steps.pop(place, None)
            else:
                self._steps[place] = step
        for entry in entries:
            head = head_of(entry.event)
            self._entries[head.time, head.event_id] = entry

    def score(self, until: int = ENDED) -> Scored:
        """New Findings, Alerts and Behaviours, and revisions of earlier ones, of what was before an event time."""
        until = self._until(until - until % MINUTE)
        steps = _due(self._steps, until)
        self._note(steps)
        findings = self._drift.apply(steps) + self._misuse.apply(_due(self._entries, until))
        findings.sort(key=attrgetter("time"))
        alerts: list[Alert] = []
        for _, those in groupby(findings, lambda finding: finding.time // MINUTE):
            alerts += self._alerting.apply(those).alerts
        behaviours, self._misuse.behaviours = self._misuse.behaviours, []
        return Scored(findings, alerts, behaviours)

    def _until(self, until: int) -> int:
        """The same, or later if too many wait."""
        excess = len(self._entries) - MOST
        return until if excess <= 0 else max(until, sorted(self._entries)[excess][0])

    def _note(self, steps: list[Step]) -> None:
        self._unexplained.update({(step.time, step.event_id): None for step in steps if step.explained < EXPLAINED})
        for place in list(self._unexplained)[: max(0, len(self._unexplained) - REMEMBERED)]:
            del self._unexplained[place]


def _is_explained(step: Step) -> bool:
    """Whether it is a request that a call explains."""
    return step.flow is None and not step.words and step.explained >= EXPLAINED


def _due(waiting: dict[Place, Waiting], until: int) -> list[Waiting]:
    return [waiting.pop(place) for place in sorted(place for place in waiting if place[0] < until)]


def correlator(settings: Settings) -> Engine:
    """Both hops, for somebody who has a store to recall from; steps are collected."""
    engine = Engine(settings.grace, settings.late_window, KEEP, recalls=True)
    engine.steps = []
    return engine


def steps_of(engine: Engine) -> list[Step]:
    """What the engine has told the scoring stage since the last call."""
    steps, engine.steps = engine.steps, []
    return steps or []


def recalled(
    engine: Engine, uses: Callable[[str, Span | None], Iterable[Entry]]
) -> Iterator[list[PackedEntry]]:  # fmt: skip
    """Let the engine see again what it asks for, until it asks for no more; each time, what that makes of it.

    `uses`: the entries of a credential (its name without prefix), and what it issued, that the store has so far.
    """
    while engine.recalls:
        wanted: dict[str, Pending] = {}
        for recall in engine.recalls:
            wanted.setdefault(recall.key, Pending({})).add(recall)
        engine.recalls = []
        for key, one in wanted.items():
            items: list[Item] = []
            for entry in uses(key.removeprefix(CREDENTIAL), one.span):
                items += again(entry)
            yield engine.feed(items)
