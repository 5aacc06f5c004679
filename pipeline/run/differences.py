"""What was stored and what is replayed become Differences.

An attribution differs in whom an event is attributed to, or in how that is known. A finding or an alert differs in
whether somebody is told of it, how severe it is, how it scores, and whom it is about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from pipeline.alert.life import ITSELF
from pipeline.score.findings import DRIFT, OUTSIDE
from pipeline.store import Store, alerts, findings, replays
from pipeline.store.replays import Moved
from schemas.alert import Alert
from schemas.entry import Link
from schemas.finding import Finding
from schemas.replay import Difference, Replay

#: Findings or alerts that are compared at once.
CHUNK = 500
#: By how much confidences and scores have to differ.
NOTABLE = 0.0005
#: What an event is attributed to, with the column that says so; of the first four there are links.
TARGETS = {
    "actor": "actor", "session": "session", "tool_call": "tool_call", "prompt": "prompt_event", "human": "human",
    "on_behalf_of": "on_behalf_of", "credential_chain": "credential_chain", "unbound": "unbound",
}  # fmt: skip
#: What is found by how the values of a call came about, which only steps say.
TEXTUAL = {DRIFT, OUTSIDE}
_NO_LINK = Link("", "none", 0.0)
_finding, _alert = msgspec.json.Decoder(Finding).decode, msgspec.json.Decoder(Alert).decode


def attributions(store: Store, replay_id: str, first: int, last: int) -> Iterator[Difference]:
    """Attributions that differ, of the events in a slice of time."""
    for one in replays.moved(store, replay_id, first, last):
        yield from _targets(one)


def _targets(one: Moved) -> Iterator[Difference]:
    for target, column in TARGETS.items():
        before, after = _said(one.before[column]), _said(one.after[column])
        was, became = _link(one.before["links"], target), _link(one.after["links"], target)
        sure = was.method == became.method and abs(was.confidence - became.confidence) < NOTABLE
        if before == after and sure:
            continue
        yield Difference(
            sort="attribution",
            verdict="new" if not before and after else "gone" if before and not after else "changed",
            because="history",
            subject=target,
            time=one.time,
            name=one.event_id,
            before=before,
            after=after,
            score_before=was.confidence,
            score_after=became.confidence,
            method_before=was.method,
            method_after=became.method,
            actor=one.after["actor"],
            session=one.after["session"],
            sentence=one.action,
            note="the replay has no entry of it" if one.lost else "",
        )


def _said(value: str | list[str]) -> str:
    return value if isinstance(value, str) else json.dumps(value) if value else ""


def _link(links: list[Link], target: str) -> Link:
    return next((link for link in links if link.target == target), _NO_LINK)


class Facts(NamedTuple):
    """What of a finding or an alert is compared."""

    severity: str
    score: float
    actor: str

    def alike(self, other: Facts) -> bool:
        """Whether nobody would see a difference."""
        same = (self.severity, self.actor) == (other.severity, other.actor)
        return same and abs(self.score - other.score) < NOTABLE


class _Sort(NamedTuple):
    """How findings, or alerts, are read and compared."""

    decode: Callable[[str], Any]
    stored: Callable[[Store, list[str]], Mapping[str, Any]]
    facts: Callable[[Any], Facts | None]
    told: Callable[[Any], dict[str, Any]]


def _of_finding(one: Finding | None) -> Facts | None:
    """None for what nobody is told of."""
    return None if one is None or one.retracted or one.suppressed else Facts(one.severity, one.score, one.actor)


def _of_alert(one: Alert | None) -> Facts | None:
    if one is None or one.suppressed or one.part_of:
        return None
    taken_back = one.state == "closed" and bool(one.changes) and one.changes[-1].by == ITSELF
    return None if taken_back else Facts(one.severity, one.risk, one.actor)


def _finding_told(one: Finding) -> dict[str, Any]:
    return {"subject": one.detection, "time": one.time, "sentence": one.sentence, "entries": one.entries}


def _alert_told(one: Alert) -> dict[str, Any]:
    return {"subject": one.family, "time": one.first, "sentence": one.sentence, "entries": one.entries}


_SORTS = {
    "finding": _Sort(_finding, findings.current, _of_finding, _finding_told),
    "alert": _Sort(_alert, alerts.current, _of_alert, _alert_told),
}


def judgements(store: Store, replay: Replay, *, control: bool) -> Iterator[list[Difference]]:
    """Findings and alerts that differ, some at a time. `control`: there is a variant without the options."""
    for sort, of in _SORTS.items():
        for names in _names(store, replay, sort):
            asked = _replayed(store, replay, "asked", sort, names)
            other = _replayed(store, replay, "unchanged", sort, names) if control else asked
            stored = of.stored(store, names)
            skipped = _undecided(
                store, replay, [stored[name] for name in names if name in stored and name not in asked]
            )
            compared = (
                _compared(sort, replay, stored.get(name), asked.get(name), other.get(name))
                for name in names
                if name not in skipped
            )
            yield [one for one in compared if one is not None]


def _undecided(store: Store, replay: Replay, gone: list[Finding | Alert]) -> set[str]:
    """Ids of what is gone only because it is found by what texts say, and history is older than the kept steps."""
    textual = [one for one in gone if _detections(one) <= TEXTUAL]
    there = replays.with_steps(store, [name for one in textual for name in one.entries], (replay.begins, replay.ends))
    found = {_name(one) for one in textual if there.isdisjoint(one.entries)}
    replay.undecided += len(found)
    return found


def _detections(one: Finding | Alert) -> set[str]:
    return {one.detection} if isinstance(one, Finding) else set(one.detections)


def _name(one: Finding | Alert) -> str:
    return one.finding_id if isinstance(one, Finding) else one.alert_id


def standing(store: Store, replay: Replay, sort: str) -> int:
    """How many findings or alerts of the span somebody would have been told of."""
    facts, count = _SORTS[sort].facts, 0
    for names in _names(store, replay, sort):
        found = _replayed(store, replay, "asked", sort, names).values()
        count += sum(facts(one) is not None and _within(replay, sort, one) for one in found)
    return count


def _names(store: Store, replay: Replay, sort: str) -> Iterator[list[str]]:
    after = ""
    while names := replays.names(store, replay.replay_id, sort, (replay.since, replay.until), after, CHUNK):
        yield names
        after = names[-1]


def _replayed(store: Store, replay: Replay, variant: str, sort: str, names: list[str]) -> dict[str, Any]:
    found = replays.bodies(store, replay.replay_id, variant, sort, names)
    return {name: _SORTS[sort].decode(body) for name, body in found.items()}


def _within(replay: Replay, sort: str, one: Finding | Alert) -> bool:
    return bool(replay.since <= _SORTS[sort].told(one)["time"] < replay.until)


def _compared(sort: str, replay: Replay, stored: Any, asked: Any, other: Any) -> Difference | None:  # noqa: ANN401
    facts, told = _SORTS[sort].facts, _SORTS[sort].told
    before, after, control = facts(stored), facts(asked), facts(other)
    if before is None and after is None:
        return None
    if before is not None and after is not None and (before.alike(after) or told(stored)["time"] >= replay.ends):
        # Of what went on after the replay's end the severity and the score are of more than was replayed.
        return None
    same = control == after or (control is not None and after is not None and control.alike(after))
    shown = asked if after is not None else stored
    if not _within(replay, sort, shown) and not (stored is not None and _within(replay, sort, stored)):
        return None
    was, became = before or Facts("", 0.0, ""), after or Facts("", 0.0, "")
    return Difference(
        sort=sort,
        verdict="new" if before is None else "gone" if after is None else "changed",
        because="history" if same else "options",
        name=_name(shown),
        before=was.severity,
        after=became.severity,
        score_before=was.score,
        score_after=became.score,
        actor=shown.actor,
        session=shown.session,
        note=_why(asked) if after is None else _why(stored) if before is None else "",
        **told(shown),
    )


def _why(one: Finding | Alert | None) -> str:
    """Why nobody is told of what is found."""
    if one is None:
        return ""
    if isinstance(one, Alert) and one.part_of:
        return f"part of {one.part_of}"
    return f"suppressed: {one.suppressed}" if one.suppressed else "taken back"
