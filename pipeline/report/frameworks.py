"""An Incident and its Findings become what they mean in public frameworks: an id, and a sentence about this incident.

In:     Incident, Findings
Out:    id -> sentence, in the order of the catalogue (`pipeline/score/frameworks.yml`)

Ids come from what the findings name and from the facts of the incident. An id that is named and has no fact says which
detection named it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pipeline.kit import safeyaml
from pipeline.report.facts import Values, facts
from pipeline.report.words import counted, some
from pipeline.score.frameworks import catalogue
from pipeline.store.shapes import iso
from schemas.finding import Finding
from schemas.incident import Incident


class Meaning(NamedTuple):
    """What an id says where a fact holds."""

    id: str
    fact: str
    says: str


@cache
def meanings() -> tuple[Meaning, ...]:
    """All of `meanings.yml`, in its order."""
    text = files("pipeline.report").joinpath("meanings.yml").read_text(encoding="utf-8")
    return tuple(Meaning(**given) for given in safeyaml.document(text, "meanings.yml"))


def meaning(incident: Incident, findings: Sequence[Finding]) -> dict[str, str]:
    """What an incident means there. No sentence quotes prompts, arguments or results."""
    standing = [one for one in findings if not one.retracted]
    said = _said(facts(incident, standing))
    named = _named(standing)
    return {
        name: " ".join(filter(None, [said.get(name), named.get(name)]))
        for name in catalogue()
        if name in said or name in named
    }


def grouped(said: Mapping[str, str]) -> dict[str, list[tuple[str, str, str]]]:
    """Framework -> (id, its name, sentence), both in the order of the catalogue; unknown ids come last, as `other`."""
    known = catalogue()
    found: dict[str, list[tuple[str, str, str]]] = {}
    for name in [*(one for one in known if one in said), *(one for one in said if one not in known)]:
        framework, title = known.get(name, ("other", ""))
        found.setdefault(framework, []).append((name, title, said[name]))
    return found


def _said(held: Mapping[str, Values]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in meanings():
        if one.fact in held:
            found.setdefault(one.id, one.says.format_map(held[one.fact]))
    return found


def _named(findings: Iterable[Finding]) -> dict[str, str]:
    """What findings name, with which detections did, how often, and when first."""
    by: dict[str, list[Finding]] = {}
    for one in findings:
        for name in one.frameworks:
            by.setdefault(name, []).append(one)
    return {name: _found(several) for name, several in by.items()}


def _found(several: list[Finding]) -> str:
    names = Counter(one.detection for one in several)
    first = min(several, key=lambda one: (one.time, one.finding_id))
    return f"{counted(len(several), 'finding')} of {some(names)}, the first at {iso(first.time)}: {first.title}."
