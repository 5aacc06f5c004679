"""Directories that are written to become deliveries: new files, appended lines, whatever rotation does to them.

Directories are looked through at intervals. Notifications by the kernel (inotify) would be sooner by less than a
second, and do not exist on network file systems.
A file is known again by what is in it, not by its name: hashes of its beginning and of the bytes before the place
reached. So a log that was renamed, copied and truncated, or compressed goes on where it stood. Where a doubt is left, a
file is read again, which changes nothing downstream.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import msgspec

from pipeline.kit.failures import Permanent
from pipeline.sources.checkpoint import Checkpoint
from pipeline.sources.delivery import Delivery
from pipeline.sources.files import records_of
from pipeline.sources.mark import Mark, Window, again, mark_of, resume, skip
from pipeline.sources.split import LONGEST, is_json, is_lines, of_line
from pipeline.sources.streams import STDIN, WINDOW, Unreadable, find
from schemas.rejected import Record

#: Bytes of a file that are sent before the checkpoint moves on.
PORTION = 4 * 1024 * 1024
#: Seconds without a change after which a document, or a last line without its end, counts as written.
QUIET = 5.0
#: Seconds for which a file that is gone is remembered: it may come back under another name.
REMEMBERED = 7 * 86400.0


class Follower:
    """Follows files and directories; those that do not exist yet are waited for."""

    def __init__(
        self, paths: Sequence[str], kept: Checkpoint, native: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        if STDIN in paths:
            raise Permanent("watch: expected directories and files; standard input is what `whodid send -` reads")
        self._paths, self._kept, self._native, self._clock = paths, kept, native, clock
        self._marks = {name: msgspec.json.decode(state, type=Mark) for name, state in kept.all().items()}
        #: What was looked at in vain, by identity: size and time of change.
        self._vain = dict[str, tuple[int, int]]()
        self._told = dict[str, str]()
        self.faults: list[str] = []
        self.waiting = False

    def poll(self) -> Iterator[Delivery]:
        """What was written since; a file that is gone or may not be read is passed over, and comes next time."""
        there = set[str]()
        self.waiting = False
        for path in find([path for path in self._paths if os.path.exists(path)]):
            try:
                there.add(identity := _identity(found := os.stat(path)))
                known = self._marks.get(identity)
                if (known and known.unchanged(found)) or self._vain.get(identity) == _state(found):
                    continue
                with open(path, "rb") as file:
                    yield from self._read(path, file)
            except FileNotFoundError:
                continue
            except (Unreadable, OSError) as fault:
                self._in_vain(path, found, str(fault))
        self._forget(there)

    def close(self) -> None:
        """Close the checkpoint."""
        self._kept.close()

    def _read(self, path: str, file: BinaryIO) -> Iterator[Delivery]:
        found = os.fstat(file.fileno())
        quiet = self._clock() - found.st_mtime >= QUIET
        stream, begin = resume(path, file, self._marks.values())
        stream.close()
        self._set_aside(_identity(found), begin.position)
        if not stream.packed and _lined(stream.head):
            yield from self._lines(path, file, found, begin)
        elif not quiet:
            self.waiting = True
        elif stream.packed or b"\n" in stream.head or len(stream.head) >= WINDOW or is_json(stream.head):
            yield from self._whole(path, file, found, begin)
        else:
            self._in_vain(path, found, "")

    def _lines(self, path: str, file: BinaryIO, found: os.stat_result, at: Window) -> Iterator[Delivery]:
        quiet, begin = self._clock() - found.st_mtime >= QUIET, at
        while True:
            file.seek(at.position)
            data = _portion(file.read, quiet)
            if not data:
                break
            after = at.over(data)
            whole = found if after.position == found.st_size else None
            yield Delivery(
                self._records(path, at.position, data),
                functools.partial(self._keep, mark_of(after, whole, self._clock()), found),
            )
            at = after
        # An unfinished line is looked at again when it has grown, or was left alone.
        kept = self._marks.get(_identity(found))
        if at is not begin and (kept is None or kept.offset != at.position):
            return  # not acknowledged
        if at.position >= found.st_size or quiet:
            self._keep(mark_of(at, found, self._clock()), found)
        else:
            self.waiting = True

    def _records(self, path: str, at: int, data: bytes) -> Iterator[Record]:
        for line in data.split(b"\n"):
            for value in of_line(line):
                yield Record(value=value, format=self._native, topic=path, partition=0, offset=at)
            at += len(line) + 1

    def _whole(self, path: str, file: BinaryIO, found: os.stat_result, begin: Window) -> Iterator[Delivery]:
        stream, broken = again(path, file), list[Unreadable]()
        skip(stream, begin.position)

        def records() -> Iterator[Record]:
            try:
                yield from records_of(stream, self._native)
            except Unreadable as fault:
                broken.append(fault)

        def acknowledged() -> None:
            if broken:
                # Perhaps it is still being copied: it is read anew once it has changed.
                self._in_vain(path, found, str(broken[0]))
            else:
                self._keep(mark_of(Window(stream.position, stream.head, stream.tail), found, self._clock()), found)

        yield Delivery(records(), acknowledged)

    def _keep(self, made: Mark, found: os.stat_result) -> None:
        identity = _identity(found)
        self._kept.put(identity, msgspec.json.encode(made).decode())
        self._marks[identity] = made

    def _set_aside(self, identity: str, begin: int) -> None:
        """What was there before under this identity may turn up as a copy: truncated, or its inode taken again."""
        known = self._marks.get(identity)
        if known is not None and begin < known.offset:
            name = f"{identity}:{known.tail}"
            self._kept.put(name, msgspec.json.encode(known).decode())
            self._marks[name] = known

    def _in_vain(self, path: str, found: os.stat_result, fault: str) -> None:
        """Not looked at again before it changes, and told once."""
        self._vain[_identity(found)] = _state(found)
        if fault and self._told.get(path) != fault:
            self._told[path] = fault
            self.faults.append(f"{path}: {fault}")

    def _forget(self, there: set[str]) -> None:
        before = self._clock() - REMEMBERED
        gone = [name for name, mark in self._marks.items() if name not in there and mark.seen < before]
        for name in gone:
            del self._marks[name]
        self._kept.forget(gone)
        self._vain = {name: state for name, state in self._vain.items() if name in there}


def _identity(found: os.stat_result) -> str:
    return f"{found.st_dev}:{found.st_ino}"


def _state(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


def _lined(head: bytes) -> bool:
    """Whether a file that begins so has a record a line."""
    first, ended, _ = head.partition(b"\n")
    return bool(ended) and (is_json(first) or is_lines(head, False))


def _portion(read: Callable[[int], bytes], quiet: bool) -> bytes:
    """Whole lines, about `PORTION` bytes of them; a last line without its end only if it is left alone and whole."""
    data = bytearray(read(PORTION))
    while data and b"\n" not in data and len(data) <= LONGEST and (more := read(PORTION)):
        data += more
    end = data.rfind(b"\n") + 1
    if len(data) > LONGEST and not end:
        return bytes(data)
    rest = bytes(data[end:])
    if quiet and rest and not read(1) and is_json(rest):
        return bytes(data)
    return bytes(data[:end])
