"""How much of each attack a reconstruction finds, from every kind of clue, and what else it draws in.

Of each attack on a made-up organisation one clue of each kind is drawn from its own events, by seed. Its truth is never
read but to draw clues and to count.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.reconstruct import CUTOFF, reconstruct
from pipeline.run.investigate import Investigation
from pipeline.simulate.attacks import ATTACKS
from pipeline.simulate.days import inject
from pipeline.simulate.faults import Faults, arrivals
from pipeline.simulate.truth import Told, Truth
from pipeline.store import Store, connect, queries
from pipeline.store.alerts import alerts
from pipeline.store.findings import findings
from schemas.entry import Entry
from schemas.incident import Clue, Incident
from schemas.rejected import Record

#: Ids in one question, and findings and alerts of an organisation.
_IDS, _MOST = 500, 10_000


class Trial(NamedTuple):
    """One reconstruction, held against the truth."""

    scenario: str
    clue: str
    #: Whether its credential is one that several identities use.
    shared: bool
    #: Share of the attack's events that were found; of all harmless events of the organisation that were drawn in.
    recall: float
    drawn: float
    #: Share of what is said to be done in it that an attacker did.
    precision: float
    #: Whether the true root is among those that are named.
    root: bool


@dataclass
class Tried:
    """Trials, summed up."""

    trials: list[Trial] = field(default_factory=list)
    events: int = 0

    def shown(self) -> dict[str, Any]:
        """As one JSON object."""
        own = [one for one in self.trials if not one.shared]
        return {
            "reconstructions": len(self.trials),
            "events": self.events,
            "own_credentials": _means(own),
            "shared_credentials": _means([one for one in self.trials if one.shared]),
            "by_clue": {name: _means(those) for name, those in _by(self.trials, "clue")},
            "by_attack": {name: _means(those) for name, those in _by(self.trials, "scenario")},
            "below": {f"{name} from {kind}": number for (name, kind), number in self.below().most_common()},
        }

    def below(self, least: float = 0.99) -> Counter[tuple[str, str]]:
        """How often less than so much of an attack was found, by attack and kind of clue."""
        return Counter((one.scenario, one.clue) for one in self.trials if one.recall < least)


def _by(trials: Iterable[Trial], name: str) -> list[tuple[str, list[Trial]]]:
    found: dict[str, list[Trial]] = defaultdict(list)
    for one in trials:
        found[getattr(one, name)].append(one)
    return sorted(found.items())


def _means(trials: Sequence[Trial]) -> dict[str, Any]:
    if not trials:
        return {"number": 0}
    means = {name: round(fmean(getattr(one, name) for one in trials), 5) for name in _MEASURES}
    worst = min(trials, key=lambda one: one.recall)
    return {
        "number": len(trials), **means, "least_recall": round(worst.recall, 4),
        "most_drawn": round(max(one.drawn for one in trials), 5),
    }  # fmt: skip


_MEASURES = ("recall", "drawn", "precision", "root")


def tried(
    seeds: Sequence[int], days: int, scale: float, faults: Faults, advance: Callable[[float], None],
    cutoff: float = CUTOFF,
) -> Tried:  # fmt: skip
    """Every attack once in each organisation, from each kind of clue. `advance` is told which part (0 to 1) is done."""
    found = Tried()
    # An embedded engine belongs to its process for good.
    with ProcessPoolExecutor(cpu_count(), mp_context=get_context("spawn"), max_tasks_per_child=1) as workers:
        jobs = [workers.submit(_organisation, seed, days, scale, faults, cutoff) for seed in seeds]
        for number, job in enumerate(jobs, start=1):
            one = job.result()
            found.trials += one.trials
            found.events += one.events
            advance(number / len(seeds))
    return found


def _organisation(seed: int, days: int, scale: float, faults: Faults, cutoff: float) -> Tried:
    with tempfile.TemporaryDirectory(prefix="whodid-reconstruct-") as home:
        settings = Settings(clickhouse=f"chdb://{home}/store", data_dir=Path(home), hash_key="made-up-organisations")
        truths: dict[str, Truth] = {}
        told = arrivals(inject(seed, days, ATTACKS, scale=scale, skew=faults.skew), faults, seed)
        with connect(settings) as store:
            Investigation(settings, store).run(records(told, truths))
            return Tried(list(trials(store, truths, seed, cutoff)), len(truths))


def records(told: Iterable[Told], truths: dict[str, Truth]) -> Iterator[Record]:
    """What is told and arrives; what is true of it is added to `truths`, by event id."""
    for number, one in enumerate(told):
        for truth in one.truths:
            truths[truth.event_id] = truth
        if not one.truths or one.truths[0].delivered:
            yield Record(one.value, one.format, one.topic, 0, number)


def trials(store: Store, truths: dict[str, Truth], seed: int, cutoff: float = CUTOFF) -> Iterator[Trial]:
    """Every attack from every kind of clue that it has."""
    bad: dict[str, list[str]] = defaultdict(list)
    for truth in truths.values():
        if truth.malicious and truth.delivered:
            bad[truth.scenario].append(truth.event_id)
    malicious = {name for those in bad.values() for name in those}
    shared = _shared(truths.values())
    told = told_of(store)
    for scenario, ids in sorted(bad.items()):
        entries = entries_of(store, ids)
        first = truths[entries[0].event.event_id] if entries else None
        for clue in clues_of(entries, told, random.Random(f"{seed}/{scenario}")):  # noqa: S311
            if first is not None:
                incident = _tried(store, clue, cutoff)
                yield _counted(incident, scenario, clue, set(ids), malicious, truths, first, shared)


def _tried(store: Store, clue: Clue, cutoff: float) -> Incident | None:
    try:
        return reconstruct(store, clue, cutoff)[0]
    except Invalid:
        return None


def _counted(
    incident: Incident | None, scenario: str, clue: Clue, ids: set[str], malicious: set[str],
    truths: dict[str, Truth], first: Truth, shared: set[str],
) -> Trial:  # fmt: skip
    of_many = any(truths[name].credential_chain[:1] and truths[name].credential_chain[0] in shared for name in ids)
    if incident is None:
        return Trial(scenario, clue.kind, of_many, 0.0, 0.0, 0.0, root=False)
    parts = {one.event_id for one in incident.parts}
    acts = {one.event_id for one in incident.parts if one.role == "act"}
    harmless = sum(not truth.malicious for truth in truths.values())
    return Trial(
        scenario, clue.kind, of_many, len(parts & ids) / len(ids), len(parts - malicious) / max(1, harmless),
        len(acts & malicious) / max(1, len(acts)), root=_rooted(incident, first),
    )  # fmt: skip


def _rooted(incident: Incident, first: Truth) -> bool:
    """Whether the true root is named: the prompt, else the credential that all rests on, else who it was."""
    if first.prompt:
        return any(first.prompt in root.entries for root in incident.roots)
    if first.credential_chain:
        return any(first.credential_chain[-1] in (root.credential, root.name) for root in incident.roots)
    return any(first.actor in (root.actor, root.name) for root in incident.roots)


def _shared(truths: Iterable[Truth]) -> set[str]:
    """Credentials that several identities use in truth."""
    users: dict[str, set[str]] = defaultdict(set)
    for truth in truths:
        if truth.credential_chain:
            users[truth.credential_chain[0]].add(truth.actor)
    return {name for name, those in users.items() if len(those) > 1}


def entries_of(store: Store, ids: Sequence[str]) -> list[Entry]:
    """Current entries of any number of events, oldest first."""
    found = [one for begin in range(0, len(ids), _IDS) for one in queries.events(store, ids[begin : begin + _IDS])]
    return sorted(found, key=lambda one: (one.event.time, one.event.event_id))


class Evidence(NamedTuple):
    """Which findings and alerts have an entry as evidence."""

    findings: dict[str, str]
    alerts: dict[str, str]


def told_of(store: Store) -> Evidence:
    """Evidence of all that was found in a small store."""
    found = findings(store, limit=_MOST).findings
    opened = alerts(store, limit=_MOST).alerts
    return Evidence(
        {name: one.finding_id for one in found for name in one.entries},
        {name: one.alert_id for one in opened for name in one.entries},
    )


def clues_of(entries: Sequence[Entry], told: Evidence, chance: random.Random) -> Iterator[Clue]:
    """One of each kind that some entry of an attack gives."""
    given: dict[str, Callable[[Entry], str]] = {
        "event": lambda one: one.event.event_id,
        "credential": lambda one: one.event.credential,
        "session": lambda one: one.session,
        "identity": lambda one: one.actor,
        "address": lambda one: one.event.address,
        "resource": lambda one: next(iter(one.event.resources), ""),
        "finding": lambda one: told.findings.get(one.event.event_id, ""),
        "alert": lambda one: told.alerts.get(one.event.event_id, ""),
    }
    for kind, value in given.items():
        names = [name for one in entries if (name := value(one))]
        if names:
            yield Clue(kind, chance.choice(names))
    if entries:
        yield Clue("span", "", entries[0].event.time, entries[-1].event.time + 1)
