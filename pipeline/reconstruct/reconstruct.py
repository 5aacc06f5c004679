"""A clue becomes an Incident: read from top to bottom, this is how."""

from __future__ import annotations

import hashlib
import time
from collections import Counter

from pipeline.kit.failures import Invalid
from pipeline.reconstruct.case import Case
from pipeline.reconstruct.clue import seeds
from pipeline.reconstruct.deeds import tactic_of, words_of
from pipeline.reconstruct.facts import Facts, facts
from pipeline.reconstruct.gaps import gaps
from pipeline.reconstruct.missed import missed
from pipeline.reconstruct.reach import reach
from pipeline.reconstruct.roots import roots
from pipeline.reconstruct.spread import Chosen, Spread
from pipeline.reconstruct.story import story
from pipeline.reconstruct.strands import Key
from pipeline.reconstruct.times import iso, lasting
from pipeline.report.frameworks import meaning
from pipeline.store.alerts import alerts
from pipeline.store.pivots import Rows
from schemas.entry import Entry
from schemas.incident import Clue, Incident, Part, Root, Strand

#: What is less sure than this does not belong, if nothing else is said.
CUTOFF = 0.5
#: Alerts that are looked through for those that speak of it.
_ALERTS = 1_000
#: What roots are called in a title.
_ROOTS = {"prompt": "An agent's task", "injection": "A hijacked agent", "credential": "A misused credential",
          "identity": "An unknown beginning"}  # fmt: skip


def reconstruct(
    store: Rows, clue: Clue, cutoff: float = CUTOFF, *, now: int | None = None
) -> tuple[Incident, list[Entry]]:
    """The incident that a clue belongs to, and its entries, oldest first.

    `cutoff` (0 to 1): what is less sure does not belong. `now`: microseconds by which credentials are alive or not.
    Raises Invalid when nothing in the store is of that clue, or the cut-off is none; Transient when the store is away.
    """
    if not 0 < cutoff <= 1:
        raise Invalid("cutoff", "a number above 0, at most 1", cutoff)
    bounds = (None, None) if clue.kind == "span" else (clue.since, clue.until)
    spread = Spread(Case(store, *bounds), cutoff)
    spread.run(seeds(spread.case, clue))
    known = facts(spread)
    made = time.time_ns() // 1000 if now is None else now
    found = roots(known)
    incident = Incident(
        incident_id=_name(clue, known), clue=clue, made=made, cutoff=cutoff, roots=found,
        first=known.acts[0].entry.event.time if known.acts else 0,
        last=known.acts[-1].entry.event.time if known.acts else 0,
        parts=[_part(known, one) for one in known.entries], strands=_strands(known),
        edges=sorted(spread.edges.values(), key=lambda edge: (edge.source, edge.target, edge.kind)),
        story=story(known), reach=reach(known, made), gaps=gaps(known), missed=missed(known),
        findings=sorted(known.findings), alerts=_alerts(known),
        detections=dict(Counter(one.detection for one in known.findings.values()).most_common()),
        limits=spread.case.limits,
    )  # fmt: skip
    incident.detected_after = _detected(known)
    incident.dwell = (incident.last - incident.first) / 1e6
    incident.frameworks = meaning(incident, list(known.findings.values()))
    incident.title, incident.summary = _title(known, found), _summary(known, incident)
    return incident, [one.entry for one in known.entries]


def _name(clue: Clue, known: Facts) -> str:
    """The same for the same clue, cut-off and entries."""
    text = "\0".join([
        clue.kind, clue.value, str(clue.since), str(clue.until), str(known.spread.cutoff),
        *(f"{one.entry.event.event_id} {one.entry.revision} {one.role}" for one in known.entries),
    ])  # fmt: skip
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _part(known: Facts, one: Chosen) -> Part:
    event = one.entry.event
    return Part(
        event.event_id, event.time, one.key.name, one.role, one.confidence, tactic_of(one.entry),
        sorted({found.detection for found in known.found.get(event.event_id, [])}),
    )  # fmt: skip


def _strands(known: Facts) -> list[Strand]:
    """Those that belong, by their beginning; then those that were held apart."""
    spread = known.spread
    keys = dict.fromkeys([*spread.belongs, *spread.beside, *spread.apart])
    return sorted((_strand(known, key) for key in keys), key=lambda one: (not one.belongs, one.first, one.strand_id))


def _strand(known: Facts, key: Key) -> Strand:
    spread, thread = known.spread, known.spread.threads[key]
    belongs = key in spread.belongs or key in spread.beside
    confidence, why = known.why(key) if belongs else spread.apart[key]
    entries = [one.entry for one in known.entries if one.key == key]
    some = entries[0] if entries else None
    return Strand(
        strand_id=key.name, belongs=belongs, confidence=confidence, why=why, actor=key.actor,
        actor_kind=next((hand.actor_kind for hand in thread.hands if hand.actor_kind), ""),
        human=next((hand.human for hand in thread.hands if hand.human), ""), session=key.session,
        credential=key.credential, credential_chain=some.credential_chain if some else [],
        addresses=thread.addresses, user_agents=thread.user_agents,
        policies=sorted({policy for hand in thread.hands for policy in hand.policies}),
        tempo=known.tempos.get(key, ""), first=entries[0].event.time if entries else thread.first,
        last=entries[-1].event.time if entries else thread.last, events=len(entries), of=thread.events,
    )  # fmt: skip


def _alerts(known: Facts) -> list[str]:
    actors = sorted({finding.actor for finding in known.findings.values() if finding.actor})
    if not actors:
        return []
    page = alerts(known.case.store, {"actor": actors}, limit=_ALERTS, everything=True).alerts
    acts = {one.entry.event.event_id for one in known.acts}
    return [one.alert_id for one in page if acts.intersection(one.entries) or known.findings.keys() & set(one.findings)]


def _detected(known: Facts) -> float | None:
    """Seconds from the first act to the first finding; never less than none, since sources have whole seconds."""
    if not known.findings or not known.acts:
        return None
    first = min(one.time for one in known.findings.values())
    return max(0.0, (first - known.acts[0].entry.event.time) / 1e6)


def _title(known: Facts, found: list[Root]) -> str:
    worst = min((tactic_of(one.entry) for one in known.acts), key=_WORST.index, default="")
    entries = [one.entry for one in known.acts if tactic_of(one.entry) == worst]
    root = _ROOTS[found[0].kind] if found else "Something"
    who = found[0].actor if found else ""
    return f"{root}: {who or 'an unknown actor'} {words_of(worst, entries)}"


#: What a title tells, what matters most first.
_WORST = ("exfiltration", "impact", "defense-evasion", "persistence", "credential-access", "privilege-escalation",
          "collection", "lateral-movement", "execution", "discovery", "initial-access", "")  # fmt: skip


def _summary(known: Facts, incident: Incident) -> list[str]:
    """A few sentences for those who read nothing else."""
    acts, strands = len(known.acts), len(known.by_strand)
    if not acts:
        return ["Nothing that was done belongs to it at this cut-off."]
    lines = [
        f"{acts:,} acts in {strands} strand{'s' if strands != 1 else ''}, from {iso(incident.first)} to"
        f" {iso(incident.last)} ({lasting(incident.dwell)})."
    ]
    lines += [f"{root.sentence}." for root in incident.roots[:3]]
    if incident.detected_after is None:
        lines.append("No detection found any of it.")
    else:
        told = ", ".join(incident.detections)
        lines.append(f"The first detection came {lasting(incident.detected_after)} after the first act: {told}.")
    alive = [one for one in incident.reach.credentials if one.state == "alive"]
    if alive:
        names = ", ".join(one.name for one in alive[:5]) + (f" and {len(alive) - 5} more" if len(alive) > 5 else "")
        many = "credential of it is" if len(alive) == 1 else "credentials of it are"
        lines.append(f"{len(alive)} {many} still alive: {names}.")
    touched = Counter(one.how for one in incident.reach.resources)
    if touched:
        lines.append("Resources: " + ", ".join(f"{number:,} {how}" for how, number in touched.most_common()) + ".")
    return lines
