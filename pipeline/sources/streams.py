"""Files, directories and standard input become byte streams, decompressed; what is wrong with them is said plainly."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.kit.failures import Permanent

STDIN = "-"
GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 256 * 1024
Progress = Callable[[int], None]


class Source(Protocol):
    """What bytes are read from. Both raise OSError with a `strerror`."""

    def read(self, amount: int, /) -> bytes:
        """The next bytes, at most so many; empty at the end."""

    def close(self) -> None:
        """No more is wanted."""


class Unreadable(Exception):
    """A stream broke off; what was read before it is good."""


def find(paths: Sequence[str | Path]) -> list[str]:
    """Every file meant by the paths: directories recursively, names sorted, hidden files left out, `-` kept.

    Raises Permanent, before anything is read, when one does not exist.
    """
    missing = [str(path) for path in paths if str(path) != STDIN and not Path(path).exists()]
    if missing:
        raise Permanent(f"no such file or directory: {', '.join(missing)}")
    return [name for path in paths for name in _files_of(str(path))]


def size(names: Sequence[str]) -> int | None:
    """Bytes of all files together as they lie on disk, for a progress bar; None if standard input is among them."""
    if STDIN in names:
        return None
    return sum(os.stat(name).st_size for name in names)


class Stream:
    """The decompressed bytes of one file, read in chunks; or of what was opened elsewhere and is called so."""

    def __init__(self, name: str, progress: Progress, opened: Source | None = None) -> None:
        self.name = name
        self.position = 0
        try:
            raw: Source = opened or (sys.stdin.buffer if name == STDIN else open(name, "rb", buffering=0))  # noqa: SIM115
        except OSError as error:
            raise Unreadable(f"cannot be opened: {error.strerror}") from error
        self._owned = raw if name != STDIN or opened else None
        counted = io.BufferedReader(_Counted(raw, progress), CHUNK)
        try:
            packed = counted.peek(2)[:2] == GZIP_MAGIC
        except OSError as error:
            self.close()
            raise Unreadable(f"cannot be read: {error.strerror}") from error
        # GzipFile reads concatenated members as one stream, which is how rotated logs are joined.
        self._file = gzip.GzipFile(fileobj=counted) if packed else counted

    def read(self, amount: int = CHUNK) -> bytes:
        """The next bytes, at most `amount`; empty at the end. Raises Unreadable."""
        try:
            data = self._file.read1(amount)
        except EOFError as error:
            raise Unreadable(f"gzip ends early, after {self.position} decompressed bytes") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Unreadable(f"gzip is damaged after {self.position} decompressed bytes: {error}") from error
        except OSError as error:
            raise Unreadable(f"cannot be read after {self.position} bytes: {error.strerror}") from error
        self.position += len(data)
        return data

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._owned is not None:
            self._owned.close()


class _Counted(io.RawIOBase):
    """Reports how many bytes were taken from the file, which is what a progress bar can know the end of."""

    def __init__(self, raw: Source, progress: Progress) -> None:
        self._raw = raw
        self._progress = progress

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        # `read1` returns what is there, so that lines piped into standard input are not held back.
        data = self._raw.read1(len(view)) if isinstance(self._raw, io.BufferedReader) else self._raw.read(len(view))
        view[: len(data)] = data
        self._progress(len(data))
        return len(data)


def _files_of(path: str) -> Iterator[str]:
    if path == STDIN or not os.path.isdir(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(folder, name)
