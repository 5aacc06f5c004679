"""Questions about findings become the JSON objects of the API and of the command line.

A finding has the fields of `schemas.finding`, none is ever absent: `time` (ISO 8601, of the entry at which it was
found), `finding_id`, `severity`, `detection`, `title`, `sentence`, `actor`, `actor_kind`, `human`, `session`,
`action`, `credential`, `policy`, `account`, `address` and `resources` (of that entry), `family` and `tactic` (MITRE
ATT&CK) of its detection, `runbook` (what to do, step by step), `score` (0 to 1, higher is worse), `p_value` (how often
as much is seen where nothing is wrong), `model` (`name@version`), `frameworks` (ids in public frameworks), `suppressed`
(why nobody is to be told of it; empty where nobody said so), `details` (text by name: what was measured, what was
usual), `quotes` (parts of sentence and details that come out of prompts, arguments and results), `entries` (ids of the
entries that are its evidence, the most telling first), `key` (whose past it was held against) and `revision`. Those
that were retracted are not shown, and those that are suppressed only with `suppressed=true`.

One by its id has besides: `evidence` (these entries as in a timeline, oldest first) and `missing` (ids of those that
are not shown: not in the store, or beyond the first `MOST`). Keys may be added; none changes its meaning within `/v1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.console import asked, names, shapes
from pipeline.console.access import reading
from pipeline.console.shapes import iso, moment
from pipeline.kit.failures import Invalid
from pipeline.store import queries
from pipeline.store.aliases import Known, known
from pipeline.store.findings import FILTERS, finding, findings
from pipeline.store.pivots import MAX_LIMIT, NAMING, Rows
from schemas.finding import Finding

PARAMETERS = (*FILTERS, "since", "until", "exact", "suppressed", "after", "limit")
DEFAULT_LIMIT = 100
#: Entries that are read as the evidence of one finding.
MOST = 200
#: Keys that people look for come first.
_FIRST = (
    "time", "finding_id", "severity", "detection", "title", "sentence", "actor", "actor_kind", "human", "session",
    "action", "credential", "policy", "account", "address", "resources", "family", "tactic", "score", "p_value",
    "model", "frameworks", "runbook", "suppressed", "details", "quotes", "entries", "key", "revision",
)  # fmt: skip


def listing(store: Rows, given: Mapping[str, str]) -> dict[str, Any]:
    """A page: `findings`, latest first, `next`, and `names`: the other names of the actor or the person asked for.

    Raises Invalid for a wrong parameter.
    """
    asked.only(given, PARAMETERS)
    also = _names(store, given)
    page = findings(
        store,
        {name: [given[name], *(one.name for one in also.get(name, []))] for name in FILTERS if given.get(name)},
        since=moment(given["since"], "since") if given.get("since") else None,
        until=moment(given["until"], "until") if given.get("until") else None,
        after=asked.place(given["after"]) if given.get("after") else None,
        limit=asked.number(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        suppressed=asked.flag(given, "suppressed"),
    )
    return {
        "findings": [item(one) for one in page.findings],
        "next": asked.cursor(page.next) if page.next else None,
        "names": [names.name(one) for those in also.values() for one in those],
    }


def single(store: Rows, finding_id: str) -> dict[str, Any] | None:
    """One finding with the entries that are its evidence; None if there is none of that id."""
    found = finding(store, finding_id)
    if found is None:
        return None
    evidence = queries.events(store, found.entries[:MOST])
    there = {entry.event.event_id for entry in evidence}
    return {
        **item(found),
        "evidence": [shapes.entry(entry) for entry in evidence],
        "missing": [name for name in found.entries if name not in there],
    }


def item(one: Finding) -> dict[str, Any]:
    """The JSON object of one finding."""
    values = msgspec.structs.asdict(one)
    return reading.prose({name: values[name] for name in _FIRST} | {"time": iso(one.time)}, one.quotes)


def _names(store: Rows, given: Mapping[str, str]) -> dict[str, list[Known]]:
    """By parameter: the other names of the identities that are asked for."""
    for name in FILTERS:
        if len(given.get(name, "")) > asked.MAX_VALUE:
            raise Invalid(name, f"at most {asked.MAX_VALUE} characters", f"{len(given[name])} characters")
    wanted = {} if asked.flag(given, "exact") else {name: given[name] for name in NAMING if given.get(name)}
    found = known(store, wanted.values()) if wanted else {}
    return {name: found[value] for name, value in wanted.items()}
