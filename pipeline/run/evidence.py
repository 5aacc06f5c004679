"""What is stored becomes evidence: leaves beside the rows, and heads that are signed and published.

Leaves are made in this process from what came out of Kafka, never out of the database. A log goes on from its last
signed head, whatever the database says: the messages after it are read again, and their leaves are the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from pipeline.evidence.head import Signed, encoded
from pipeline.evidence.keys import Key, KeyFile, Ring
from pipeline.evidence.leaf import ENTRY, RECORD, Kind, salt_id, salts
from pipeline.evidence.log import Hasher, Log
from pipeline.evidence.publish import Published, Taken, place_of
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.store import Store, evidence, parts
from pipeline.store.columns import Row
from pipeline.store.evidence import HeadRow
from pipeline.store.parts import Parts
from schemas.batch import RawRecord

log = logging.getLogger("whodid")
_encode = msgspec.msgpack.Encoder().encode
Send = Callable[[str, bytes], None]
Node = tuple[str, int, int, int, bytes]


class Deed(NamedTuple):
    """What one message adds to a log."""

    log: Log
    offset: int
    entries: Sequence[Row] = ()
    records: Sequence[RawRecord] = ()
    #: Or rows as they were read back.
    parts: Sequence[tuple[Kind, Parts]] = ()


class Leaves(NamedTuple):
    """Rows of `leaves` and `tree_nodes`, ready to be written."""

    rows: bytes
    nodes: list[Node]
    amount: int


class Evidence:
    """The logs that this process writes."""

    def __init__(self, settings: Settings, store: Store, send: Send | None = None) -> None:
        """`send` takes a head to the topic `tree-heads`: key and value. Raises Permanent for a key that is none."""
        self._store = store
        self._every = settings.head_every
        self._send = send
        self._published = Published(place_of(settings.evidence_place))
        self._file = KeyFile(settings.evidence_key_file)
        self._salts = salt_id(settings.hashing_key)
        self.hasher = hasher(settings)
        self._logs: dict[str, Log] = {}
        self._key: Key | None = None
        self._due = time.monotonic() + self._every

    def open(self, name: str) -> Log:
        """A log, after its last head. Raises Transient; Permanent."""
        last = self._last(name)
        self._logs[name] = Log(name, last)
        return self._logs[name]

    def close(self, names: Iterable[str]) -> None:
        """These logs are somebody else's now."""
        for name in names:
            if name in self._logs:
                self._logs.pop(name).closed = True

    def leaves(self, deeds: Iterable[Deed]) -> Leaves:
        """Append what some messages add, in their order. What a log has is not appended again."""
        rows: list[bytes] = []
        nodes: list[Node] = []
        for deed in deeds:
            if not deed.log.closed and not self._has(deed):
                made = self._made(deed, deed.log.frontier.size)
                rows += [row for _, row in made]
                nodes += deed.log.append([hashed for hashed, _ in made], deed.offset)
        return Leaves(b"".join(rows), nodes, len(rows))

    def write(self, leaves: Leaves) -> None:
        """Written twice, it changes nothing. Raises Transient."""
        self._store.insert(evidence.leaves_block(leaves.rows))
        self._store.insert(evidence.nodes_block(leaves.nodes))

    @property
    def due(self) -> bool:
        """Whether it is time to sign heads, and there is something to sign."""
        return time.monotonic() >= self._due and any(one.grown for one in self._logs.values())

    @property
    def overdue(self) -> float:
        """Seconds that it is time to sign heads, and none was; 0 if there is nothing to sign."""
        grown = any(one.grown for one in list(self._logs.values()))
        return max(0.0, time.monotonic() - self._due) if grown else 0.0

    def publish(self) -> int:
        """Sign a head of every log that has grown: what was appended is stored, and its rows. Returns how many.

        Raises Transient; Permanent. Tried again after a failure, it publishes what is missing.
        """
        key = self.key()
        heads = [item for one in self._logs.values() for item in self._head(one, key)]
        self._store.insert(evidence.heads_block(map(_row, heads)))
        for item in heads:
            self._logs[item.fields.log].follow(item)
            self._tell(item)
        self._due = time.monotonic() + self._every
        return len(heads)

    def key(self) -> Key:
        """The key that signs now: it may have been rotated. What is stated of keys is published. Raises Permanent."""
        found = self._file.key()
        if self._key is None or found.fingerprint != self._key.fingerprint:
            stated = self._file.statements()
            for item in stated:
                self._published.statement(item)
            rows = [(one.fields.key, one.fields.time, one.statement, one.signature) for one in stated]
            self._store.insert(evidence.keys_block(rows))
            self._key = found
        return found

    def _head(self, one: Log, key: Key) -> Iterator[Signed]:
        """The next head of a log, published; none if it has not grown."""
        while one.grown:
            item = one.head(key, time.time_ns() // 1000, self._salts)
            try:
                self._published.head(item)
            except Taken:
                # Another writer of this log came first, or this one broke off after it had published.
                other = self._published.at(one.name, one.number)
                if other is None:
                    raise
                log.info("evidence: %s: head %d was published already", one.name, one.number)
                self._store.insert(evidence.heads_block([_row(other)]))
                one.follow(other)
                self._tell(other)
            else:
                yield item
                return

    def _tell(self, item: Signed) -> None:
        if self._send is not None:
            self._send(item.fields.log, encoded(item))

    def _last(self, name: str) -> Signed | None:
        """The last head of a log that this installation has signed, as published or as the store has it."""
        self.key()
        stated = self._file.statements()
        ring = Ring([one.fields.key for one in stated], stated)
        stored = next(_verified(evidence.last_heads(self._store, name), ring), None)
        published = self._published.last(name)
        if published is None or not published.verified(ring):
            return stored
        if stored is None or stored.fields.number < published.fields.number:
            log.warning("evidence: %s: the store has not the last head that was published", name)
            self._store.insert(evidence.heads_block([_row(published)]))
            return published
        return stored

    def _has(self, deed: Deed) -> bool:
        """Whether a message was appended before; if other messages were, the topic was made anew."""
        one = deed.log
        if deed.offset > one.offset or not (deed.entries or deed.records or deed.parts):
            one.known_again = one.known_again or deed.offset > one.offset
            return deed.offset <= one.offset
        if one.known_again:
            return True
        stored = evidence.at_offset(self._store, one.name, one.epoch, deed.offset)
        made = self._made(deed, stored[0].index if stored else 0)
        if [hashed.hex() for hashed, _ in made] == [row.hash.lower() for row in stored]:
            one.known_again = True
            return True
        log.warning("evidence: %s: offset %d is another message now: a new epoch begins", one.name, deed.offset)
        one.begin_again()
        one.known_again = True
        return False

    def _made(self, deed: Deed, first: int) -> list[tuple[bytes, bytes]]:
        """Hash and row of each leaf of a message, of which the first is at this position."""
        made = []
        one, at = deed.log, first
        items: list[tuple[Kind, Iterable[Parts]]] = [
            (ENTRY, map(parts.of_entry, deed.entries)), (RECORD, map(parts.of_record, deed.records)),
            *((kind, (one,)) for kind, one in deed.parts),
        ]  # fmt: skip
        for kind, several in items:
            begins = self.hasher.begins(kind, one.name, one.epoch)
            row = _encode((one.name, one.epoch, kind, deed.offset))[1:]
            for item in several:
                own = self.hasher.own(item.stated, item.name, item.content)
                leaf = self.hasher.leaf(begins, (at, deed.offset), own, item.found)
                tail = _encode((at, item.revision, leaf, own, item.found))[1:]
                made.append((leaf, b"".join((row, item.time, item.name, tail))))
                at += 1
        return made


def hasher(settings: Settings) -> Hasher:
    """What makes leaves with the settings' key."""
    return Hasher(salts(settings.hashing_key), {ENTRY: parts.FOUND, RECORD: parts.RECORD_FOUND})


def _verified(rows: Iterable[HeadRow], ring: Ring) -> Iterator[Signed]:
    for row in rows:
        item = Signed(head=row.head, signature=row.signature, peaks=row.peaks)
        try:
            if item.verified(ring):
                item.frontier()
                yield item
                continue
        except Invalid:
            pass
        log.warning("evidence: a head in the store was not signed here: %.200s", row.head)


def _row(item: Signed) -> tuple[object, ...]:
    head = item.fields
    named = (head.log, head.epoch, head.number, head.size, head.time)
    return (*named, item.head, item.signature, item.peaks)
