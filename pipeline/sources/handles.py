"""Files that are read stay open, so that what is written to one after it got another name, or none, can be read."""

from __future__ import annotations

import errno
import os
from collections import OrderedDict

from pipeline.sources.seen import Key

#: Files that are open at once; the one used longest ago is closed first.
MOST = 200


class Handles:
    """Open files by device and inode."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open: OrderedDict[Key, int] = OrderedDict()

    def of(self, key: Key, path: str) -> int:
        """The descriptor of a file, opened if need be.

        Raises OSError: FileNotFoundError also when another has its name by now.
        """
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(handle)
        if (status.st_dev, status.st_ino) != key:
            os.close(handle)
            raise FileNotFoundError(errno.ENOENT, "was replaced while it was looked at")
        self._open[key] = handle
        if len(self._open) > self._most:
            os.close(self._open.popitem(last=False)[1])
        return handle

    def status(self, key: Key) -> os.stat_result | None:
        """What is known of an open file; None if it is not open."""
        return os.fstat(self._open[key]) if key in self._open else None

    def drop(self, key: Key) -> None:
        """Close one, if it is open."""
        if key in self._open:
            os.close(self._open.pop(key))

    def close(self) -> None:
        """Close all."""
        for key in list(self._open):
            self.drop(key)


class Reading:
    """Reads an open file from its beginning, whatever is at its path by now; leaves it open (`streams.Source`)."""

    def __init__(self, handle: int) -> None:
        self._handle, self._position = handle, 0

    def read(self, amount: int, /) -> bytes:
        """The next bytes. Raises OSError."""
        data = os.pread(self._handle, amount, self._position)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Nothing to be done."""
