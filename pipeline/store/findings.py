"""What detections found becomes pages, latest first, current rows only: the highest revision, unless it is retracted.

A page reads the keys of one filter, the first of `FILTERS` that is given, and the findings that they name; the other
filters are held against those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pipeline.kit.failures import Invalid
from pipeline.store.pivots import MAX_LIMIT, Rows, bounds
from schemas.finding import Finding, Severity

#: Fields that findings can be asked for by, those that few findings share first.
FILTERS = ("session", "actor", "human", "detection", "severity")
SEVERITIES: tuple[str, ...] = get_args(Severity)
#: Findings in one query: with ids and conditions it still fits a server's limit.
_CHUNK = 500

_STORED = {"time": "toUnixTimestamp64Micro(time)", "retracted": "toBool(is_deleted)"}
#: What a finding says in a store that is older than the field: whoever only reads does not bring a schema up to date.
_OLDER = {
    "suppressed": "''", "family": "''", "tactic": "''", "runbook": "[]", "action": "''", "credential": "''",
    "policy": "''", "account": "''", "address": "''", "resources": "[]", "quotes": "[]", "key": "''",
}  # fmt: skip
_COLUMNS = """
SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'findings'
"""
_AMOUNT = "SELECT count() FROM findings FINAL"
#: Read backwards in the table's order when there is one value, so a page reads its own granules and no more.
_KEYS = """
SELECT DISTINCT toUnixTimestamp64Micro(time) AS at, finding_id FROM finding_pivots
WHERE key {matches}
  AND time >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')
  AND time <= fromUnixTimestamp64Micro({{last:Int64}}, 'UTC')
  {before}
ORDER BY time DESC, finding_id DESC
LIMIT {{window:UInt32}}
"""
_BEFORE = "AND (time, finding_id) < (fromUnixTimestamp64Micro({after_time:Int64}, 'UTC'), {after_id:String})"
Place = tuple[int, str]


class FindingsPage(NamedTuple):
    """Some findings, latest first; what was found at one time by id, backwards."""

    findings: list[Finding]
    #: Where the next page begins (`after`), None when this is the end.
    next: Place | None


def findings(
    store: Rows,
    wanted: Mapping[str, Sequence[str]] | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
    after: Place | None = None,
    limit: int = 100,
    suppressed: bool = False,
) -> FindingsPage:
    """Current findings whose fields have one of the values that `wanted` names for them (see `FILTERS`).

    Those that are suppressed are left out unless `suppressed`.
    `since` (included) and `until` (excluded) are microseconds since 1970; `after` is the `next` of the page before.
    Raises Invalid for an unknown filter or severity, or a limit outside 1 to 10,000.
    """
    given = {name: list(values) for name, values in (wanted or {}).items()}
    _check(given, limit)
    rows = _one(store)
    if rows is None:
        return FindingsPage([], None)
    rows += "" if suppressed else " AND suppressed = ''"
    found: list[Finding] = []
    for one in _latest(store, rows, given, bounds(since, until), after, limit):
        found.append(one)
        # One more than asked for tells whether there is a next page.
        if len(found) > limit:
            last = found[limit - 1]
            return FindingsPage(found[:limit], (last.time, last.finding_id))
    return FindingsPage(found, None)


def finding(store: Rows, finding_id: str) -> Finding | None:
    """One current finding; None if there is none of that id, or it was retracted."""
    rows = _one(store)
    return next(iter(_read(store, rows, {"ids": [finding_id]}).values()), None) if rows else None


def current(store: Rows, finding_ids: Sequence[str]) -> dict[str, Finding]:
    """Current findings by id, of at most some hundred; those that there are."""
    rows = _one(store)
    return _read(store, rows, {"ids": list(finding_ids)}) if rows and finding_ids else {}


def amount(store: Rows) -> int:
    """How many current findings there are."""
    return int(store.rows(_AMOUNT, {})[0][0]) if _one(store) else 0


def _latest(
    store: Rows, rows: str, given: dict[str, list[str]], span: tuple[int, int], after: Place | None, limit: int
) -> Iterator[Finding]:
    pivot = next((name for name in FILTERS if name in given), "any")
    values = given.get(pivot, [""])
    one = "= sipHash64({pivot:String}, {values:Array(String)}[1])"
    several = "IN (SELECT sipHash64({pivot:String}, arrayJoin({values:Array(String)})))"
    rows += "".join(f" AND {name} IN {{{name}:Array(String)}}" for name in given)
    window = min(limit + 1, MAX_LIMIT)
    while True:
        keys = _KEYS.format(matches=one if len(values) == 1 else several, before=_BEFORE if after else "")
        asked = {"pivot": pivot, "values": values, "since": span[0], "last": span[1], "window": window}
        asked |= {"after_time": after[0], "after_id": after[1]} if after else {}
        places: list[Place] = [(at, name) for at, name in store.rows(keys, asked)]
        for begin in range(0, len(places), _CHUNK):
            chunk = places[begin : begin + _CHUNK]
            current = _read(store, rows, {"ids": [name for _, name in chunk], **given})
            # A revision may have moved a finding in time: then it is met again where it is now.
            yield from (current[name] for at, name in chunk if name in current and current[name].time == at)
        if len(places) < window:
            return
        after = places[-1]


def _read(store: Rows, sql: str, given: Mapping[str, Any]) -> dict[str, Finding]:
    made = (Finding(**dict(zip(Finding.__struct_fields__, row, strict=True))) for row in store.rows(sql, given))
    return {one.finding_id: one for one in made}


def _one(store: Rows) -> str | None:
    """The query for findings by id; None if the store is older than findings."""
    there = {name for (name,) in store.rows(_COLUMNS, {})}
    if not there:
        return None
    selected = ", ".join(
        _STORED.get(name, name if name in there or name not in _OLDER else f"{_OLDER[name]} AS {name}")
        for name in Finding.__struct_fields__
    )
    return f"SELECT {selected} FROM findings FINAL WHERE finding_id IN {{ids:Array(String)}}"  # noqa: S608


def _check(given: Mapping[str, list[str]], limit: int) -> None:
    for name in given:
        if name not in FILTERS:
            raise Invalid("filter", "one of " + ", ".join(FILTERS), name)
    for severity in given.get("severity", []):
        if severity not in SEVERITIES:
            raise Invalid("severity", "one of " + ", ".join(SEVERITIES), severity)
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid("limit", f"1 to {MAX_LIMIT}", limit)
