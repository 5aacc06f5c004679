"""Single rows and counts: every other query of the timeline as one named function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.store.columns import SELECTED, entry
from pipeline.store.pivots import FEW_ROWS, MAX_LIMIT, Rows
from schemas.batch import RawRecord
from schemas.entry import Entry, Link
from schemas.rejected import Rejected

_EVENTS = f"""
SELECT {SELECTED} FROM entries FINAL
PREWHERE (time, event_id) IN
    (SELECT time, event_id FROM pivots WHERE key IN (SELECT sipHash64('event', arrayJoin({{ids:Array(String)}}))))
WHERE event_id IN {{ids:Array(String)}}
ORDER BY time, event_id
SETTINGS {FEW_ROWS}
"""  # noqa: S608
_RECORD = """
SELECT record_id, format, topic, partition, offset, toUnixTimestamp64Micro(time), value
FROM records FINAL WHERE record_id = {record_id:String} LIMIT 1
"""
_DEAD_LETTERS = """
SELECT rejected_id, stage, reason, format, topic, partition, offset, toUnixTimestamp64Micro(time) AS at, length(value)
FROM dead_letters FINAL
WHERE {stage:String} IN ('', stage)
ORDER BY at DESC, rejected_id
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
"""
_DEAD_LETTER = """
SELECT rejected_id, stage, reason, format, topic, partition, offset, toUnixTimestamp64Micro(time), value
FROM dead_letters FINAL
WHERE rejected_id = {rejected_id:String}
"""
_COUNTS = """
SELECT
    (SELECT uniqExact(record_id) FROM records),
    (SELECT uniqExact(rejected_id) FROM dead_letters),
    (SELECT if(count() = 0, NULL, toUnixTimestamp64Micro(max(time))) FROM entries)
"""
_REJECTIONS = """
SELECT stage, reason, count() AS amount FROM dead_letters FINAL
GROUP BY stage, reason ORDER BY amount DESC, stage, reason LIMIT {limit:UInt32}
"""
#: One pass over current rows says how many there are, too.
_LINKS = """
SELECT link, count() AS amount, countIf(unbound != '') FROM entries FINAL GROUP BY link ORDER BY amount DESC, link
"""

_ATTRIBUTIONS = """
SELECT toUnixTimestamp64Micro(time) AS at, event_id, actor, human, session, tool_call, prompt_event, links
FROM entries FINAL
WHERE (time, event_id) > (fromUnixTimestamp64Micro({time:Int64}, 'UTC'), {id:String})
ORDER BY time, event_id LIMIT {page:UInt32}
"""


class Counts(NamedTuple):
    """What the store holds. Conservation: every Record became Entries or one Rejected."""

    #: Current entries, one per event.
    entries: int
    #: Entries for which no credential or session could be bound.
    unbound: int
    records: int
    rejected: int
    #: Latest event time, microseconds since 1970; None when there are no entries.
    last_event: int | None
    #: Current entries by the method that names their actor, most frequent first.
    links: dict[str, int]


class Rejections(NamedTuple):
    """How many dead letters one stage made for one reason."""

    stage: str
    reason: str
    amount: int


class DeadLetter(NamedTuple):
    """A Rejected as it is listed: with the size of its bytes instead of the bytes."""

    rejected_id: str
    stage: str
    reason: str
    format: str
    topic: str
    partition: int
    offset: int
    time: int
    size: int


def event(store: Rows, event_id: str) -> Entry | None:
    """The current Entry of an event; None if there is none."""
    return next(iter(events(store, [event_id])), None)


def events(store: Rows, event_ids: Sequence[str]) -> list[Entry]:
    """The current Entries of some events, at most some hundred, oldest first; those that there are."""
    return [entry(row) for row in store.rows(_EVENTS, {"ids": list(event_ids)})] if event_ids else []


def record(store: Rows, record_id: str) -> RawRecord | None:
    """The raw record that an event came from (`record_id`); None if it is not kept."""
    found = store.rows(_RECORD, {"record_id": record_id}, ("value",))
    return RawRecord(*found[0]) if found else None


def dead_letters(store: Rows, *, stage: str = "", limit: int = 100, offset: int = 0) -> list[DeadLetter]:
    """Dead letters, latest first, of one stage or of all. Raises Invalid for a limit outside 1 to 10,000."""
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid("limit", f"1 to {MAX_LIMIT}", limit)
    if offset < 0:
        raise Invalid("offset", "0 or more", offset)
    found = store.rows(_DEAD_LETTERS, {"stage": stage, "limit": limit, "offset": offset})
    return [DeadLetter(*row) for row in found]


def dead_letter(store: Rows, rejected_id: str) -> Rejected | None:
    """One dead letter with its bytes; None if there is none of that id."""
    found = store.rows(_DEAD_LETTER, {"rejected_id": rejected_id}, ("value",))
    return Rejected(**dict(zip(Rejected.__struct_fields__, found[0], strict=True))) if found else None


def counts(store: Rows) -> Counts:
    """What the store holds, current rows only. Reads the key columns of the whole table."""
    links = store.rows(_LINKS, {})
    records, rejected, last = store.rows(_COUNTS, {})[0]
    entries, unbound = sum(row[1] for row in links), sum(row[2] for row in links)
    return Counts(entries, unbound, records, rejected, last, {method: amount for method, amount, _ in links})


def rejections(store: Rows, limit: int = 100) -> list[Rejections]:
    """Dead letters by stage and reason, most frequent first."""
    return [Rejections(*row) for row in store.rows(_REJECTIONS, {"limit": limit})]


def attributions(store: Rows, page: int = 50_000) -> Iterator[tuple[str, dict[str, str], list[Link]]]:
    """Event id, what was found out (actor, human, session, tool_call, prompt) and its links, of every current entry."""
    after = (-(2**63), "")
    while True:
        found = store.rows(_ATTRIBUTIONS, {"time": after[0], "id": after[1], "page": page})
        for _, event_id, actor, human, session, tool_call, prompt, links in found:
            named = {"actor": actor, "human": human, "session": session, "tool_call": tool_call, "prompt": prompt}
            yield event_id, named, [Link(**link) for link in links]
        if len(found) < page:
            return
        after = (found[-1][0], found[-1][1])
