"""Events and records become a folder that proves them: leaves, inclusion proofs, signed heads, keys, and `verify.py`.

In:     a Store, ids
Out:    files under `FOLDER/evidence`, and `FOLDER/verify.py`
Fails:  Transient when the store is away; Invalid for an id that has no leaf under a signed head
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from pipeline.evidence.head import Signed
from pipeline.evidence.keys import KeyFile, Statement
from pipeline.evidence.leaf import ENTRY, RECORD, Kind, commitment, leaf_input, own_input
from pipeline.evidence.ocsf import record_integrity
from pipeline.evidence.publish import Published, place_of
from pipeline.evidence.tree import consistency
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.report.content import Content
from pipeline.run.evidence import hasher
from pipeline.run.inclusions import Proofs
from pipeline.run.verify_rows import Row, entries, records
from pipeline.store import Store, evidence
from pipeline.store.evidence import LeafRow
from pipeline.store.pivots import EARLIEST, LATEST
from schemas.entry import Entry

_encode = msgspec.msgpack.Encoder().encode
#: Writes evidence of some entries into a folder.
Prove = Callable[[Sequence[Entry], Path, Content], None]


def export(
    settings: Settings, store: Store, event_ids: Sequence[str], record_ids: Sequence[str], folder: Path, *,
    content: bool,
) -> dict[str, int]:  # fmt: skip
    """Write what proves these events and records; returns how many leaves, heads and keys that were.

    With `content` the commitments are opened: salts, and content as msgpack. Without, `timeline.jsonl` must have it
    withheld (`pipeline.report.content.withheld`). `manifest.json` is to be written afterwards, over everything.
    """
    export_ = _Export(settings, store, content=content)
    export_.entries(event_ids)
    export_.records(record_ids)
    target = folder / "evidence"
    target.mkdir(parents=True, exist_ok=True)
    keys = _statements(settings, store)
    _lines(target / "leaves.jsonl", export_.leaves)
    _lines(target / "heads.jsonl", map(_signed, export_.heads()))
    _lines(target / "consistency.jsonl", export_.consistency())
    _lines(target / "keys.jsonl", map(msgspec.structs.asdict, keys))
    _lines(target / "record_integrity.jsonl", export_.integrity)
    (folder / "verify.py").write_bytes(files("pipeline.evidence").joinpath("verify_bundle.py").read_bytes())
    return {"leaves": len(export_.leaves), "heads": len(export_.heads()), "keys": len(keys)}


def proving(settings: Settings, store: Store) -> Prove | None:
    """What writes evidence into the bundle of an incident; None where the store has none."""
    if not settings.evidence_place or not evidence.exists(store) or not evidence.heads(store):
        return None

    def prove(entries: Sequence[Entry], folder: Path, content: Content) -> None:
        names = [entry.event.event_id for entry in entries]
        raw = sorted({entry.event.record_id for entry in entries if entry.event.record_id} if content == "full" else ())
        kept = [name for name in raw if (folder / "records" / name).exists()]
        export(settings, store, names, kept, folder, content=content != "hashes")

    return prove


class _Export:
    """What one bundle needs."""

    def __init__(self, settings: Settings, store: Store, *, content: bool) -> None:
        self._store, self._content = store, content
        self._hasher = hasher(settings)
        self._proofs = Proofs(store)
        self._erased = evidence.erased(store)
        self.leaves: list[dict[str, Any]] = []
        self.integrity: list[dict[str, Any]] = []
        self._heads: dict[tuple[str, int], dict[int, Signed]] = {}

    def entries(self, names: Sequence[str]) -> None:
        """Leaves of the current rows of events, and of every revision before."""
        if names:
            leaves = evidence.leaves_of(self._store, ENTRY, names, EARLIEST, LATEST)
            times = sorted({leaf.time for leaf in leaves})
            lines = evidence.entry_lines_of(self._store, sorted(names), times)
            self._all(ENTRY, names, {row.id: row for row in entries(lines, _refuse)}, leaves)

    def records(self, names: Sequence[str]) -> None:
        """Leaves of raw records."""
        if names:
            leaves = evidence.leaves_of(self._store, RECORD, names, EARLIEST, LATEST)
            found = records(evidence.record_lines_of(self._store, sorted(names)), _refuse)
            self._all(RECORD, names, {row.id: row for row in found}, leaves)

    def heads(self) -> list[Signed]:
        """Heads that are used, and the last of each log, in order."""
        return [one for _, several in sorted(self._heads.items()) for _, one in sorted(several.items())]

    def consistency(self) -> Iterator[dict[str, Any]]:
        """Proofs that each head's tree is the beginning of the next one's."""
        for (log, epoch), several in sorted(self._heads.items()):
            node = self._proofs.node(log, epoch)
            for before, after in pairwise([several[number].fields for number in sorted(several)]):
                proof = [one.hex() for one in consistency(before.size, after.size, node)]
                yield {"log": log, "epoch": epoch, "from": before.number, "to": after.number, "proof": proof}

    def _all(self, kind: Kind, names: Sequence[str], rows: Mapping[str, Row], leaves: list[LeafRow]) -> None:
        of: dict[str, list[LeafRow]] = {}
        for leaf in sorted(leaves, key=lambda one: (one.event_id, one.revision, one.epoch, one.index)):
            of.setdefault(leaf.event_id, []).append(leaf)
        for name in dict.fromkeys(names):
            if name not in rows or not any([self._add(kind, rows[name], leaf) for leaf in of.get(name, [])]):
                raise Invalid(
                    f"{kind}_id", "one with a row and a leaf under a signed head: try again in some seconds, or ask "
                    "whodid verify", name,
                )  # fmt: skip

    def _add(self, kind: Kind, row: Row, leaf: LeafRow) -> bool:
        """One leaf with its proof; False if no head covers it yet."""
        found = self._proofs.of(leaf)
        if found is None:
            return False
        salt = self._hasher.salt(row.id)
        committed = self._erased.get((kind, row.id)) or commitment(salt, row.content)
        begins = self._hasher.begins(kind, leaf.log, leaf.epoch) + _encode((leaf.index, leaf.offset))[1:]
        own = own_input(row.stated, committed)
        # A superseded revision of which the own part was replaced: its hash is all that there is.
        same = sha256(own).hexdigest() == leaf.own.lower()
        current = same and leaf.found == row.found
        shown = same and self._content and (kind, row.id) not in self._erased
        line = {
            "of": kind, "id": row.id, "log": leaf.log, "epoch": leaf.epoch, "index": leaf.index,
            "current": current, "input": _text(leaf_input(begins, bytes.fromhex(leaf.own), leaf.found)),
            "own": _text(own) if same else None,
            "hash": leaf.hash.lower(), "salt": salt.hex() if shown else None,
            "content": _text(row.content) if shown and kind == ENTRY else None,
            "head": found.head.fields.number, "proof": found.hashes,
        }  # fmt: skip
        self.leaves.append(line)
        self.integrity.append({"id": row.id, **record_integrity(line, found.hashes, found.head)})
        several = self._heads.setdefault((leaf.log, leaf.epoch), {})
        for one in (found.head, found.latest):
            several[one.fields.number] = one
        return True


def _statements(settings: Settings, store: Store) -> list[Statement]:
    """Of all keys, each once."""
    known = KeyFile(settings.evidence_key_file).statements()
    if settings.evidence_place:
        known += Published(place_of(settings.evidence_place)).statements()
    known += [Statement(statement=text, signature=signature) for text, signature in evidence.statements(store)]
    return sorted(dict.fromkeys(known), key=lambda one: one.fields.time)


def _signed(item: Signed) -> dict[str, Any]:
    return {"head": item.head, "signature": item.signature}


def _lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _refuse(line: bytes) -> None:
    raise Invalid("row", "one that was written by whodid: ask whodid verify", line[:80])
