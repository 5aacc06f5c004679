"""Stored history becomes what today's stages make of it, in side tables, and what would have been different.

Entries are read in the order of time, in pages. Each is its Event again, as the source stated it, and goes through
correlation and scoring. The live timeline is read and never written to. What leads in gives baselines, sessions and
bindings their state, what leads out lets late truth come; neither is compared.

If there are options, the scores are made twice, with them and with the settings alone: what both say alike is not
because of the options.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from pipeline.correlate.route import route
from pipeline.correlate.watermark import ENDED
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent, Transient
from pipeline.run import differences
from pipeline.run.recall import Span
from pipeline.run.stages import BATCH, DISORDER, LAG, Scored, Scoring, correlator, recalled, steps_of
from pipeline.store import Store, replays
from pipeline.store.recall import uses
from schemas.batch import Item
from schemas.entry import Entry, PackedEntry
from schemas.event import Event
from schemas.replay import Replay
from schemas.step import Flow, Step, Value

#: Entries that are read at once, and seconds between two signs of life.
PAGE, SIGN_OF_LIFE = 10_000, 5.0
#: Tool calls whose flow is kept; correlation holds half as many events.
FLOWS = 100_000
_SECONDS = 1_000_000


class Nothing(Permanent):
    """There is no history in the span."""


@dataclass
class Asked:
    """What is to be replayed, and what is to be other than the settings say. Event times and spans in microseconds."""

    since: int
    until: int
    lead_in: int
    lead_out: int
    #: Settings that replace those of the environment.
    options: dict[str, Any] = field(default_factory=dict)
    #: The same, as it is kept and shown.
    told: dict[str, str] = field(default_factory=dict)
    by: str = ""


class Replaying:
    """One replay."""

    def __init__(
        self, settings: Settings, store: Store, asked: Asked, advance: Callable[[str, float], None]
    ) -> None:  # fmt: skip
        """`advance` is told what is done, and which part (0 to 1) of it. Raises Permanent for files that are faulty."""
        if asked.since >= asked.until:
            raise Invalid("since", "a time before --until")
        self._store, self._settings, self._advance = store, settings, advance
        #: Event time that is reached: which exceptions hold, and when an alert is opened, is said by it.
        self._moment = asked.since - asked.lead_in
        self._scoring = {"asked": self._scorer(settings.model_copy(update=asked.options))}
        if asked.options:
            self._scoring["unchanged"] = self._scorer(settings)
        self._engine = correlator(settings)
        now = int(time.time() * _SECONDS)
        self.replay = Replay(
            replay_id=secrets.token_hex(6), by=asked.by, began=now, at=now, since=asked.since, until=asked.until,
            begins=asked.since - asked.lead_in, ends=asked.until + asked.lead_out, options=asked.told,
        )  # fmt: skip
        self._told = time.monotonic()
        self._unwritten: list[PackedEntry] = []

    def _scorer(self, settings: Settings) -> Scoring:
        # The files are those of the beginning, whatever becomes of them meanwhile.
        return Scoring(settings, clock=lambda: 0.0, now=lambda: self._moment / _SECONDS)

    def run(self) -> Replay:
        """Blocks until it is compared. Raises Invalid for a span without entries; Transient when the store is away."""
        began, replay = time.monotonic(), self.replay
        there = replays.edges(self._store, replay.since, replay.until)
        if not there.amount:
            raise Nothing("replay: the store has no entries from --since on and before --until")
        try:
            self._note("running")
            self._through()
            self._compare()
            replays.clear(self._store, replay.replay_id)
            replay.seconds = round(time.monotonic() - began, 3)
            self._note("finished")
        finally:
            if replay.state == "running":
                fault = sys.exception()
                interrupted = isinstance(fault, KeyboardInterrupt)
                replay.reason = "" if interrupted else str(fault)
                self._give_up("interrupted" if interrupted else "failed")
        return replay

    def _give_up(self, state: str) -> None:
        """Say that it did not finish, and leave nothing of it; where the store is away, it stays `running`."""
        with suppress(Transient):
            self._note(state)
            replays.clear(self._store, self.replay.replay_id, replays.PARTS)

    def _through(self) -> None:
        replay = self.replay
        there = replays.edges(self._store, replay.begins, replay.ends)
        for first, last in replays.slices(self._store, there.first, there.last + 1, PAGE):
            told = {step.event_id: step for step in replays.steps(self._store, first, last)}
            for entries in _pieces(replays.history(self._store, first, last), BATCH):
                self._feed([again(entry, told.get(entry.event.event_id), self._engine.sessions.flows)
                            for entry in entries], entries[-1].event.time)  # fmt: skip
            shorten(self._engine.sessions.flows)
            self._reach(last, there.amount)
        self._take(self._engine.end())
        self._recall()
        self._score()
        self._write()

    def _feed(self, events: Iterable[Event], moment: int) -> None:
        items: list[Item] = []
        for event in events:
            items += route(event)
            self.replay.replayed += 1
        self._moment = moment
        self._take(self._engine.feed(items))
        self._take(self._engine.reached(moment - DISORDER))
        self._recall()
        self._score(moment - LAG)

    def _take(self, entries: list[PackedEntry]) -> None:
        steps = steps_of(self._engine)
        self._engine.conflicts()
        self._unwritten += entries
        if len(self._unwritten) >= PAGE:
            self._write()
        for scoring in self._scoring.values():
            scoring.take(steps, entries)

    def _write(self) -> None:
        replays.write_entries(self._store, self.replay.replay_id, self._unwritten)
        self._unwritten = []

    def _score(self, until: int = ENDED) -> None:
        for variant, scoring in self._scoring.items():
            self._keep(variant, scoring.score(until))

    def _keep(self, variant: str, scored: Scored) -> None:
        name, store = self.replay.replay_id, self._store
        found = ((one.finding_id, one.revision, one.time, one) for one in scored.findings)
        replays.write_replayed(store, name, variant, "finding", found)
        alerts = ((one.alert_id, one.revision, one.first, one) for one in scored.alerts)
        replays.write_replayed(store, name, variant, "alert", alerts)

    def _recall(self) -> None:
        for entries in recalled(self._engine, self._uses):
            self._take(entries)

    def _uses(self, credential: str, span: Span | None) -> Iterator[Entry]:
        """What was replayed so far with a credential, where it is attributed to by now."""
        low, high = span or (self.replay.begins, self._moment)
        span = max(low, self.replay.begins), min(high, self._moment)
        self._write()
        for entries in _pieces(uses(self._store, [credential], span), BATCH):
            ids = [entry.event.event_id for entry in entries]
            owners = replays.owners(self._store, self.replay.replay_id, ids, span)
            for entry in entries:
                if entry.event.event_id in owners:
                    entry.session, entry.parent_session = owners[entry.event.event_id]
                    yield entry

    def _reach(self, moment: int, of: int) -> None:
        self.replay.reached = moment
        self._alive("replaying", self.replay.replayed / of)

    def _alive(self, what: str, share: float) -> None:
        self._advance(what, share)
        if time.monotonic() - self._told >= SIGN_OF_LIFE:
            self._note("running")

    def _compare(self) -> None:
        replay, store, name = self.replay, self._store, self.replay.replay_id
        span = replay.since, replay.until
        there = replays.edges(store, *span)
        replay.compared = there.amount
        done = 0
        for first, last in replays.slices(store, there.first, there.last + 1, PAGE):
            replays.write_differences(store, name, list(differences.attributions(store, name, first, last)))
            done += PAGE
            self._alive("comparing", min(1.0, done / there.amount))
        control = "unchanged" in self._scoring
        for found in differences.judgements(store, replay, control=control):
            replays.write_differences(store, name, found)
        replay.findings, replay.alerts = (
            differences.standing(store, replay, sort) for sort in ("finding", "alert")
        )  # fmt: skip
        replay.counts = replays.counts(store, name)

    def _note(self, state: str) -> None:
        self.replay.state, self.replay.at = state, int(time.time() * _SECONDS)
        self.replay.revision += 1
        self._told = time.monotonic()
        replays.put(self._store, self.replay)


def shorten(flows: dict[str, Flow]) -> None:
    """Forget the oldest of too many: correlation forgets those of events that it no longer holds, not of all others."""
    for name in list(flows)[: max(0, len(flows) - FLOWS)]:
        del flows[name]


def _pieces(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    left = iter(entries)
    while piece := list(islice(left, size)):
        yield piece


def again(entry: Entry, step: Step | None, flows: dict[str, Flow]) -> Event:
    """The event of an entry, as its source stated it, with what is kept of the fingerprints of its texts.

    Origins of arguments are those that were found when there were fingerprints: without them none is looked for.
    """
    event = entry.event
    if step is None:
        return event
    if step.flow is None:
        return msgspec.structs.replace(event, tokens=step.words)
    shown = {argument.path: argument.value for argument in event.arguments}
    values: list[Value] = [
        msgspec.structs.replace(value, shown=shown.get(value.path, "")) for value in step.flow.values
    ]
    flows[event.event_id] = msgspec.structs.replace(step.flow, values=values)
    return event
