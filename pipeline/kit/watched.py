"""Files that are read again when they change: looked at rarely, and what was good stays when they no longer are."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.kit import safeyaml
from pipeline.kit.failures import Invalid

#: Seconds between two looks.
LOOK_EVERY = 3.0
Signature = TypeVar("Signature")


class Watched(ABC, Generic[Signature]):
    """Something that was read from files."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        #: What is wrong with the files since they were good last; empty if nothing.
        self.trouble = ""
        self._clock = clock
        self._looked = clock()
        self._signature: Signature | None = None

    @abstractmethod
    def signature(self) -> Signature:
        """What says that the files are the same. Raises Invalid; OSError."""

    @abstractmethod
    def take(self, signature: Signature) -> None:
        """Read them. Raises Invalid; OSError. What there is stays as it is then."""

    def reload(self) -> None:
        """Read them now. Raises Invalid."""
        self._signature = None
        try:
            self._signature = self.signature()
            self.take(self._signature)
        except OSError as error:
            raise Invalid(
                str(error.filename or "file"), f"a file that can be read ({error.strerror or error})"
            ) from error
        self.trouble = ""

    def refresh(self) -> bool:
        """Read them if they changed, at most every LOOK_EVERY seconds; whether others count now. Never fails."""
        now = self._clock()
        if now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        try:
            if self.signature() == self._signature:
                return False
            self.reload()
        except (Invalid, OSError) as error:
            self.trouble = str(error)
            return False
        return True


class WatchedFile(Watched[tuple[int, int, int]]):
    """One YAML file, or none."""

    def __init__(self, file: Path | None, setting: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`setting`: name of the setting that names it, for messages."""
        super().__init__(clock)
        self.file, self._setting = file, setting

    def signature(self) -> tuple[int, int, int]:
        """Time of change, size and inode."""
        if self.file is None:
            return (0, 0, 0)
        told = self.file.stat()
        if not self.file.is_file():
            raise Invalid(str(self.file), f"a file ({self._setting})")
        return (told.st_mtime_ns, told.st_size, told.st_ino)

    def take(self, signature: tuple[int, int, int]) -> None:
        """Read it, if there is one."""
        if self.file is not None:
            given = safeyaml.document(safeyaml.read(self.file), self.file.name)
            self.read({} if given is None else given, self.file.name)

    @abstractmethod
    def read(self, given: Any, name: str) -> None:  # noqa: ANN401  (what YAML may be)
        """Take what is in the file of this name. Raises Invalid."""
