"""Files that are being written to become batches of Records, each byte once, also over rotations and restarts.

In:     paths, and the State of what was sent before
Out:    batches of Records; the State after them
Fails:  never; what cannot be read is told in `faults` and looked at again when it changes

A file is known by device and inode, and by its beginning. Whoever takes a batch hands all of it on before asking for
the next; the State holds what was handed on, and may be saved once the broker has acknowledged it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from pipeline.sources import lines, seen
from pipeline.sources.checkpoint import Place, State
from pipeline.sources.files import records
from pipeline.sources.handles import Handles, Reading
from pipeline.sources.prints import Known, Print, digest, resume
from pipeline.sources.seen import Key, Seen
from pipeline.sources.streams import CHUNK, Stream, Unreadable
from schemas.rejected import Record

#: Seconds without a change after which a file that is read as a whole is complete, and a last line without its end too.
SETTLE = 2.0
#: Seconds without a change after which a file that is gone by name is let go.
LINGER = 10.0
#: Files that were, and may come again compressed or copied.
KEPT = 1000
Batch = list[Record]


class Follower:
    """Looks at files again and again."""

    def __init__(
        self,
        paths: Sequence[str],
        state: State,
        native: str = "",
        own: str = "",
        settle: float = SETTLE,
        linger: float = LINGER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`own`: a file of ours that may lie among them, and is left out: the checkpoint."""
        self._paths, self._native, self._own = list(paths), native, own
        self._settle, self._linger, self._clock = settle, linger, clock
        self._places: dict[Key, Place] = {(place.device, place.inode): place for place in state.places}
        self._past = list(state.past)
        #: When a file was last seen to change, and how it was then.
        self._since: dict[Key, tuple[Seen, float]] = {}
        #: As they were when there was nothing more to do about them.
        self._done: dict[Key, Seen] = {}
        self._handles, self._looked = Handles(), False
        #: Built when a look needs it.
        self._known: Known | None = None
        self._told: dict[Key, str] = {}
        #: What went wrong since this was last emptied, one sentence each.
        self.faults: list[str] = []
        #: Whether the last look found something, or something that is not complete yet.
        self.busy = False

    @property
    def state(self) -> State:
        """What was handed on so far."""
        return State(places=list(self._places.values()), past=self._past)

    @property
    def unfinished(self) -> int:
        """Bytes of last lines that have no end."""
        files = [(place, self._since[key][0]) for key, place in self._places.items() if key in self._since]
        return sum(max(0, file.size - place.offset) for place, file in files if not place.whole)

    def look(self) -> Iterator[Batch]:
        """What is new since the last look."""
        now, self.busy, self._known = self._clock(), False, None
        there = seen.found(self._paths)
        if (own := seen.look(self._own)) is not None:
            there.pop(own.key, None)
        self._renumber(there)
        for key in self._places.keys() - there.keys():
            yield from self._left(key, now)
        for file in there.values():
            if self._done.get(file.key) == file:
                continue
            settled = self._settled(file, now)
            self.busy |= not settled
            try:
                yield from self._read(file, settled)
                if settled:
                    self._done[file.key] = file
            except FileNotFoundError:
                continue
            except (OSError, Unreadable) as error:
                self._fault(file, error)
        for kept in (self._since, self._done, self._told):
            for key in kept.keys() - there.keys() - self._places.keys():
                del kept[key]

    def close(self) -> None:
        """Close the files."""
        self._handles.close()

    def _renumber(self, there: dict[Key, Seen]) -> None:
        """After a restart of the machine, a file system may have another number; its files have theirs still."""
        if self._looked:
            return
        self._looked = True
        named = {(file.path, file.inode): file for file in there.values()}
        for key in self._places.keys() - there.keys():
            file = named.get((self._places[key].path, key[1]))
            if file is not None and file.key not in self._places:
                place = self._places[file.key] = self._places.pop(key)
                place.device = file.device

    def _settled(self, file: Seen, now: float, after: float = 0.0) -> bool:
        before, since = self._since.get(file.key, (None, now))
        if before is None or (before.size, before.changed) != (file.size, file.changed):
            since = now
        self._since[file.key] = (file, since)
        return now - since >= (after or self._settle)

    def _read(self, file: Seen, settled: bool) -> Iterator[Batch]:
        place = self._places.get(file.key)
        if place is not None and not self._same(place, file):
            self._retire(file.key)
            place = None
        if place is None:
            place = self._begin(file, settled)
            if place is None:
                return
            self._places[file.key] = place
        place.path = file.path
        yield from self._whole(place, file) if place.whole else self._lines(place, settled)

    def _same(self, place: Place, file: Seen) -> bool:
        """Whether it is still the file of that number: not cut off, nor another that got the number."""
        if place.whole:
            return (place.size, place.changed) == (file.size, file.changed)
        if file.size < place.offset:
            return False
        handle = self._handles.of(file.key, file.path)
        return digest(lines.head(handle, place.head_size)) == place.head if place.head_size else True

    def _begin(self, file: Seen, settled: bool) -> Place | None:
        """Where to begin with a file that is not known; None if that cannot be said yet."""
        handle = self._handles.of(file.key, file.path)
        manner = lines.manner(handle)
        if manner is lines.Manner.UNKNOWN or (manner is lines.Manner.WHOLE and not settled):
            return None
        self._known = self._known or Known([*self._places.values(), *self._past])
        resumed = resume(self._stream(file), self._known)
        if (resumed.short and not settled) or not (file.asked or resumed.offset):
            return None
        place = Place(device=file.device, inode=file.inode, path=file.path, whole=manner is lines.Manner.WHOLE)
        place.offset, place.crc = resumed.offset, resumed.crc
        if not place.whole:
            lines.known_by(handle, place)
        return place

    def _lines(self, place: Place, settled: bool, last: bool = False) -> Iterator[Batch]:
        handle = self._handles.of((place.device, place.inode), place.path)
        for part in lines.parts(handle, place.offset, settled, last):
            yield from self._handed(lines.records(part, place, self._native))
            lines.passed(handle, place, part)

    def _whole(self, place: Place, file: Seen) -> Iterator[Batch]:
        if (place.size, place.changed) == (file.size, file.changed):
            return
        # Until it is read to its end, it is to be read again from its beginning.
        before, place.offset = place.offset, 0
        stream = self._stream(file)
        printed, fault = Print(stream), None
        printed.skip(before)
        batch, size = Batch(), 0
        try:
            for record in records(stream, self._native, reading=printed.read):
                batch.append(record)
                size += len(record.value)
                if size >= CHUNK:
                    yield from self._handed(batch)
                    batch, size = [], 0
        except Unreadable as error:
            fault = error
        yield from self._handed(batch)
        place.size, place.changed = file.size, file.changed
        if fault:
            raise fault
        printed.write(place)

    def _left(self, key: Key, now: float) -> Iterator[Batch]:
        """Read on in a file that has no name any more among those followed, until nobody writes to it."""
        place = self._places[key]
        status = self._handles.status(key)
        file = seen.of(place.path, status) if status else None
        if file is None or place.whole:
            self._retire(key)
            return
        last = self._settled(file, now, self._linger)
        try:
            if file.size > place.offset:
                yield from self._lines(place, last, last)
        except OSError as error:
            self._fault(file, error)
        if last:
            self._retire(key)

    def _stream(self, file: Seen) -> Stream:
        return Stream(file.path, lambda _: None, Reading(self._handles.of(file.key, file.path)))

    def _handed(self, batch: Batch) -> Iterator[Batch]:
        self.busy = True
        if batch:
            yield batch

    def _retire(self, key: Key) -> None:
        place = self._places.pop(key)
        self._handles.drop(key)
        self._done.pop(key, None)
        if place.head_size:
            self._past = [*self._past, place][-KEPT:]

    def _fault(self, file: Seen, error: OSError | Unreadable) -> None:
        told = f"{file.path}: {error.strerror if isinstance(error, OSError) else error}"
        if self._told.get(file.key) != told:
            self._told[file.key] = told
            self.faults.append(told)
