"""An Incident becomes the facts that frameworks have words for.

In:     Incident, Findings
Out:    name of a fact -> values for sentences about it; a fact that does not hold is absent

Values are names and numbers. None of them comes out of prompts, arguments or results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pipeline.report.words import counted, lasting, some, verbs
from pipeline.store.shapes import iso
from schemas.finding import Finding
from schemas.incident import Incident, Minted, Root, Strand

Values = dict[str, str]
#: Words that the name of a resource has which holds secrets.
_SECRETS = ("secret", "vault", "parameter/", "keyvault")


def facts(incident: Incident, findings: Sequence[Finding]) -> dict[str, Values]:
    """What holds of an incident."""
    found: dict[str, Values] = {}
    for made in (_roots, _agents, _credentials, _identities, _resources, _tactics, _blind, _scope):
        found.update(made(incident))
    found.update(_detected(incident, findings))
    return found


def _roots(incident: Incident) -> Iterator[tuple[str, Values]]:
    times = {part.event_id: part.time for part in incident.parts}
    for root in reversed(incident.roots):
        yield root.kind, _root(root, times)
    if incident.roots:
        yield "rooted", _root(incident.roots[0], times)
    else:
        yield "unrooted", {"entries": counted(len(incident.parts), "entry", "entries")}


def _root(root: Root, times: Mapping[str, int]) -> Values:
    name = root.name
    if name in times:
        # An event's id tells a reader nothing. What hijacked an agent is the latest of what shows it.
        name = f"the entry of {iso(max(times[one] for one in [name, *root.entries] if one in times))}"
    return {
        "name": some([name]) or "an unnamed source",
        "kind": {"injection": "what an agent read", "prompt": "a prompt", "credential": "a credential"}.get(
            root.kind, "an identity"
        ),
        "actor": some([root.actor]) or "the agent",
        "human": some([root.human]) or "nobody known",
        "credential": some([root.credential]) or "no known credential",
        "sure": f"{root.confidence:.0%}",
    }


def _agents(incident: Incident) -> Iterator[tuple[str, Values]]:
    strands = _own(incident)
    agents = [one for one in strands if one.actor_kind == "agent"]
    calls = [edge for edge in incident.edges if "call:" in edge.source[:5] + edge.target[:5]]
    if agents:
        events = counted(sum(one.events for one in agents), "act")
        names = list(dict.fromkeys(one.actor for one in agents))
        yield "agent", {"agents": some(names), "events": events, **verbs(len(names))}
    if calls:
        ends = {end for edge in calls for end in (edge.source, edge.target) if end.startswith("call:")}
        yield "calls", {"calls": counted(len(ends), "tool call"), "agents": some(one.actor for one in agents)}
    carried = [one for one in incident.reach.transfers if one.origin in ("result", "agent")]
    if carried:
        yield (
            "carried",
            {
                "values": counted(len(carried), "value"),
                "sources": some(one.source for one in carried) or "what the agent read",
                "targets": some(one.target for one in carried),
            },
        )
    handed = [edge for edge in incident.edges if edge.kind == "delegated"]
    if handed:
        yield "delegated", {"times": counted(len(handed), "time")}
    posing = [one for one in strands if one.tempo == "human" and one.actor_kind not in ("", "human")]
    if posing:
        yield "human-at-work", {"actors": some(one.actor for one in posing)}


def _credentials(incident: Incident) -> Iterator[tuple[str, Values]]:
    all_, strands = incident.reach.credentials, _own(incident)
    kinds: tuple[tuple[str, Callable[[Minted], bool]], ...] = (
        ("minted", lambda one: one.minted),
        ("minted-alive", lambda one: one.minted and one.state == "alive"),
        ("unending", lambda one: not one.expires and one.state in ("alive", "unknown") and bool(one.issued)),
        ("abused", lambda one: not one.minted and bool(one.uses)),
        ("alive", lambda one: one.state in ("alive", "unknown")),
        ("all-ended", lambda one: all(other.state in ("expired", "revoked") for other in all_)),
    )
    for name, held in kinds:
        if kept := [one for one in all_ if held(one)]:
            yield name, _minted(kept)
    wide = {one.credential: one for one in strands if one.credential and len(_networks(strands, one)) > 1}
    if wide:
        places = (place for one in wide.values() for place in _networks(strands, one))
        yield "shared", {"names": some(wide), "places": some(places), **verbs(len(wide))}


def _minted(kept: list[Minted]) -> Values:
    first = kept[0]
    return {
        "names": some(one.name for one in kept),
        "count": counted(len(kept), "credential"),
        "name": some([first.name]),
        "issued": iso(first.issued) if first.issued else "a time that nobody saw",
        "subject": some(one.subject for one in kept) or "an unknown identity",
        "uses": counted(sum(one.uses for one in kept), "time"),
        **verbs(len(kept)),
    }


def _networks(strands: list[Strand], of: Strand) -> set[str]:
    return {address for one in strands if one.credential == of.credential for address in one.addresses}


def _identities(incident: Incident) -> Iterator[tuple[str, Values]]:
    reach = incident.reach
    if reach.altered:
        yield "altered", {"names": some(reach.altered), **verbs(len(reach.altered))}
    made = [one.name for one in reach.resources if one.how == "created" and one.name in reach.altered]
    if made:
        yield "identity-created", {"names": some(made), **verbs(len(made))}
    chain = max((one.credential_chain for one in _own(incident)), key=len, default=[])
    if len(chain) > 1:
        yield "chain", {"length": str(len(chain)), "first": some([chain[-1]]), "last": some([chain[0]])}


def _resources(incident: Incident) -> Iterator[tuple[str, Values]]:
    for how in ("read", "used", "changed", "created", "deleted", "refused"):
        if names := [one.name for one in incident.reach.resources if one.how == how]:
            yield how, {"names": some(names), "count": counted(len(names), "resource"), **verbs(len(names))}
    hurt = [one.name for one in incident.reach.resources if one.how in ("changed", "created", "deleted")]
    if hurt:
        yield "to-mend", {"names": some(hurt), "count": counted(len(hurt), "resource"), **verbs(len(hurt))}
    secret = [one.name for one in incident.reach.resources if one.how == "read" and _secret(one.name)]
    if secret:
        yield "secret-read", {"names": some(secret)}


def _secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRETS)


def _tactics(incident: Incident) -> Iterator[tuple[str, Values]]:
    """Of each tactic: `tactic-…`."""
    actors = {one.strand_id: one.actor for one in incident.strands}
    for tactic in dict.fromkeys(part.tactic for part in incident.parts if part.tactic):
        parts = [part for part in incident.parts if part.tactic == tactic]
        who = some(actors.get(part.strand, "") for part in parts) or "somebody unnamed"
        yield f"tactic-{tactic}", {"acts": counted(len(parts), "act"), "who": who, "first": iso(parts[0].time)}


def _detected(incident: Incident, findings: Sequence[Finding]) -> Iterator[tuple[str, Values]]:
    if incident.detections or findings:
        names = incident.detections or dict(Counter(one.detection for one in findings))
        after = incident.detected_after
        when = "at a time that is not known" if after is None else f"{lasting(after)} after the first act"
        yield "detected", {"count": counted(sum(names.values()), "finding"), "names": some(names), "when": when}
    else:
        yield "undetected", {"entries": counted(len(incident.parts), "entry", "entries")}
    if incident.missed:
        blind = set(one.detection for one in incident.missed)
        yield "missed", {"names": some(sorted(blind)), "count": counted(len(blind), "detection"), **verbs(len(blind))}
    if incident.alerts:
        yield "alerted", {"count": counted(len(incident.alerts), "alert")}


def _blind(incident: Incident) -> Iterator[tuple[str, Values]]:
    if incident.gaps:
        logs = some(one.log for one in incident.gaps) or "a log that nobody names"
        yield "gaps", {"count": counted(len(incident.gaps), "question"), "logs": logs}
    if incident.limits:
        yield "limits", {"count": counted(len(incident.limits), "limit")}


def _scope(incident: Incident) -> Iterator[tuple[str, Values]]:
    reach, own = incident.reach, _own(incident)
    yield (
        "scope",
        {
            "entries": counted(len(incident.parts), "entry", "entries"),
            "strands": counted(len(own), "strand"),
            "resources": counted(len({one.name for one in reach.resources}), "resource"),
            "credentials": counted(len(reach.credentials), "credential"),
            "identities": counted(len(reach.identities), "identity", "identities"),
            "accounts": _named(reach.accounts, "account"),
            "lasting": lasting(incident.dwell),
            "apart": counted(len(incident.strands) - len(own), "strand"),
            "policies": some(name for one in own for name in one.policies) or "none that a source states",
        },
    )
    if reach.accounts:
        yield "cloud", {"accounts": _named(reach.accounts, "account")}


def _named(names: Iterable[str], noun: str) -> str:
    found = list(names)
    return f"{counted(len(found), noun)} ({some(found)})" if found else f"no {noun}"


def _own(incident: Incident) -> list[Strand]:
    return [one for one in incident.strands if one.belongs]
