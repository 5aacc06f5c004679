"""Runs of tool-using agents, for training and evaluation: through normalization, correlation and scoring, as any log.

A run becomes a session of canonical events: its prompt, and one event per tool call with its result. There are no times
in it; calls follow each other by a second and runs by a quarter of an hour, which tells nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from pipeline.correlate.engine import Engine
from pipeline.correlate.route import route
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.normalize.stage import context_of, process
from pipeline.score.drift import Drift, Scored
from pipeline.sources import files
from pipeline.sources.streams import Progress
from schemas.agent_run import Run
from schemas.batch import Item
from schemas.finding import Finding
from schemas.rejected import Record

#: Characters of a text that a canonical event may have.
LONGEST = 1_000_000
BEGIN, BETWEEN_RUNS, BETWEEN_CALLS = datetime(2024, 1, 1, tzinfo=UTC), timedelta(minutes=15), timedelta(seconds=1)


def read(file: Path, advance: Progress = lambda _: None) -> Iterator[Run]:
    """The runs in a file of JSON lines, gzipped or not. Raises Permanent; Invalid names the record and its field."""
    decode = msgspec.json.Decoder(Run).decode
    for record in files.read([file], progress=advance):
        try:
            run = decode(record.value)
        except msgspec.MsgspecError as error:
            raise Invalid(f"{file}:{record.offset + 1}", f"an agent run (run, prompt, steps…): {error}") from error
        yield run


def fingerprint(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


class Replayed(msgspec.Struct, gc=False):
    """What became of a run: its calls as scored, and its Findings as they stand."""

    run: Run
    calls: list[Scored]
    findings: list[Finding]

    @property
    def score(self) -> float:
        """That of its worst call; 0 without calls."""
        return max((call.score for call in self.calls), default=0.0)


class Replay:
    """Runs, one after the other, through the stages of the pipeline."""

    def __init__(self, settings: Settings, drift: Drift) -> None:
        self._context = context_of(settings)
        self._engine = Engine(settings.grace, settings.late_window, settings.late_limit)
        self._drift = drift
        self._time = BEGIN
        self.events = 0
        #: Steps that were scored, and what that took of the processor (seconds).
        self.steps, self.seconds = 0, 0.0
        #: Events that were not understood; a run of that format gives none.
        self.rejected = 0

    def runs(self, runs: Iterable[Run]) -> Iterator[Replayed]:
        """Each run with what was found."""
        for run in runs:
            self._engine.steps, self._drift.scored = [], []
            self._engine.feed(self._items(run))
            self._time += BETWEEN_RUNS
            self._engine.reached(int(self._time.timestamp() * 1e6))
            began = time.process_time()
            found = self._drift.apply(self._engine.steps)
            self.seconds += time.process_time() - began
            self.steps += len(self._engine.steps)
            findings = {finding.finding_id: finding for finding in found}
            calls = {scored.step.event_id: scored for scored in self._drift.scored}
            standing = [finding for finding in findings.values() if not finding.retracted]
            yield Replayed(run, sorted(calls.values(), key=lambda scored: scored.step.time), standing)

    def _items(self, run: Run) -> list[Item]:
        items: list[Item] = []
        for topic, event in self._told(run):
            for normalized in process(Record(msgspec.json.encode(event), "canonical", topic), self._context):
                self.rejected += normalized.rejected is not None
                self.events += len(normalized.events)
                for one in normalized.events:
                    items += route(one)
        return items

    def _told(self, run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
        session = hashlib.blake2b(f"{run.run}\0{self._time}".encode(), digest_size=12).hexdigest()
        actor = {"id": run.agent, "kind": "agent"}
        common = {"actor": actor, "session": session}
        yield "prompts", {"kind": "prompt", "time": self._time.isoformat(), "text": run.prompt[:LONGEST], **common}
        for number, call in enumerate(run.steps, start=1):
            yield "tool-calls", {
                "kind": "tool_call", "time": (self._time + number * BETWEEN_CALLS).isoformat(), "tool": call.tool,
                "tool_call": f"{session}-{number}", "arguments": call.arguments, "text": _text(call.result),
                "outcome": "failure" if call.error else "success", **common,
            }  # fmt: skip


def _text(result: object) -> str:
    """A tool's result as it is, or as JSON; no longer than an event may be."""
    text = result if isinstance(result, str) else msgspec.json.encode(result).decode() if result is not None else ""
    return text[:LONGEST]
