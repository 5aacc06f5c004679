"""Rows and their leaves become problems: what of the rows is not what was logged."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from pipeline.evidence.head import Signed
from pipeline.evidence.leaf import ENTRY, RECORD, Kind, leaf_input
from pipeline.evidence.log import Hasher
from pipeline.evidence.problem import Problem, What, covering
from pipeline.evidence.tree import leaf_hash
from pipeline.store import parts
from pipeline.store.evidence import LeafRow
from schemas.batch import REVISIONS

#: Rows and leaves that found no counterpart, which are kept to be brought together at the end.
KEPT = 20_000
_encode = msgspec.msgpack.Encoder().encode
_line = msgspec.json.Decoder().decode


class Row(NamedTuple):
    """A row as it was read back."""

    id: str
    time: int
    revision: int
    #: Values without content as msgpack, content as msgpack.
    plain: bytes
    content: bytes


class Rows:
    """Compares rows with leaves, a window of both at a time."""

    def __init__(
        self, hasher: Hasher, heads: Mapping[tuple[str, int], list[Signed]], erased: Mapping[tuple[str, str], bytes]
    ) -> None:
        """`heads` of each log and epoch that hold; `erased` are commitments to content that is gone."""
        self._hasher = hasher
        self._heads = heads
        self._erased = erased
        self._begins: dict[tuple[str, str, int], bytes] = {}
        self.problems: list[Problem] = []
        self.rows = self.revisions = self.pending = self.erased = self.corrected = 0
        #: Leaves that were found to be another than their row's, by place: rows, to tell a swap.
        self.strays: dict[tuple[str, int, int], tuple[LeafRow, Row]] = {}
        self._alone: dict[tuple[Kind, str], list[LeafRow]] = {}
        self._unknown: dict[tuple[Kind, str], Row] = {}
        #: When the last head of all was signed.
        self.latest = max((heads[-1].fields.time for heads in heads.values() if heads), default=0)

    def check(self, kind: Kind, rows: Iterable[Row], leaves: Iterable[LeafRow], *, whole: bool = True) -> None:
        """All rows and all leaves of a window; `whole` is false when a row may have leaves that are not given."""
        by_id: dict[str, list[LeafRow]] = {}
        for leaf in leaves:
            by_id.setdefault(leaf.event_id, []).append(leaf)
        for row in rows:
            self.rows += 1
            found = by_id.get(row.id)
            if found is None:
                self._strange(kind, row)
            else:
                self._compare(kind, row, found)
                by_id[row.id] = []
        for name, found in by_id.items():
            if found:
                self._deserted(kind, name, found)

    def conclude(self) -> None:
        """Rows without leaves and leaves without rows are brought together: the time of some was changed."""
        for (kind, name), row in self._unknown.items():
            found = self._alone.pop((kind, name), None)
            if found is None:
                what: What = "back-dated" if row.time < self.latest else "inserted"
                self._add(what, kind, name, None, "no head up to now has it")
            elif self._fits(kind, row, found[-1]):
                self._add("leaf-altered", kind, name, found[-1], "the time beside the leaf was changed")
            else:
                self._add("altered", kind, name, found[-1], "its time was changed")
        for (kind, name), found in self._alone.items():
            self._add("deleted", kind, name, found[-1], "")

    def _compare(self, kind: Kind, row: Row, leaves: list[LeafRow]) -> None:
        newest = max(leaf.revision for leaf in leaves)
        if kind == ENTRY and row.revision < newest:
            top = next(leaf for leaf in leaves if leaf.revision == newest)
            if self._head(top) is None:
                self.pending += 1
            else:
                says = f"revision {row.revision} is shown, {newest} was logged"
                self._add("rolled-back", kind, row.id, top, says)
            leaves = [leaf for leaf in leaves if leaf.revision <= row.revision]
        own = [leaf for leaf in leaves if kind == RECORD or leaf.revision == row.revision]
        matched = [leaf for leaf in own if self._fits(kind, row, leaf)]
        if not matched:
            self._unlike(kind, row, own or leaves[-1:])
        stated = parts.stated_of(row.plain) if kind == ENTRY and len(leaves) > len(matched) else _encode(row.id)
        for leaf in leaves:
            self.pending += self._head(leaf) is None
            if leaf in matched:
                self._beside(kind, row, leaf)
            elif matched or leaf not in own:
                self._superseded(kind, row, leaf, stated)

    def _beside(self, kind: Kind, row: Row, leaf: LeafRow) -> None:
        """What is kept beside the hash of a leaf that fits."""
        if leaf.time != row.time or not row.plain.endswith(leaf.found):
            self._add("leaf-altered", kind, row.id, leaf, "what is kept beside its hash was changed")

    def _superseded(self, kind: Kind, row: Row, leaf: LeafRow, stated: bytes) -> None:
        """A revision that the row has replaced: its leaf can be computed from the event's own part."""
        self.revisions += 1
        before = row._replace(plain=stated + leaf.found)
        if self._fits(kind, before, leaf):
            return
        if (leaf.revision // REVISIONS ^ row.revision // REVISIONS) & 1:
            # The vendor's correction replaced the event's own part. The leaf stays, what it was made of does not.
            self.corrected += 1
            return
        self.strays[leaf.log, leaf.epoch, leaf.index] = (leaf, before)
        self._add("revision-altered", kind, row.id, leaf, f"revision {leaf.revision}")

    def _unlike(self, kind: Kind, row: Row, leaves: list[LeafRow]) -> None:
        """A row that is none of its leaves."""
        committed = self._erased.get((kind, row.id))
        if committed is not None and any(self._hash(kind, row, leaf, committed) == leaf.hash for leaf in leaves):
            self.erased += 1
            return
        if not leaves:
            return
        leaf = leaves[-1]
        self.strays[leaf.log, leaf.epoch, leaf.index] = (leaf, row)
        self._add("altered", kind, row.id, leaf, self._which(kind, row, leaf))

    def _which(self, kind: Kind, row: Row, leaf: LeafRow) -> str:
        if kind == RECORD:
            return "its bytes or where they came from"
        if leaf.revision != row.revision:
            return f"revision {row.revision} is shown, {leaf.revision} was logged"
        if not row.plain.endswith(leaf.found):
            return "what was found out (actor, session, links …)"
        return "what the source stated, or its content"

    def _fits(self, kind: Kind, row: Row, leaf: LeafRow) -> bool:
        return self._hash(kind, row, leaf) == leaf.hash

    def _hash(self, kind: Kind, row: Row, leaf: LeafRow, committed: bytes = b"") -> str:
        place = (leaf.log, leaf.epoch, leaf.index, leaf.offset)
        return self.hash_at(kind, row, place, committed)

    def hash_at(self, kind: Kind, row: Row, place: tuple[str, int, int, int], committed: bytes = b"") -> str:
        """The hash of the leaf that a row would have at a place: log, epoch, position, offset."""
        log, epoch, index, offset = place
        begins = self._begins.get((kind, log, epoch))
        if begins is None:
            begins = self._begins[kind, log, epoch] = self._hasher.begins(kind, log, epoch)
        if committed:
            return leaf_hash(leaf_input(begins + _encode((index, offset))[1:], row.plain, committed)).hex().upper()
        name = _encode(row.id)
        return self._hasher.leaf(begins, (index, offset), row.plain, name, row.content).hex().upper()

    def _strange(self, kind: Kind, row: Row) -> None:
        if len(self._unknown) < KEPT:
            self._unknown[kind, row.id] = row
        else:
            self._add("back-dated" if row.time < self.latest else "inserted", kind, row.id, None, "no head has it")

    def _deserted(self, kind: Kind, name: str, leaves: list[LeafRow]) -> None:
        covered = [leaf for leaf in leaves if self._head(leaf) is not None]
        self.pending += len(leaves) - len(covered)
        if not covered:
            return
        if len(self._alone) < KEPT:
            self._alone.setdefault((kind, name), []).extend(covered)
        else:
            self._add("deleted", kind, name, covered[-1], "")

    def _head(self, leaf: LeafRow) -> Signed | None:
        return covering(self._heads.get((leaf.log, leaf.epoch), []), leaf.index)

    def _add(self, what: What, kind: Kind, name: str, leaf: LeafRow | None, says: str) -> None:
        if leaf is None:
            self.problems.append(Problem(what=what, of=kind, id=name, says=says))
            return
        head = self._head(leaf)
        self.problems.append(
            Problem(
                what=what, of=kind, id=name, log=leaf.log, epoch=leaf.epoch, index=leaf.index,
                after=head.fields.time if head else 0, says=says,
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
        yield Row(row.event_id, row.time, row.found_revision, found.stated, found.content)


def records(lines: bytes, broken: Callable[[bytes], None]) -> Iterable[Row]:
    """Rows of `records` out of lines of JSON, as for `entries`."""
    for line in lines.splitlines():
        try:
            name, form, topic, partition, offset, time, value = _line(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            broken(line)
            continue
        plain = _encode((name, form, topic, partition, offset, time))[1:]
        yield Row(name, time, 0, plain, _encode(b64decode(value)))


def moved(rows: Rows) -> list[Problem]:
    """Leaves that are in each other's place, out of those that fit no row: a swap, or a rotation of a few."""
    found = []
    strays = list(rows.strays.values())[:200]
    for leaf, row in strays:
        for other, _ in strays:
            place = (other.log, other.epoch, other.index, other.offset)
            if other is not leaf and rows.hash_at(_kind(leaf), row, place) in (leaf.hash, other.hash):
                says = f"its place is {other.index}"
                found.append(
                    Problem(what="reordered", of=_kind(leaf), id=row.id, log=leaf.log, epoch=leaf.epoch,
                            index=leaf.index, says=says)
                )  # fmt: skip
                break
    return found


def _kind(leaf: LeafRow) -> Kind:
    return ENTRY if leaf.kind == ENTRY else RECORD
