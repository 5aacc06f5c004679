"""Records of log files become items of correlation, those of a large log in processes beside this one.

In:     a strand of Records
Out:    what became of each, in the order of the strand
Fails:  Invalid for settings that cannot be understood; Permanent if a process beside this one was ended by somebody
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from types import TracebackType

import msgspec

from pipeline.correlate.route import route
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.normalize.context import Context
from pipeline.normalize.stage import context_of, process
from schemas.batch import Item, RawRecord
from schemas.rejected import Record, Rejected

#: Records and bytes that are taken at once; such parts of a strand that are on their way.
PART, PART_BYTES, AHEAD = 500, 1 << 20, 3
#: Processes at most: one thread takes in what they make.
MOST = 3


class Taken(msgspec.Struct, array_like=True, gc=False):
    """What became of one native record."""

    #: As in `Normalized`.
    record: RawRecord | None
    rejected: Rejected | None
    ignored: str
    events: int
    #: What the events are to correlation.
    items: list[Item]


_encode = msgspec.msgpack.Encoder().encode
_records, _taken = msgspec.msgpack.Decoder(list[Record]).decode, msgspec.msgpack.Decoder(list[Taken]).decode


class Normalizing:
    """Use as a context manager; leaving it ends the processes."""

    def __init__(self, settings: Settings, processes: int | None = None) -> None:
        """`processes`: beside this one; by default as many as there are further cores. Raises Invalid."""
        self._settings, self._context = settings, context_of(settings)
        self._processes = min((os.cpu_count() or 1) - 1, MOST) if processes is None else processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Normalizing:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def strand(self, records: Iterable[Record]) -> Iterator[Taken]:
        """What became of each record. A strand that ends within its first part needs no other process."""
        parts = _parts(records)
        for part in parts:
            yield from taken(part, self._context)
            if self._processes > 0:
                break
        waiting: deque[Future[bytes]] = deque()
        try:
            for part in parts:
                waiting.append(self._begun().submit(_beside, _encode(part)))
                if len(waiting) > AHEAD:
                    yield from _taken(waiting.popleft().result())
            while waiting:
                yield from _taken(waiting.popleft().result())
        except BrokenProcessPool as error:
            raise Permanent("investigate: a process that normalizes was ended: start again (out of memory?)") from error

    def _begun(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Not forked: threads of the embedded store would be missing in the child.
            self._pool = ProcessPoolExecutor(
                self._processes, multiprocessing.get_context("spawn"), _begin, (self._settings,)
            )
        return self._pool


def taken(records: Iterable[Record], context: Context) -> Iterator[Taken]:
    """What becomes of some records."""
    for record in records:
        for one in process(record, context):
            items = [item for event in one.events for item in route(event)]
            yield Taken(one.record, one.rejected, one.ignored, len(one.events), items)


def _parts(records: Iterable[Record]) -> Iterator[list[Record]]:
    part: list[Record] = []
    size = 0
    for record in records:
        part.append(record)
        size += len(record.value)
        if len(part) >= PART or size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


class _Beside:
    """What a process beside the first one has."""

    context: Context


def _begin(settings: Settings) -> None:
    _Beside.context = context_of(settings)
    # Ctrl-C is for the first process, which ends this one; and this one does not stay when the first is killed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _beside(part: bytes) -> bytes:
    return _encode(list(taken(_records(part), _Beside.context)))
