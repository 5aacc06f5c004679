"""A Query becomes a page of the timeline, a count, a histogram, points: current rows only, in a stable order.

In:     Query, and where to begin
Out:    Page; counts and points are made in `pipeline.store.amounts` and `pipeline.store.points`
Fails:  TooMuch for a question that costs more than `pipeline.store.limits` allows; Invalid; Transient

A page is made in windows. Keys of candidates come from `pivots`, where a part of the query is one of its values and few
rows have it (or nothing else is asked), else from `entries` as it is, older revisions included, which are read in the
table's order until there are enough, in growing slices of time. A page ends after `Limits.page` seconds, whether it is
full or not, and says how far it came. What the current rows of those keys say is then held against the query: a row
that has changed since is not shown, and none that matches is missed, since its current row is one of those that were
read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.query.tree import Is, Query
from pipeline.store.aliases import Known, known
from pipeline.store.columns import SELECTED, entry
from pipeline.store.compile import Compiled, Meaning, compiled
from pipeline.store.limits import LIMITS, Limits, limited
from pipeline.store.pivots import FEW_ROWS, GIVEN, MAX_LIMIT, NAMING, PLACES, THESE, Rows
from schemas.entry import Entry

Place = tuple[int, str]
#: Keys of a window at most; each is larger than the one before, for what is rare among its candidates.
_WINDOW, _GROWS = 65_536, 8
_KEYS = """
    SELECT {distinct} time, event_id FROM {table}
    WHERE time >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')
      AND time <= fromUnixTimestamp64Micro({{last:Int64}}, 'UTC')
      {following} AND ({condition})
    ORDER BY time {way}, event_id {way}
    LIMIT {{window:UInt32}}
"""
_FOLLOWING = "AND (time, event_id) {sign} (fromUnixTimestamp64Micro({{after_time:Int64}}, 'UTC'), {{after_id:String}})"
_ROWS = """
SELECT {selected} FROM entries FINAL
PREWHERE (time, event_id) IN ({keys}) WHERE {condition}
ORDER BY time {way}, event_id {way}
LIMIT {{most:UInt32}}
{limits}
"""
_WINDOW_END = """
SELECT count(), {furthest}((toUnixTimestamp64Micro(time), event_id)) FROM ({keys})
{limits}
"""
_TIMES = "SELECT toUnixTimestamp64Micro(min(time)), toUnixTimestamp64Micro(max(time)) FROM entries"
#: Microseconds of the first slice of time that is looked through entry by entry, and how much longer each next one is.
_SLICE, _LONGER = 86_400_000_000, 4
#: More keys of a pivot than that take longer to look up than a look at every entry.
_FEW = 10_000
#: Current rows that match, of which a question asks something.
_FOUND = """
    SELECT {selected} FROM entries FINAL
    PREWHERE {located} time >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')
      AND time <= fromUnixTimestamp64Micro({{last:Int64}}, 'UTC')
    WHERE {condition}
"""


class Page(NamedTuple):
    """Part of what a query finds."""

    entries: list[Entry]
    #: Where the next page begins (`after`), None when this is the end.
    next: Place | None
    #: The other names of identities whose entries these are too.
    names: list[Known] = []
    #: How far was looked, in microseconds since 1970, where the time was up before the page was full: `next` goes on.
    looked: int | None = None


class Scope(NamedTuple):
    """How a query is meant, and what it may cost."""

    #: Whether an actor or a human is that very name, and not all names of the identity.
    exact: bool = False
    #: Whether prompts, answers, results and arguments are looked into; without it `text:` is Invalid.
    content: bool = True
    #: What `since:2h` counts from, in microseconds since 1970; None is now.
    now: int | None = None
    limits: Limits = LIMITS


ANY = Scope()


class Asked(NamedTuple):
    """A question, made ready: what pages, counts, histograms and points share."""

    compiled: Compiled
    #: The other names of identities that it names.
    names: list[Known]
    limits: Limits


def asked(store: Rows, query: Query, scope: Scope) -> Asked:
    """The question that a query is. Raises Invalid."""
    given = {term.value.value for term in query.terms() if term.field in NAMING and isinstance(term.value, Is)} - {""}
    also = known(store, sorted(given)) if given and not scope.exact else {}
    names = {value: [one.name for one in those] for value, those in also.items()}
    moment = time.time_ns() // 1000 if scope.now is None else scope.now
    shown = {one.name: one for those in also.values() for one in those}
    return Asked(compiled(query, Meaning(moment, names, scope.content)), list(shown.values()), scope.limits)


def search(
    store: Rows, query: Query, *, after: Place | None = None, limit: int = 200, latest_first: bool = True,
    scope: Scope = ANY,
) -> Page:  # fmt: skip
    """Current Entries that a query finds, by time and event id, backwards if `latest_first`.

    `after` is the `next` of the page before, in the same direction. Raises TooMuch; Invalid for a limit outside 1 to
    10,000.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid("limit", f"1 to {MAX_LIMIT}", limit)
    question = asked(store, query, scope)
    plan = _Plan(store, question)
    # One more than asked for tells whether there is a next page.
    rows = plan.rows(SELECTED, after=after, limit=limit + 1, latest_first=latest_first)
    found = list(map(entry, rows))
    if len(found) <= limit:
        looked = plan.unfinished
        # No entry has an empty id, so this is the place before or after all of that time.
        return Page(found, None if looked is None else (looked, ""), question.names, looked)
    last = found[limit - 1].event
    return Page(found[:limit], (last.time, last.event_id), question.names)


class _Plan:
    """How the candidates of one question are found."""

    def __init__(self, store: Rows, question: Asked) -> None:
        self._store, self._limits = store, question.limits
        self._asked = question.compiled
        self._located = best(store, question.compiled)
        #: Keys of the first window at least: all that there are, where most of them may not match.
        self._first = 1 if question.compiled.alone or not self._located else _FEW
        #: Where it ended because the time was up; None if it came to the end of what was wanted.
        self.unfinished: int | None = None
        #: First and last time of what is to be looked through.
        self._ends = (question.compiled.since, question.compiled.last)

    def rows(self, selected: str, *, after: Place | None, limit: int, latest_first: bool) -> Iterator[Sequence[Any]]:
        """At most `limit` rows that match. `selected` begins with event id, kind and time, as SELECTED does."""
        ends = time.monotonic() + self._limits.page
        amount = 0
        for since, last in self._slices(after, latest_first):
            cursor: Place | None = after
            window = max(limit, self._first)
            while True:
                rows, cursor = self._window(selected, cursor, window, limit - amount, latest_first, (since, last))
                yield from rows
                amount += len(rows)
                if amount >= limit:
                    return
                if cursor is None:
                    break
                window = max(window, min(window * _GROWS, _WINDOW))
            if time.monotonic() > ends and not self._reaches(since, last, latest_first):
                self.unfinished = since if latest_first else last + 1
                return

    def _slices(self, after: Place | None, latest_first: bool) -> Iterator[tuple[int, int]]:
        """Spans of time (both ends included) that are looked through one after the other."""
        since, last = self._asked.since, self._asked.last
        if self._located:
            yield since, last
            return
        first, final = self._store.rows(_TIMES, {})[0]
        since, last = max(since, first), min(last, final)
        if after is not None:
            since, last = (since, min(last, after[0])) if latest_first else (max(since, after[0]), last)
        self._ends = (since, last)
        size = _SLICE
        while since <= last:
            if latest_first:
                begins = max(since, last - size + 1)
                yield begins, last
                last = begins - 1
            else:
                finishes = min(last, since + size - 1)
                yield since, finishes
                since = finishes + 1
            size *= _LONGER

    def _reaches(self, since: int, last: int, latest_first: bool) -> bool:
        """Whether nothing comes after this slice."""
        return bool(self._located) or (since <= self._ends[0] if latest_first else last >= self._ends[1])

    def _window(
        self, selected: str, cursor: Place | None, window: int, most: int, latest_first: bool, span: tuple[int, int]
    ) -> tuple[list[Sequence[Any]], Place | None]:
        """Matching rows among the next candidates, and where those after them begin (None: there are none)."""
        keys, given = self._keys(cursor, window, latest_first, span)
        if window <= GIVEN:
            return self._looked_up(selected, keys, given, most, latest_first)
        given |= {"most": most}
        way = "DESC" if latest_first else "ASC"
        sql = _ROWS.format(selected=selected, keys=keys, condition=self._asked.sql, way=way, limits=self._limits.sql)
        with limited(self._limits):
            rows = self._store.rows(sql, given)
        if len(rows) == most:
            return rows, _place(rows[-1])
        end_sql = _WINDOW_END.format(furthest="min" if latest_first else "max", keys=keys, limits=self._limits.sql)
        with limited(self._limits):
            count, end = self._store.rows(end_sql, given)[0]
        if count < window:
            return rows, None
        # Keys that arrived between the two queries only end the window earlier; what was returned is not read again.
        furthest = min if latest_first else max
        return rows, furthest([tuple(end), *map(_place, rows[-1:])])

    def _looked_up(
        self, selected: str, keys: str, given: dict[str, Any], most: int, latest_first: bool
    ) -> tuple[list[Sequence[Any]], Place | None]:
        """The same for few keys, which are looked for once."""
        with limited(self._limits):
            found = self._store.rows(f"{PLACES.format(keys=keys)} {self._limits.sql}", given)
            places = list(dict.fromkeys((int(at), str(name)) for at, name in found))
            if not places:
                return [], None
            way = "DESC" if latest_first else "ASC"
            sql = _ROWS.format(
                selected=selected, keys=THESE, condition=self._asked.sql, way=way,
                limits=f"{self._limits.sql}, {FEW_ROWS}",
            )  # fmt: skip
            times, ids = zip(*places, strict=True)
            rows = self._store.rows(sql, {**given, "most": most, "times": list(times), "ids": list(ids)})
        furthest = (min if latest_first else max)(places)
        return rows, furthest if len(found) == given["window"] else None

    def _keys(
        self, cursor: Place | None, window: int, latest_first: bool, span: tuple[int, int]
    ) -> tuple[str, dict[str, Any]]:
        since, last = span
        given: dict[str, Any] = {**self._asked.parameters, "window": window}
        following = ""
        if cursor is not None:
            following = _FOLLOWING.format(sign="<" if latest_first else ">")
            given |= {"after_time": cursor[0], "after_id": cursor[1]}
            since, last = (since, min(last, cursor[0])) if latest_first else (max(since, cursor[0]), last)
        given |= {"since": since, "last": last}
        sql = _KEYS.format(
            table="pivots" if self._located else "entries", distinct="DISTINCT" if self._located else "",
            following=following, condition=self._located or self._asked.sql, way="DESC" if latest_first else "ASC",
        )  # fmt: skip
        return sql, given


def found_sql(store: Rows, question: Asked, selected: str) -> tuple[str, dict[str, Any]]:
    """A query for something of all current rows that match, in no order, and its parameters."""
    made = question.compiled
    located = best(store, made._replace(alone=False))
    keys = f"(time, event_id) IN (SELECT time, event_id FROM pivots WHERE {located}) AND" if located else ""  # noqa: S608
    sql = _FOUND.format(selected=selected, located=keys, condition=made.sql)
    return sql, {**made.parameters, "since": made.since, "last": made.last}


def best(store: Rows, question: Compiled) -> str:
    """The condition on `pivots` that the fewest keys have; empty when it is better to look at every entry."""
    if question.alone and question.located:
        return question.located[0].sql
    amounts = [
        (int(store.rows(one.amount, question.parameters | {"most": _FEW})[0][0]), number)
        for number, one in enumerate(question.located)
    ]
    fewest, number = min(amounts, default=(_FEW, 0))
    return question.located[number].sql if fewest < _FEW else ""


def _place(row: Sequence[Any]) -> Place:
    return int(row[2]), str(row[0])
