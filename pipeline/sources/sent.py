"""Which objects were sent, on disk; there may be millions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from pipeline.kit.failures import Permanent
from pipeline.sources.objects import Object


class Sent:
    """Names of objects, and which content of each. Belongs to one process at a time."""

    def __init__(self, path: Path) -> None:
        """Raises Permanent when the file is in use, is none of these, or cannot be written."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, timeout=0, isolation_level=None)
            # The lock is kept, so that two who send the same do not do it twice.
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.execute("BEGIN EXCLUSIVE")
            self._base.execute("CREATE TABLE IF NOT EXISTS sent (name TEXT PRIMARY KEY, tag TEXT) WITHOUT ROWID")
            self._base.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise Permanent(f"checkpoint {path}: cannot be used: {error}") from error

    def has(self, one: Object) -> bool:
        """Whether this content of the object was sent."""
        found = self._base.execute("SELECT tag FROM sent WHERE name = ?", (one.name,)).fetchone()
        return found is not None and found[0] == one.tag

    def add(self, some: Iterable[Object]) -> None:
        """Note that they were; all or none of them after a crash. Raises Permanent."""
        try:
            self._base.execute("BEGIN")
            self._base.executemany("INSERT OR REPLACE INTO sent VALUES (?, ?)", [(one.name, one.tag) for one in some])
            self._base.execute("COMMIT")
        except sqlite3.Error as error:
            raise Permanent(f"checkpoint {self.path}: cannot be written: {error}") from error

    def close(self) -> None:
        """Let others have it."""
        self._base.close()
