"""What was sent of which files, on disk: written whole or not at all, by one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent


class Place(msgspec.Struct, kw_only=True):
    """How far a file was sent. Offsets count decompressed bytes."""

    device: int
    inode: int
    #: Where it was seen last.
    path: str
    offset: int = 0
    #: CRC-32 of the bytes before `offset`: a file that begins with the same bytes need not be sent again.
    crc: int = 0
    #: Hash of the first `head_size` bytes, by which a file is known again.
    head: str = ""
    head_size: int = 0
    #: Of a file that is read as a whole (gzip, documents over several lines): its state when it was.
    whole: bool = False
    size: int = -1
    changed: int = -1


class State(msgspec.Struct):
    """Files that are there, and files that were: what comes again compressed or copied is known by them."""

    version: int = 1
    places: list[Place] = []
    past: list[Place] = []


def default_path(settings: Settings, what: Sequence[str], suffix: str) -> Path:
    """A file of `data_dir` for these paths on their way to this broker."""
    named = "\0".join([settings.bootstrap, settings.prefix, *sorted(what)])
    return settings.data_dir / "sent" / f"{hashlib.blake2b(named.encode(), digest_size=8).hexdigest()}{suffix}"


class Checkpoint:
    """The file that holds a State."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from it. Raises Permanent when another process has it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(f"{self._hidden('lock')}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Permanent(f"checkpoint {self.path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise Permanent(f"checkpoint {self.path}: in use by another process, which sends the same") from error
        finally:
            os.close(handle)

    def load(self) -> State:
        """The State that was saved last; empty if there is none. Raises Permanent for a file that is none."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=State)
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise Permanent(f"checkpoint {self.path}: cannot be read: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Permanent(
                f"checkpoint {self.path}: expected what whodid wrote, got {error}: remove it, and all is sent again"
            ) from error

    def save(self, state: State) -> None:
        """Replace what was saved; after a crash either this or the former is there."""
        beside = self._hidden("new")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(state))
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise Permanent(f"checkpoint {self.path}: cannot be written: {error.strerror}") from error

    def _hidden(self, what: str) -> Path:
        # Hidden files are not sent, should it lie in a directory that is followed.
        return self.path.with_name(f".{self.path.name}.{what}")
