"""A store and what was published become a report: does everything verify, and if not, what, which and since when.

In:     a Store, settings (where heads are published, keys), a checkpoint to go on from
Out:    Report
Fails:  Transient when the store or the published heads cannot be reached; Permanent for a hashing key that is another
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from pipeline.evidence.chain import Chain
from pipeline.evidence.head import Signed
from pipeline.evidence.keys import KeyFile, Ring, Statement
from pipeline.evidence.leaf import ENTRY, RECORD, salt_id
from pipeline.evidence.problem import Interval, Problem, moment
from pipeline.evidence.publish import Published, place_of
from pipeline.evidence.removal import Removal
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.run import verify_rows
from pipeline.run.evidence import hasher
from pipeline.run.verify_leaves import Leaves
from pipeline.run.verify_removals import removed
from pipeline.run.verify_rows import Rows
from pipeline.run.windows import ENTRIES_AT_ONCE, entry_windows, record_windows
from pipeline.store import Store, evidence
from pipeline.store.pivots import EARLIEST, LATEST

#: Problems that are listed; there may be more.
LISTED = 1000
Advance = Callable[[int], None]


class Report(msgspec.Struct, kw_only=True):
    """What was checked, and what was found."""

    logs: int = 0
    heads: int = 0
    published: int = 0
    leaves: int = 0
    rows: int = 0
    #: Superseded revisions that were computed again.
    revisions: int = 0
    #: Leaves that no head covers yet; rows whose content was erased; superseded revisions of which another record, or a
    #: vendor's correction, has replaced what the event itself says.
    pending: int = 0
    erased: int = 0
    #: Rows that went with a month that was dropped on purpose; and who took out what, when and why.
    dropped: int = 0
    removals: list[dict[str, Any]] = []
    replaced: int = 0
    #: Fingerprints of trusted keys, and why the first is trusted.
    keys: list[str] = []
    trust: str = ""
    problems: list[Problem] = []
    amount: int = 0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether everything verifies."""
        return not self.amount

    def shape(self) -> dict[str, Any]:
        """As JSON."""
        found = msgspec.structs.asdict(self)
        return found | {"verified": self.holds, "problems": [one.shape() for one in self.problems]}


class Checkpoint(msgspec.Struct):
    """Where a run that found nothing ended: the last head of each log."""

    heads: list[Signed] = []
    #: When, microseconds since 1970.
    time: int = 0


class Verification:
    """One run over a store."""

    def __init__(self, settings: Settings, store: Store, advance: Advance = lambda _: None) -> None:
        self._settings = settings
        self._store = store
        self._advance = advance
        self._published = Published(place_of(settings.evidence_place)) if settings.evidence_place else None
        self.report = Report()
        self._problems: list[Problem] = []
        self._chains: list[Chain] = []

    def run(self, keys: list[str] | None = None, since: Checkpoint | None = None) -> Report:
        """Check all, or what came since a checkpoint. `keys` are trusted fingerprints, if they are told."""
        started = time.monotonic()
        if not evidence.exists(self._store):
            raise Permanent("evidence: an older whodid wrote this store: start the role store once")
        ring = self._ring(keys)
        begun = {one.fields.log: one for one in (since.heads if since else [])}
        self._chain(ring, begun)
        if not begun and not any(chain.heads or chain.problems for chain in self._chains):
            raise Permanent(
                "evidence: there is no signed head, so nothing can be verified: is WHODID_EVIDENCE off, "
                "or WHODID_DATA_DIR another?"
            )
        leaves = Leaves(self._store, self._advance)
        for chain in self._chains:
            leaves.check(chain, begun.get(chain.log))
        self._problems += leaves.problems
        self.report.leaves = leaves.checked
        heads = self._heads()
        gone, removals, problems = removed(self._store, ring, self._published.removals() if self._published else [])
        self._problems += problems
        self.report.removals = [_shape(one) for one in removals]
        rows = Rows(hasher(self._settings), heads, gone)
        if since is None:
            self._all(rows)
        else:
            self._changed(rows, begun)
        rows.conclude()
        self._sum_up(rows, leaves.broken)
        self.report.seconds = round(time.monotonic() - started, 3)
        return self.report

    def checkpoint(self) -> Checkpoint:
        """Where to go on the next time, if this run found nothing."""
        return Checkpoint([chain.heads[-1] for chain in self._chains if chain.heads], time.time_ns() // 1000)

    def _ring(self, keys: list[str] | None) -> Ring:
        local = KeyFile(self._settings.evidence_key_file).statements()
        published = self._published.statements() if self._published else []
        stored = [
            Statement(statement=text, signature=signature) for text, signature in evidence.statements(self._store)
        ]
        if keys:
            trusted, self.report.trust = keys, "given"
        elif local:
            trusted, self.report.trust = [one.fields.key for one in local], "the key file of this machine"
        else:
            trusted = [one.fields.key for one in published if one.fields.by == one.fields.key]
            self.report.trust = "first of the published keys: compare its fingerprint with what you were told"
        ring = Ring(trusted, [*local, *published, *stored])
        for item in ring.refused:
            try:
                name = item.fields.key
            except msgspec.MsgspecError:
                name = item.statement[:80]
            self._problems.append(Problem(what="key-forged", of="key", id=name, says="no trusted key vouches for it"))
        self.report.keys = [one.key for one in ring.keys]
        return ring

    def _chain(self, ring: Ring, begun: dict[str, Signed]) -> None:
        by_log: dict[str, list[Signed]] = {}
        for row in evidence.heads(self._store):
            item = Signed(head=row.head, signature=row.signature, peaks=row.peaks)
            try:
                by_log.setdefault(item.fields.log, []).append(item)
            except Invalid as failure:
                self._problems.append(Problem(what="head-forged", of="head", says=f"in the store: {failure}"))
        published = self._published.logs() if self._published else []
        for log in sorted({*by_log, *published, *begun}):
            chain = Chain(log, ring)
            start = begun[log].fields.number if log in begun else 0
            stored = [one for one in by_log.get(log, []) if one.fields.number >= start]
            outside = list(self._published.heads(log, start)) if self._published and log in published else None
            chain.join(stored, outside, start)
            if log in begun and (not chain.heads or chain.heads[0].hash != begun[log].hash):
                says = "it is not the one of the checkpoint"
                self._problems.append(Problem(what="head-forged", of="head", log=log, index=start, says=says))
            self._salts(chain)
            self._chains.append(chain)
            self._problems += chain.problems
            self.report.heads += len(chain.heads)
            self.report.published += len(outside or [])
        self.report.logs = len(self._chains)

    def _salts(self, chain: Chain) -> None:
        ours = salt_id(self._settings.hashing_key)
        if chain.heads and all(one.fields.salts != ours for one in chain.heads):
            raise Permanent(
                "hash key: the leaves were made with another one than this process has: give the same WHODID_HASH_KEY, "
                "or the WHODID_DATA_DIR whose hash.key it is"
            )

    def _heads(self) -> dict[tuple[str, int], list[Signed]]:
        found: dict[tuple[str, int], list[Signed]] = {}
        for chain in self._chains:
            for one in chain.heads:
                found.setdefault((chain.log, one.fields.epoch), []).append(one)
        return found

    def _all(self, rows: Rows) -> None:
        for kind, windows, decode in (
            (ENTRY, entry_windows, verify_rows.entries), (RECORD, record_windows, verify_rows.records),
        ):  # fmt: skip
            for lines, leaves in windows(self._store):
                before = rows.rows
                rows.check(kind, decode(lines, self._unreadable), leaves)
                self._advance(rows.rows - before)

    def _changed(self, rows: Rows, begun: dict[str, Signed]) -> None:
        """Rows of leaves that came since."""
        for log, epoch, size, _ in evidence.logs(self._store):
            since = begun.get(log)
            if since is not None and epoch < since.fields.epoch:
                continue
            first = since.fields.size if since is not None and since.fields.epoch == epoch else 0
            for at in range(first, size, ENTRIES_AT_ONCE):
                page = evidence.span(self._store, log, epoch, at, min(at + ENTRIES_AT_ONCE, size))
                self._page(rows, [leaf for leaf in page if leaf.kind == ENTRY])
                self._record_page(rows, [leaf for leaf in page if leaf.kind == RECORD])

    def _page(self, rows: Rows, page: list[evidence.LeafRow]) -> None:
        if page:
            names, times = sorted({leaf.event_id for leaf in page}), sorted({leaf.time for leaf in page})
            lines = evidence.entry_lines_of(self._store, names, times)
            leaves = evidence.leaves_of(self._store, ENTRY, names, times[0], times[-1])
            rows.check(ENTRY, verify_rows.entries(lines, self._unreadable), leaves)
            self._advance(len(page))

    def _record_page(self, rows: Rows, page: list[evidence.LeafRow]) -> None:
        if page:
            names = sorted({leaf.event_id for leaf in page})
            lines = evidence.record_lines_of(self._store, names)
            found = list(verify_rows.records(lines, self._unreadable))
            leaves = evidence.leaves_of(self._store, RECORD, names, EARLIEST, LATEST)
            rows.check(RECORD, found, leaves)
            self._advance(len(page))

    def _unreadable(self, line: bytes) -> None:
        name = line[2:80].split(b'"')[0].decode("utf-8", "replace")
        says = "it holds what no row of ours can hold"
        self._problems.append(Problem(what="altered", of="row", id=name, says=says))

    def _sum_up(self, rows: Rows, broken: list[Interval]) -> None:
        report = self.report
        report.rows, report.revisions, report.pending = rows.rows, rows.revisions, rows.pending
        report.erased, report.dropped, report.replaced = rows.erased, rows.dropped, rows.replaced
        moved = {one.id: one for one in verify_rows.moved(rows)} if broken else {}
        found = [moved.get(one.id, one) if one.of in (ENTRY, RECORD) else one for one in rows.problems]
        self._problems += found
        known = {(one.log, one.epoch, one.index) for one in found if one.index >= 0}
        for item in broken:
            self._problems.append(self._stretch(item, known))
        report.amount = len(self._problems)
        report.problems = self._problems[:LISTED]

    def _stretch(self, item: Interval, known: set[tuple[str, int, int]]) -> Problem:
        inside = [index for log, epoch, index in known if (log, epoch) == (item.log, item.epoch)]
        inside = sorted(index for index in inside if item.first <= index < item.last)
        if inside:
            says = "the leaves that were changed are those at " + ", ".join(map(str, inside[:20]))
        else:
            says = f"one or more of {item.last - item.first} leaves, with their rows"
        return Problem(
            what="leaf-altered", of="leaf", log=item.log, epoch=item.epoch, index=item.first, last=item.last,
            after=item.until, says=f"they do not make the root signed at {moment(item.until)}: {says}",
        )  # fmt: skip


def _shape(one: Removal) -> dict[str, Any]:
    return {
        "removal_id": one.removal_id, "sort": one.sort, "time": moment(one.time), "by": one.by, "reason": one.reason,
        "rows": sum(part.amount for part in one.parts),
    }  # fmt: skip


def trusted_keys(path: Path) -> list[str]:
    """Fingerprints in a file, one a line, or statements of keys as they are published. Raises Invalid."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("{"):
            try:
                text = msgspec.json.decode(text, type=Statement).fields.key
            except msgspec.MsgspecError as error:
                raise Invalid("keys", f"statements of keys or fingerprints ({error})", line) from error
        if text and not text.startswith("#"):
            found.append(text)
    if not found:
        raise Invalid("keys", "a fingerprint a line", path.name)
    return found
