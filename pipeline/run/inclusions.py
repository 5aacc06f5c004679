"""A leaf becomes its inclusion proof under a signed head, out of a few tiles of 256 hashes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from pipeline.evidence.head import Signed
from pipeline.evidence.problem import moment
from pipeline.evidence.tree import TILE, TILE_LEVELS, Node, inclusion, over
from pipeline.kit.failures import Permanent
from pipeline.store import Store, evidence
from pipeline.store.evidence import HeadRow, LeafRow
from pipeline.store.pivots import EARLIEST, LATEST
from pipeline.store.queries import events

#: Tiles that are kept in memory.
_TILES = 512


class Proof(NamedTuple):
    """That a leaf is in the tree of a head."""

    #: Hexadecimal, from the leaf up.
    hashes: list[str]
    #: The first head that covers the leaf, and the last of its log.
    head: Signed
    latest: Signed


class Proofs:
    """Makes proofs out of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tile = lru_cache(maxsize=_TILES)(self._read)

    def of(self, leaf: LeafRow) -> Proof | None:
        """The proof of a leaf; None if no head covers it yet. Raises Permanent when nodes are missing."""
        first = evidence.head_over(self._store, leaf.log, leaf.epoch, leaf.index)
        latest = evidence.latest_head(self._store, leaf.log, leaf.epoch)
        if first is None or latest is None:
            return None
        head = _signed(first)
        found = inclusion(leaf.index, head.fields.size, self.node(leaf.log, leaf.epoch))
        return Proof([one.hex() for one in found], head, _signed(latest))

    def node(self, log: str, epoch: int) -> Node:
        """Nodes of a log's tree."""

        def node(level: int, position: int) -> bytes:
            kept = level // TILE_LEVELS * TILE_LEVELS
            tile = self._tile(log, epoch, kept, position >> (TILE_LEVELS - (level - kept)))
            within = position & ((1 << (TILE_LEVELS - (level - kept))) - 1)
            try:
                return tile(level - kept, within)
            except IndexError as error:
                raise Permanent(f"evidence: nodes of {log} are missing at level {kept}: run whodid verify") from error

        return node

    def _read(self, log: str, epoch: int, level: int, number: int) -> Node:
        first, last = number * TILE, (number + 1) * TILE
        if level:
            return over(evidence.nodes(self._store, log, epoch, level, first, last))
        return over(evidence.hashes(self._store, log, epoch, first, last))


def proof_of(store: Store, event_id: str) -> dict[str, Any] | None:
    """The JSON object of the proof of every revision of an event; None if there is no leaf of that id."""
    known = events(store, [event_id])
    first, last = (known[0].event.time, known[0].event.time) if known else (EARLIEST, LATEST)
    leaves = evidence.leaves_of(store, "entry", [event_id], first, last)
    if not leaves:
        return None
    proofs = Proofs(store)
    return {"event_id": event_id, "leaves": [_shape(leaf, proofs.of(leaf)) for leaf in leaves]}


def _shape(leaf: LeafRow, proof: Proof | None) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "log": leaf.log, "epoch": leaf.epoch, "index": leaf.index, "offset": leaf.offset, "revision": leaf.revision,
        "hash": leaf.hash.lower(), "covered": proof is not None,
    }  # fmt: skip
    if proof is None:
        return shape
    signed_at = moment(proof.head.fields.time)
    return shape | {
        "signed_at": signed_at, "proof": proof.hashes, "head": proof.head.head, "signature": proof.head.signature,
    }  # fmt: skip


def heads_of(store: Store) -> list[dict[str, Any]]:
    """The JSON objects of the last head of each log and epoch."""
    found = []
    for log, epoch, size, _ in evidence.logs(store):
        latest = evidence.latest_head(store, log, epoch)
        head = _signed(latest).fields if latest else None
        found.append({
            "log": log, "epoch": epoch, "leaves": size, "covered": head.size if head else 0,
            "number": head.number if head else None, "root": head.root if head else None,
            "time": moment(head.time) if head else None, "key": head.key if head else None,
        })  # fmt: skip
    return found


def _signed(row: HeadRow) -> Signed:
    return Signed(head=row.head, signature=row.signature, peaks=row.peaks)
