"""Labelled trails, events written by others: which events of which label are flagged, by what, and by which rivals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from pipeline.correlate.engine import Engine
from pipeline.correlate.route import route
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.kit.state import PartitionState
from pipeline.normalize.stage import context_of, process
from pipeline.run.misuse import WINDOW
from pipeline.run.rivals import RIVALS
from pipeline.score.act import Act
from pipeline.score.baseline import Baselines
from pipeline.score.misuse import STATE_TYPES, Misuse
from pipeline.sources import files
from pipeline.sources.streams import Progress
from schemas.entry import PackedEntry
from schemas.rejected import Record


def labels(file: Path) -> dict[str, str]:
    """Label (or technique) by event id. Raises Invalid; OSError."""
    found = {}
    for record in files.read([file]):
        try:
            line = msgspec.json.decode(record.value, type=dict[str, str])
            found[line["eventID"]] = line.get("label") or line["technique"]
        except (msgspec.MsgspecError, KeyError) as error:
            raise Invalid(f"{file}:{record.offset + 1}", '{"eventID": …, "label" or "technique": …}') from error
    return found


def entries_of(file: Path, settings: Settings, advance: Progress = lambda _: None) -> list[PackedEntry]:
    """The timeline of a file, in the order of time."""
    context = context_of(settings)
    engine = Engine(settings.grace, WINDOW, settings.late_limit)
    records: Iterable[Record] = files.read([file], progress=advance)
    events = [event for record in records for normalized in process(record, context) for event in normalized.events]
    entries: list[PackedEntry] = []
    for event in sorted(events, key=lambda event: (event.time, event.event_id)):
        entries += engine.feed(route(event))
    return entries + engine.end()


def report(
    entries: list[PackedEntry], known: dict[str, str], baselines: Baselines, settings: Settings
) -> dict[str, Any]:
    """By label: events, and how many are evidence of a Finding, by detection; the same for the rivals.

    What is not labelled counts as `unlabelled`. Every event counts as one that the trail's first day has no past for.
    """
    stage = Misuse(PartitionState(STATE_TYPES), baselines, settings.alert_budget)
    acts = {act.event_id: act for act in map(Act, entries)}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    flagged: dict[str, set[str]] = defaultdict(set)
    findings = {finding.finding_id: finding for finding in stage.apply(entries)}
    for finding in findings.values():
        for name in finding.entries:
            flagged["whodid"].add(name)
            found[known.get(name, "unlabelled")][finding.detection] += 1
    ordered = sorted(acts.values(), key=lambda act: (act.time, act.event_id))
    for name, make in RIVALS.items():
        rival = make()
        flagged[name] = {act.event_id for act in ordered if rival.flags(act)}
    events = Counter(known.get(name, "unlabelled") for name in acts)
    return {
        label: {
            "events": number,
            "flagged": {
                name: sum(known.get(one, "unlabelled") == label for one in those) for name, those in flagged.items()
            },
            "by": dict(found[label].most_common()),
        }
        for label, number in events.most_common()
    }
