"""Paths that are followed become the files that are there at this moment."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Key = tuple[int, int]


class Seen(NamedTuple):
    """A file as it was when looked at."""

    path: str
    device: int
    inode: int
    size: int
    #: Modification time in nanoseconds.
    changed: int
    #: False for a file beside one that is followed, named as its rotations are: wanted only if it is one.
    asked: bool = True

    @property
    def key(self) -> Key:
        """Which file it is, whatever its name."""
        return self.device, self.inode


def found(paths: Iterable[str]) -> dict[Key, Seen]:
    """Regular files of the paths: directories recursively, hidden ones left out. What is not there is left out too.

    Of a file that is named itself, those beside it whose names begin with its own and `.` or `-` come as not asked for.
    A file with two names comes once.
    """
    seen: dict[Key, Seen] = {}
    for path in paths:
        files = _inside(path) if os.path.isdir(path) else ((path, True), *((name, False) for name in _beside(path)))
        for name, asked in files:
            one = look(name, asked)
            if one is not None and (one.key not in seen or (asked and not seen[one.key].asked)):
                seen[one.key] = one
    return seen


def look(path: str, asked: bool = True) -> Seen | None:
    """One file; None if it is not there, or no regular file."""
    try:
        return of(path, os.stat(path), asked)
    except OSError:
        return None


def of(path: str, status: os.stat_result, asked: bool = True) -> Seen | None:
    """What `os.stat` says of a file; None if it is no regular one."""
    if not stat.S_ISREG(status.st_mode):
        return None
    return Seen(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, asked)


def _inside(path: str) -> Iterator[tuple[str, bool]]:
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(folder, name), True


def _beside(path: str) -> list[str]:
    folder, name = os.path.split(path)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return []
    return sorted(os.path.join(folder, other) for other in names if other.startswith((f"{name}.", f"{name}-")))
