"""Signed heads become files that are written once and never again.

In:     heads and statements of keys
Out:    `heads/LOG/NNNNNN/NNNNNNNNNN.json` and `keys/FINGERPRINT.json` in a directory
Fails:  Taken when there is something else of that name; Transient when it cannot be written
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from pipeline.evidence.head import Signed, decoded, encoded
from pipeline.evidence.keys import Statement
from pipeline.evidence.removal import Stated
from pipeline.kit.failures import Failure, Invalid, Permanent, Transient

#: Heads in one folder.
_SHELF = 10_000
T = TypeVar("T")


class Taken(Permanent):
    """Something else was published under this name."""


class Place(Protocol):
    """Where files are put once and for all."""

    def put(self, name: str, data: bytes) -> None:
        """Write a file; the same again changes nothing. Raises Taken; Transient."""

    def get(self, name: str) -> bytes | None:
        """A file, None if there is none."""

    def names(self, under: str) -> list[str]:
        """Names of files under a folder, sorted."""

    def folders(self, under: str) -> list[str]:
        """Names of folders in a folder, sorted."""


class Directory:
    """A directory. Put it on a disk or a share where files cannot be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, data: bytes) -> None:
        """See Place."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_once(path, data)
        except FileExistsError:
            if path.read_bytes() != data:
                raise Taken(f"evidence: {path} was written before, and says something else") from None
        except OSError as error:
            raise Transient(f"evidence: cannot publish {path}: {error.strerror}") from error

    def get(self, name: str) -> bytes | None:
        """See Place."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def names(self, under: str) -> list[str]:
        """See Place."""
        found = self.folder.joinpath(under).rglob("*.json")
        return sorted(path.relative_to(self.folder).as_posix() for path in found if not path.name.startswith("."))

    def folders(self, under: str) -> list[str]:
        """See Place."""
        folder = self.folder / under
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


class Published:
    """Heads and keys at a place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def head(self, item: Signed) -> None:
        """Publish one. Raises Taken when there is another head of that number; Transient."""
        head = item.fields
        self._place.put(_name(head.log, head.number), encoded(item))

    def statement(self, item: Statement) -> None:
        """Publish what is stated of a key."""
        self._place.put(f"keys/{item.fields.key}.json", msgspec.json.encode(item))

    def statements(self) -> list[Statement]:
        """Of all keys. Those that are none are left out."""
        return self._all("keys", Statement)

    def removal(self, name: str, item: Stated) -> None:
        """Publish what is stated of a removal. Raises Taken; Transient."""
        self._place.put(f"removals/{name}.json", msgspec.json.encode(item))

    def removed(self, name: str) -> Stated | None:
        """What was published of a removal; None if nothing was. Raises msgspec.MsgspecError for what is none."""
        data = self._place.get(f"removals/{name}.json")
        return None if data is None else msgspec.json.decode(data, type=Stated)

    def removals(self) -> list[Stated]:
        """All of them. Those that are none are left out."""
        return self._all("removals", Stated)

    def logs(self) -> list[str]:
        """Every log of which there are heads."""
        return [folder.replace("!", "/") for folder in self._place.folders("heads")]

    def last(self, log: str) -> Signed | None:
        """The latest head of a log; None if there is none that can be read."""
        shelves = self._place.folders(f"heads/{_folder(log)}")
        for shelf in reversed(shelves):
            for name in reversed(self._place.names(f"heads/{_folder(log)}/{shelf}")):
                return decoded(self._place.get(name) or b"")
        return None

    def at(self, log: str, number: int) -> Signed | None:
        """One head; None if there is none."""
        data = self._place.get(_name(log, number))
        return None if data is None else decoded(data)

    def heads(self, log: str, number: int = 0) -> Iterator[Signed | Failure]:
        """Heads of a log from a number on, in order; what is none as the failure that says so."""
        shelves = self._place.folders(f"heads/{_folder(log)}")
        for shelf in shelves:
            if int(shelf) < number // _SHELF:
                continue
            for name in self._place.names(f"heads/{_folder(log)}/{shelf}"):
                if int(Path(name).stem) >= number:
                    yield _read(name, self._place.get(name) or b"")

    def _all(self, folder: str, kind: type[T]) -> list[T]:
        found = []
        for name in self._place.names(folder):
            try:
                found.append(msgspec.json.decode(self._place.get(name) or b"", type=kind))
            except msgspec.MsgspecError:
                continue
        return found


def _read(name: str, data: bytes) -> Signed | Failure:
    try:
        return decoded(data)
    except Invalid as failure:
        return Permanent(f"{name}: {failure}")


def _folder(log: str) -> str:
    # A topic's name has no exclamation mark.
    return log.replace("/", "!")


def _name(log: str, number: int) -> str:
    return f"heads/{_folder(log)}/{number // _SHELF:06}/{number:010}.json"


def _write_once(path: Path, data: bytes) -> None:
    """Raises FileExistsError. The file has its name only when all of it is on disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def place_of(address: str) -> Place:
    """What a setting names: a directory or `s3://bucket/prefix`. Raises Invalid."""
    if address.startswith("s3://"):
        from pipeline.evidence.bucket import Bucket  # noqa: PLC0415  (boto3 is an extra)

        return Bucket(address)
    return Directory(Path(address))
