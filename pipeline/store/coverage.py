"""Which sources were heard over the last days, how much of what, how well it was linked, and what their events miss.

Counts are of current entries, read in one pass over the columns that have few values; first and last times of a source
are of all that the store holds. `python -m benchmarks.dashboards` measures how long that takes (docs/coverage.md).
"""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.store.pivots import Rows
from schemas.event import UNKNOWN

#: Days that can be asked for.
DAYS, MOST_DAYS = 7, 3660
#: Microseconds.
DAY = 86_400_000_000
_SPANS = """
SELECT toString(format) AS source, toUnixTimestamp64Micro(min(time)), toUnixTimestamp64Micro(max(time))
FROM entries GROUP BY format
"""
_WITHIN = """
time > fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')
"""
_EVENTS = f"""
SELECT toString(format) AS source, toString(kind), toString(link), toString(unbound), count()
FROM entries FINAL WHERE {_WITHIN} GROUP BY format, kind, link, unbound
"""  # noqa: S608  (no input in it)
#: Calls of agents to clouds, and those to which no tool call was found.
_CALLS = f"""
SELECT toString(format) AS source, count(), countIf(tool_call_event = '')
FROM entries FINAL WHERE {_WITHIN} AND kind = 'cloud_audit' AND actor_kind = 'agent' GROUP BY format
"""  # noqa: S608
#: What ties an event to others (`pipeline.normalize.source.LINKS`), and the column that holds what the event stated.
LINKING = {
    "actor": "stated_actor", "human": "stated_human", "session": "stated_session", "credential": "credential",
    "issued": "issued", "request": "request", "trace": "trace", "tool_call": "stated_tool_call", "policy": "policy",
    "address": "address",
}  # fmt: skip
_STATED = f"""
SELECT toString(format) AS source, {", ".join(f"countIf(notEmpty({column}))" for column in LINKING.values())}
FROM entries FINAL WHERE {_WITHIN} GROUP BY format
"""  # noqa: S608  (no input in it)
#: Fields that the format of an event does not know: those of most events, so many of a source.
FIELDS = 20
_STRANGE = f"""
SELECT toString(format) AS source, name, count() AS events
FROM entries FINAL ARRAY JOIN splitByChar('\\n', attributes['{UNKNOWN}']) AS name
WHERE {_WITHIN} AND mapContains(attributes, '{UNKNOWN}')
GROUP BY format, name ORDER BY source, events DESC, name LIMIT {FIELDS} BY source
"""  # noqa: S608
#: Credentials that were issued, and those of them that were never used.
_ISSUED = """
SELECT count(), countIf(used IS NULL) FROM
(
    SELECT min(c.issued_at) AS issued, min(c.first_used) AS used FROM credentials AS c GROUP BY name
    HAVING issued > fromUnixTimestamp64Micro({since:Int64}, 'UTC')
       AND issued <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')
)
"""


class Source(NamedTuple):
    """What was heard from one source (a native format), most frequent first; times in microseconds since 1970."""

    format: str
    #: Of its first and its last event in the store, also before the days that are asked for.
    first: int
    last: int
    #: Within these days.
    events: int
    #: Events by kind, by the method of the link that names the actor, and by the reason why nothing was bound.
    kinds: dict[str, int]
    links: dict[str, int]
    reasons: dict[str, int]
    #: Calls of agents to a cloud, and those without a tool call that caused them.
    agent_calls: int
    unexplained_calls: int
    #: Events that state a link, by name of the link.
    stated: dict[str, int]
    #: Fields that the format does not know, and how many events have them: a vendor added or renamed them.
    unknown_fields: dict[str, int]

    @property
    def unbound(self) -> int:
        """Events that are bound to no credential and no session."""
        return sum(self.reasons.values())


class Coverage(NamedTuple):
    """What the store was told over some days, after `since` until `until` (microseconds since 1970)."""

    since: int
    until: int
    #: Those with the most events first; also those that said something before these days only.
    sources: list[Source]
    #: Credentials that were issued in these days, and those of them that no event uses.
    issued: int
    unused: int

    @property
    def events(self) -> int:
        """Events of all sources within these days."""
        return sum(source.events for source in self.sources)

    @property
    def kinds(self) -> dict[str, int]:
        """Events of all sources by kind."""
        found: Counter[str] = Counter()
        for source in self.sources:
            found.update(source.kinds)
        return dict(found)


def coverage(store: Rows, days: int = DAYS, now: int | None = None) -> Coverage:
    """Coverage of the last days, which end with the latest event that is not in the future.

    So an archive of last year is told of as well as a live pipeline. Raises Invalid for days outside 1 to 3,660.
    """
    if not 1 <= days <= MOST_DAYS:
        raise Invalid("days", f"1 to {MOST_DAYS}", days)
    now = time.time_ns() // 1000 if now is None else now
    spans = {source: (first, last) for source, first, last in store.rows(_SPANS, {})}
    until = min([now, *([max(last for _, last in spans.values())] if spans else [])])
    given = {"since": until - days * DAY, "until": until}
    heard = store.rows(_EVENTS, given)
    calls = {source: (amount, bare) for source, amount, bare in store.rows(_CALLS, given)}
    stated = {source: dict(zip(LINKING, amounts, strict=True)) for source, *amounts in store.rows(_STATED, given)}
    strange = unknown_fields(store, given["since"], given["until"])
    nothing = dict.fromkeys(LINKING, 0)
    sources = []
    for name, (first, last) in spans.items():
        events, kinds, links, reasons = _counted(name, heard)
        called = calls.get(name, (0, 0))
        told = (stated.get(name, nothing), strange.get(name, {}))
        sources.append(Source(name, first, last, events, kinds, links, reasons, *called, *told))
    issued, unused = store.rows(_ISSUED, given)[0]
    ordered = sorted(sources, key=lambda source: (-source.events, source.format))
    return Coverage(given["since"], until, ordered, issued, unused)


def unknown_fields(store: Rows, since: int, until: int) -> dict[str, dict[str, int]]:
    """By source: fields that its format does not know, at most FIELDS, with the number of events that have them.

    Times are microseconds since 1970, the first excluded.
    """
    found: dict[str, dict[str, int]] = {}
    for source, name, events in store.rows(_STRANGE, {"since": since, "until": until}):
        found.setdefault(source, {})[name] = events
    return found


def _counted(
    name: str, heard: list[tuple[str, str, str, str, int]]
) -> tuple[int, dict[str, int], dict[str, int], dict[str, int]]:
    """Events of a source; by kind, by link, by reason."""
    kinds: Counter[str] = Counter()
    links: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for source, kind, link, unbound, amount in heard:
        if source == name:
            kinds[kind] += amount
            links[link or "none"] += amount
            if unbound:
                reasons[unbound] += amount
    return kinds.total(), _most(kinds), _most(links), _most(reasons)


def _most(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))
