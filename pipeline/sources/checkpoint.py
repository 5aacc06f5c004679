"""What was sent and acknowledged, kept in a file: one row a name, atomic, whole after SIGKILL.

SQLite keeps it: a bucket may hold millions of objects, and a file written anew for each would take for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from pipeline.kit.failures import Permanent

_TABLE = "CREATE TABLE IF NOT EXISTS done (place TEXT, name TEXT, state TEXT, PRIMARY KEY (place, name)) WITHOUT ROWID"


class Checkpoint:
    """The states of the names at one place. Raises Permanent when the file cannot be used."""

    def __init__(self, path: Path, place: str) -> None:
        self._path, self._place = path, place
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, isolation_level=None)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise Permanent(f"checkpoint {path}: expected a file of ours that may be written: {error}") from error

    def get(self, name: str) -> str:
        """The state of a name; empty = none yet."""
        query = "SELECT state FROM done WHERE place = ? AND name = ?"
        row = self._file.execute(query, (self._place, name)).fetchone()
        return str(row[0]) if row else ""

    def all(self) -> dict[str, str]:
        """Every state of this place by name."""
        return dict(self._file.execute("SELECT name, state FROM done WHERE place = ?", (self._place,)))

    def put(self, name: str, state: str) -> None:
        """Keep a state; it is on disk when this returns. Raises Permanent when the disk is full."""
        try:
            self._file.execute("INSERT OR REPLACE INTO done VALUES (?, ?, ?)", (self._place, name, state))
        except sqlite3.Error as error:
            raise Permanent(f"checkpoint {self._path}: cannot be written: {error}") from error

    def forget(self, names: Iterable[str]) -> None:
        """Drop states that are of no use any more."""
        query = "DELETE FROM done WHERE place = ? AND name = ?"
        self._file.executemany(query, [(self._place, name) for name in names])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
