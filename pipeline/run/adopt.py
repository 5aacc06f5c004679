"""Rows that were there before evidence was kept become leaves, so that they can be verified from now on.

That says nothing of what was done to them before; their log `adopted/0` says when they were taken in.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import msgspec

from pipeline.evidence.leaf import ENTRY, RECORD
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.run.evidence import Deed, Evidence
from pipeline.run.verify_rows import Row, entries, records
from pipeline.run.windows import entry_windows, record_windows
from pipeline.store import Store
from pipeline.store.parts import Parts

LOG = "adopted/0"
#: Leaves of what would be one message.
TOGETHER = 10_000
_encode = msgspec.msgpack.Encoder().encode


def adopt(settings: Settings, store: Store, advance: Callable[[int], None] = lambda _: None) -> int:
    """Take in every row without a leaf; returns how many. Nothing may write meanwhile. Raises Transient; Invalid."""
    if not settings.evidence_place:
        raise Invalid("evidence", "a place to publish heads at", settings.evidence or settings.clickhouse)
    writer = Evidence(settings, store)
    log = writer.open(LOG)
    amount = 0
    for kind, windows, decode in ((ENTRY, entry_windows, entries), (RECORD, record_windows, records)):
        for lines, leaves in windows(store):
            known = {leaf.event_id for leaf in leaves}
            missing = (row for row in decode(lines, _refuse) if row.id not in known)
            while page := [(kind, _parts(row)) for row in islice(missing, TOGETHER)]:
                writer.write(writer.leaves([Deed(log, log.offset + 1, parts=page)]))
                amount += len(page)
                advance(len(page))
    writer.publish()
    return amount


def _parts(row: Row) -> Parts:
    return Parts(_encode(row.id), _encode(row.time), row.stated, row.found, row.content, row.revision)


def _refuse(line: bytes) -> None:
    raise Invalid("row", "one that was written by whodid", line[:80])
