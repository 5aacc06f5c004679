"""Rows and their leaves become problems: what of the rows is not what was logged."""

from __future__ import annotations

from base64 import b64decode
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from pipeline.evidence.head import Signed
from pipeline.evidence.leaf import ENTRY, RECORD, Kind, own_input
from pipeline.evidence.log import Hasher
from pipeline.evidence.problem import Problem, What
from pipeline.evidence.removal import Removed
from pipeline.store import parts
from pipeline.store.evidence import LeafRow
from schemas.batch import RawRecord

#: Rows and leaves that found no counterpart, which are kept to be brought together at the end.
KEPT = 20_000
_encode = msgspec.msgpack.Encoder().encode
#: Content after it was erased.
_EMPTY = {ENTRY: _encode(("", "", [], {}, []))[1:], RECORD: _encode(b"")}
_NO_HEADS: tuple[list[int], list[int]] = ([], [])
_line = msgspec.json.Decoder().decode


class Row(NamedTuple):
    """A row as it was read back, its values as msgpack."""

    id: str
    time: int
    revision: int
    stated: bytes
    found: bytes
    content: bytes


class Rows:
    """Compares rows with leaves, a window of both at a time."""

    def __init__(self, hasher: Hasher, heads: Mapping[tuple[str, int], list[Signed]], removed: Removed) -> None:
        """`heads` of each log and epoch that hold."""
        self._hasher = hasher
        # Decoded once: they are asked for every leaf.
        self._covered = {
            place: ([one.fields.size for one in several], [one.fields.time for one in several])
            for place, several in heads.items()
        }
        self._removed = removed
        self._begins: dict[tuple[str, str, int], bytes] = {}
        self.problems: list[Problem] = []
        self.rows = self.revisions = self.pending = self.erased = self.dropped = self.replaced = 0
        #: Leaves that are not what is kept beside them, by place, to tell a swap.
        self.strays: dict[tuple[str, int, int], LeafRow] = {}
        self._alone: dict[tuple[Kind, str], list[LeafRow]] = {}
        self._unknown: dict[tuple[Kind, str], Row] = {}
        #: When the last head of all was signed.
        self.latest = max((times[-1] for _, times in self._covered.values()), default=0)

    def check(self, kind: Kind, rows: Iterable[Row], leaves: Iterable[LeafRow]) -> None:
        """All rows and all leaves of a window."""
        by_key: dict[Hashable, list[LeafRow]] = {}
        for leaf in leaves:
            by_key.setdefault(_key(kind, leaf.event_id, leaf.time), []).append(leaf)
        seen: set[Hashable] = set()
        for row in rows:
            self.rows += 1
            key = _key(kind, row.id, row.time)
            found = by_key.get(key)
            if found is None:
                self._strange(kind, row)
            else:
                self._compare(kind, row, found)
                seen.add(key)
        for key in by_key.keys() - seen:
            self._deserted(kind, by_key[key][0].event_id, by_key[key])

    def conclude(self) -> None:
        """Rows without leaves and leaves without rows are brought together: the time of some was changed."""
        for (kind, name), row in self._unknown.items():
            found = self._alone.pop((kind, name), None)
            if found is None:
                what: What = "back-dated" if row.time < self.latest else "inserted"
                self._add(what, kind, name, None, "no head up to now has it")
            elif any(self._own(kind, row) == leaf.own and row.found == leaf.found for leaf in found):
                self._add("leaf-altered", kind, name, found[-1], "the time beside the leaf was changed")
            else:
                self._add("altered", kind, name, found[-1], "its time was changed")
        for (kind, name), found in self._alone.items():
            self._add("deleted", kind, name, found[-1], "")

    def _compare(self, kind: Kind, row: Row, leaves: list[LeafRow]) -> None:
        own = self._own(kind, row)
        newest = max(leaf.revision for leaf in leaves)
        matched = False
        for leaf in leaves:
            self.pending += not self._signed(leaf)
            fits = leaf.own == own and leaf.found == row.found and leaf.revision == newest
            matched = matched or fits
            self.revisions += not fits
            if self.hash_at(leaf, leaf) != leaf.hash or not _tidy(kind, row, leaf):
                self._beside(kind, row, leaf, current=leaf.revision == newest)
            if not fits and leaf.own != own and leaf.revision < newest:
                # Another record of the same event, or a vendor's correction, replaced what the event itself says.
                self.replaced += 1
        if not matched:
            self._unlike(kind, row, own, [leaf for leaf in leaves if leaf.revision == newest])

    def _beside(self, kind: Kind, row: Row, leaf: LeafRow, *, current: bool) -> None:
        """A leaf whose hash is not that of what is kept beside it."""
        self.strays[leaf.log, leaf.epoch, leaf.index] = leaf
        if current:
            self._add("leaf-altered", kind, row.id, leaf, "what is kept beside its hash was changed, or the hash")
        else:
            self._add("revision-altered", kind, row.id, leaf, f"revision {leaf.revision}")

    def _unlike(self, kind: Kind, row: Row, own: str, newest: list[LeafRow]) -> None:
        """A row that is none of its newest leaves."""
        leaf = newest[-1]
        if not self._signed(leaf) and kind == ENTRY and row.revision < leaf.revision:
            # Its leaf is in, the row follows.
            return
        committed = self._removed.erased.get((kind, row.id))
        if committed is not None and row.content == _EMPTY[kind] and any(leaf.found == row.found for leaf in newest):
            own = sha256(own_input(row.stated, committed)).hexdigest().upper()
            if own in {leaf.own for leaf in newest}:
                self.erased += 1
                return
        if kind == ENTRY and row.revision != leaf.revision:
            what: What = "rolled-back" if row.revision < leaf.revision else "altered"
            self._add(what, kind, row.id, leaf, f"revision {row.revision} is shown, {leaf.revision} was logged")
            return
        differ = ["what was found out"] if leaf.found != row.found else []
        differ += ["what the source stated, or its content"] if leaf.own != own else []
        if kind == RECORD:
            differ = ["where it came from" if leaf.own == own else "its bytes"]
        self._add("altered", kind, row.id, leaf, " and ".join(differ))

    def _own(self, kind: Kind, row: Row) -> str:
        return self._hasher.own(row.stated, _encode(row.id), row.content).hex().upper()

    def hash_at(self, leaf: LeafRow, place: LeafRow) -> str:
        """The hash of a leaf by what is kept beside it, if it were at the place of another."""
        begins = self._begins.get((leaf.kind, place.log, place.epoch))
        if begins is None:
            begins = self._hasher.begins(_kind(leaf), place.log, place.epoch)
            self._begins[leaf.kind, place.log, place.epoch] = begins
        own = bytes.fromhex(leaf.own)
        return self._hasher.leaf(begins, (place.index, place.offset), own, leaf.found).hex().upper()

    def _strange(self, kind: Kind, row: Row) -> None:
        if len(self._unknown) < KEPT:
            self._unknown[kind, row.id] = row
        else:
            self._add("back-dated" if row.time < self.latest else "inserted", kind, row.id, None, "no head has it")

    def _deserted(self, kind: Kind, name: str, leaves: list[LeafRow]) -> None:
        covered = [leaf for leaf in leaves if self._signed(leaf)]
        self.pending += len(leaves) - len(covered)
        if not covered:
            return
        if all(self._removed.dropped(kind, leaf.time, leaf.log, leaf.epoch, leaf.index) for leaf in covered):
            self.dropped += 1
            return
        if len(self._alone) < KEPT:
            self._alone.setdefault((kind, name), []).extend(covered)
        else:
            self._add("deleted", kind, name, covered[-1], "")

    def _signed(self, leaf: LeafRow) -> int:
        """When the first head that covers a leaf was signed; 0 if none does."""
        sizes, times = self._covered.get((leaf.log, leaf.epoch), _NO_HEADS)
        number = bisect_right(sizes, leaf.index)
        return times[number] if number < len(times) else 0

    def _add(self, what: What, kind: Kind, name: str, leaf: LeafRow | None, says: str) -> None:
        if leaf is None:
            self.problems.append(Problem(what=what, of=kind, id=name, says=says))
            return
        self.problems.append(
            Problem(
                what=what, of=kind, id=name, log=leaf.log, epoch=leaf.epoch, index=leaf.index,
                after=self._signed(leaf), says=says,
            )
        )  # fmt: skip


def entries(lines: bytes, broken: Callable[[bytes], None]) -> Iterable[Row]:
    """Rows of `entries` out of lines of JSON. A line that no row of ours can be is told to `broken`."""
    try:
        decoded: list[Any] = parts.rows_of(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        decoded = []
        for line in lines.splitlines():
            try:
                decoded.append(parts.row_of(line))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                broken(line)
    for row in decoded:
        found = parts.of_row(row)
        yield Row(row.event_id, row.time, row.found_revision, found.stated, found.found, found.content)


def records(lines: bytes, broken: Callable[[bytes], None]) -> Iterable[Row]:
    """Rows of `records` out of lines of JSON, as for `entries`."""
    for line in lines.splitlines():
        try:
            name, form, topic, partition, offset, time, value = _line(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            broken(line)
            continue
        found = parts.of_record(RawRecord(name, form, topic, partition, offset, time, b64decode(value)))
        yield Row(name, time, 0, found.stated, found.found, found.content)


def moved(rows: Rows) -> list[Problem]:
    """Leaves that are in each other's place, out of those that are not what their hash says."""
    found = []
    strays = list(rows.strays.values())[:200]
    for leaf in strays:
        for other in strays:
            if other is not leaf and rows.hash_at(leaf, other) in (leaf.hash, other.hash):
                found.append(
                    Problem(
                        what="reordered", of=leaf.kind, id=leaf.event_id, log=leaf.log, epoch=leaf.epoch,
                        index=leaf.index, says=f"its place is {other.index}",
                    )
                )  # fmt: skip
                break
    return found


def _key(kind: Kind, name: str, time: int) -> Hashable:
    """What one current row has to itself: records of one id replace each other whenever they came."""
    return (name, time) if kind == ENTRY else name


def _tidy(kind: Kind, row: Row, leaf: LeafRow) -> bool:
    """Whether what leaves are asked by is what the leaf itself says."""
    if kind == RECORD:
        return leaf.found != row.found or leaf.time == row.time
    return leaf.time == row.time and leaf.found.startswith(_encode(leaf.revision))


def _kind(leaf: LeafRow) -> Kind:
    return ENTRY if leaf.kind == ENTRY else RECORD
