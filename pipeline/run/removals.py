"""What is to be taken out is stated, signed and published first, and then taken out: months, or what a person said.

In:     settings (evidence key, where heads are published), a Store; who wants it, and why
Out:    how much is gone
Fails:  Held when a hold forbids it; Transient when the store is away: the same again goes on where it broke off

A crash leaves nothing behind, or a statement of something that is still there. Verifying finds nothing wrong with
either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

import msgspec

from pipeline.evidence.keys import KeyFile
from pipeline.evidence.leaf import ENTRY, RECORD, Kind, commitment
from pipeline.evidence.publish import Published, place_of
from pipeline.evidence.removal import Part, Removal, Sort, Tally, month_of, signed
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.run import verify_rows
from pipeline.run.evidence import hasher
from pipeline.store import Store, evidence, removal
from pipeline.store.aliases import names_of
from pipeline.store.removal import GROUPS, Found, Hold
from schemas.alert import Alert

#: Rows whose content is read at once.
TOGETHER = 5_000
#: What of a group has leaves.
_KINDS: dict[str, Kind] = {"timeline": ENTRY, "records": RECORD}
_EMPTY = {ENTRY: b"\xa0\xa0\x90\x80\x90", RECORD: b"\xc4\x00"}
Erasure = tuple[Kind, str, bytes]


class Held(Permanent):
    """A hold forbids it."""


class Erased(msgspec.Struct):
    """How much was erased."""

    entries: int = 0
    records: int = 0
    alerts: int = 0
    dead_letters: int = 0
    removals: list[str] = []


class Wish(NamedTuple):
    """Who wants something to be taken out, and why."""

    by: str
    reason: str


class Remover:
    """Takes out."""

    def __init__(self, settings: Settings, store: Store, wish: Wish) -> None:
        """Raises Invalid without a reason, and where nothing is logged that could be signed."""
        if not wish.reason.strip():
            raise Invalid("reason", "why it is taken out: it is signed, and shown to whoever verifies")
        self._settings, self._store, self._wish = settings, store, wish

    def drop(self, group: str, months: Iterable[int]) -> int:
        """Drop months (202601) of a group that lies in months; returns how many rows went. Raises Held."""
        wanted = sorted(set(months))
        _not_held(self._store, wanted)
        there = [
            one for one in removal.months(self._store) if one.month in wanted and one.table in GROUPS[group].months
        ]
        kind, present = _KINDS.get(group), sorted({one.month for one in there})
        if kind is not None and present and self._settings.evidence_place:
            sizes = removal.sizes(self._store, kind)
            parts = [_month(self._store, kind, month, sizes) for month in present]
            self._state("retention", parts, _name(parts))
        for one in there:
            removal.drop_month(self._store, one.table, one.month)
        return sum(one.rows for one in there)

    def delete(self, group: str, before: int) -> int:
        """Delete rows of a group that are older (microseconds since 1970); returns how many. Raises Held."""
        _not_held(self._store, [], before)
        amount = removal.older(self._store, group, before)
        if amount:
            removal.delete_older(self._store, group, before)
        return amount

    def erase(self, person: str, advance: Callable[[int], None] = lambda _: None) -> Erased:
        """Erase the content of what a person said and of what was done for them. Raises Held."""
        done = Erased()
        self._again(done)
        names = names_of(self._store, person)
        events = removal.of_person(self._store, names)
        _not_held_of(self._store, names, events)
        known = {(kind, name) for _, kind, name, _ in removal.erasures(self._store)}
        rows = [one for one in self._content(events, advance) if one[:2] not in known]
        if rows:
            parts = _parts(_tallies(rows))
            name, now, wish = _name(parts), time.time_ns() // 1000, self._wish
            self._store.insert(evidence.erasures_block((*row, now, wish.by, wish.reason, name) for row in rows))
            self._state("erasure", parts, name)
            self._empty(name, done)
        done.dead_letters = removal.delete_letters(self._store, names)
        return done

    def again(self) -> Erased:
        """Erase again what was to be erased and is there: after a crash, after a backup was restored."""
        done = Erased()
        self._again(done)
        return done

    def _again(self, done: Erased) -> None:
        stated = removal.stated(self._store)
        groups: dict[str, list[Erasure]] = {}
        for name, kind, of, committed in removal.erasures(self._store):
            groups.setdefault(name, []).append((_kind(kind), of, committed))
        for name, rows in groups.items():
            if name not in stated:
                self._state("erasure", _parts(_tallies(rows)), name)
            if removal.left(self._store, name):
                self._empty(name, done)

    def _content(self, events: list[Found], advance: Callable[[int], None]) -> Iterator[Erasure]:
        """Commitments to what is there of content."""
        salt = hasher(self._settings).salt
        remaining = iter(events)
        while page := list(islice(remaining, TOGETHER)):
            ids, times = [one.event_id for one in page], sorted({one.time for one in page})
            records = sorted({one.record_id for one in page if one.record_id})
            for row in verify_rows.entries(evidence.entry_lines_of(self._store, ids, times), _refuse):
                if row.content != _EMPTY[ENTRY]:
                    yield ENTRY, row.id, commitment(salt(row.id), row.content)
            for row in verify_rows.records(evidence.record_lines_of(self._store, records), _refuse):
                if row.content != _EMPTY[RECORD]:
                    yield RECORD, row.id, commitment(salt(row.id), row.content)
            advance(len(page))

    def _empty(self, name: str, done: Erased) -> None:
        for text in removal.alerts_about(self._store, name):
            alert = msgspec.json.decode(text, type=Alert)
            self._store.write_alerts([msgspec.structs.replace(alert, unusual=[], quotes=[])], [])
            done.alerts += 1
        removal.merge_alerts(self._store)
        removal.empty(self._store, name)
        gone = [kind for of, kind, _, _ in removal.erasures(self._store) if of == name]
        done.entries += gone.count(ENTRY)
        done.records += gone.count(RECORD)
        done.removals.append(name)

    def _state(self, sort: Sort, parts: list[Part], name: str) -> None:
        """Sign, publish, and write down."""
        place = self._settings.evidence_place
        published = Published(place_of(place)) if place else None
        # It was published, and then something broke off.
        item = published.removed(name) if published else None
        if item is None:
            now, wish = time.time_ns() // 1000, self._wish
            made = Removal(removal_id=name, sort=sort, time=now, by=wish.by, reason=wish.reason, parts=parts)
            item = signed(made, KeyFile(self._settings.evidence_key_file).key())
            if published is not None:
                published.removal(name, item)
        said = item.fields
        removal.add(self._store, [(name, said.sort, said.time, said.by, said.reason, item.statement, item.signature)])


def hold(store: Store, one: Hold) -> None:
    """From now on nothing of it may be taken out. Raises Invalid."""
    for field, given in (("name", one.name), ("reason", one.reason)):
        if not given.strip():
            raise Invalid(field, "one that says what the hold is for")
    if one.since >= one.until:
        raise Invalid("until", "a time after `since`")
    if any(other.name == one.name for other in removal.holds(store)):
        raise Invalid("name", "one that is not in force already: release it first", one.name)
    removal.hold(store, one)


def release(store: Store, name: str, wish: Wish) -> Hold:
    """A hold is over. Raises Invalid."""
    found = next((one for one in removal.holds(store) if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in removal.holds(store))
        raise Invalid("name", f"a hold that is in force ({known or 'there is none'})", name)
    over = found._replace(reason=wish.reason or found.reason, by=wish.by, at=time.time_ns() // 1000)
    removal.hold(store, over, released=True)
    return over


def months_before(store: Store, group: str, before: int) -> list[int]:
    """Months of a group that are over before this time (microseconds since 1970)."""
    last = month_of(before)
    there = {one.month for one in removal.months(store) if one.table in GROUPS[group].months}
    return sorted(month for month in there if month < last)


def bounds(month: int) -> tuple[int, int]:
    """Where a month (202601) begins and where the next does, microseconds since 1970."""
    year, number = divmod(month, 100)
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    begins, ends = datetime(year, number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
    return int(begins.timestamp() * 1e6), int(ends.timestamp() * 1e6)


def _not_held(store: Store, months: list[int], before: int = 0) -> None:
    for one in removal.holds(store):
        meant = [month for month in months if bounds(month)[0] < one.until and one.since < bounds(month)[1]]
        if meant and one.person:
            theirs = removal.months_of_person(store, names_of(store, one.person))
            meant = [month for month in meant if month in theirs]
        if meant or one.since < before:
            which = ", ".join(f"{month // 100}-{month % 100:02}" for month in meant) or "what is older"
            raise Held(_forbids(one, which))


def _not_held_of(store: Store, names: list[str], events: list[Found]) -> None:
    for one in removal.holds(store):
        if one.person and one.person not in names:
            continue
        amount = sum(one.since <= event.time < one.until for event in events)
        if amount:
            raise Held(_forbids(one, f"{amount:,} of these events"))


def _forbids(one: Hold, what: str) -> str:
    return (
        f"hold {one.name} (by {one.by}: {one.reason}) covers {what}: nothing was taken out. When it may be, "
        f"whodid holds release {one.name}"
    )


def _month(store: Store, kind: Kind, month: int, sizes: list[tuple[str, int, int]]) -> Part:
    there, tally = {(log, epoch): size for log, epoch, size in sizes}, Tally()
    for log, epoch, index in removal.leaves_of_month(store, kind, month):
        if index < there.get((log, epoch), 0):
            tally.add(log, epoch, index)
    return Part(kind=kind, amount=tally.amount, digest=tally.digest, month=month, sizes=sizes)


def _tallies(rows: Iterable[Erasure]) -> dict[Kind, Tally]:
    found: dict[Kind, Tally] = {}
    for kind, name, committed in rows:
        found.setdefault(kind, Tally()).add(name, committed)
    return found


def _parts(tallies: dict[Kind, Tally]) -> list[Part]:
    return [Part(kind=kind, amount=one.amount, digest=one.digest) for kind, one in sorted(tallies.items())]


def _name(parts: Iterable[Part]) -> str:
    """The same for the same rows, so that what broke off has the same name again."""
    return blake2b(msgspec.json.encode(list(parts)), digest_size=16).hexdigest()


def _kind(name: str) -> Kind:
    return ENTRY if name == ENTRY else RECORD


def _refuse(line: bytes) -> None:
    raise Invalid("row", "one that was written by whodid (whodid verify tells more)", line[:80])
