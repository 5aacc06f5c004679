"""The SQL files of `schemas/clickhouse` become the store's schema: forward only, each once, in order.

In:     a Store, and numbered files of idempotent statements
Out:    the numbers that were applied now
Fails:  Permanent when an applied file was changed, or the store is newer than this program

Two processes may start at once: both run the same statements, each of which does nothing the second time, and both
record the same row.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple, Protocol

from pipeline.kit.failures import Permanent

_TABLE = """
CREATE TABLE IF NOT EXISTS migrations
(version UInt32, name String, checksum String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY version
"""
_APPLIED = "SELECT version, name, checksum FROM migrations FINAL ORDER BY version"
_RECORD = """
INSERT INTO migrations (version, name, checksum)
SELECT {version:UInt32}, {name:String}, {checksum:String}
"""


class Migration(NamedTuple):
    """One file, e.g. `0001_timeline.sql`."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Of the text that is run; comments and blanks may be mended later."""
        return hashlib.blake2b("\n".join(statements(self.sql)).encode(), digest_size=16).hexdigest()


class Target(Protocol):
    """What `migrate` needs of a Store."""

    def rows(self, sql: str) -> list[Any]:
        """Rows of a query."""

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement."""


def migrate(store: Target, migrations: list[Migration] | None = None) -> list[int]:
    """Apply what is missing; returns the versions that were applied, none when all was up to date."""
    wanted = known() if migrations is None else migrations
    store.command(_TABLE)
    applied = {version: (name, checksum) for version, name, checksum in store.rows(_APPLIED)}
    _check(wanted, applied)
    missing = [migration for migration in wanted if migration.version not in applied]
    for migration in missing:
        for statement in statements(migration.sql):
            store.command(statement)
        store.command(_RECORD, {"version": migration.version, "name": migration.name, "checksum": migration.checksum})
    return [migration.version for migration in missing]


def standing(store: Target) -> list[int]:
    """Versions that are missing; nothing is changed."""
    there = store.rows("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'")
    applied = {row[0] for row in store.rows(_APPLIED)} if there[0][0] else set()
    return [migration.version for migration in known() if migration.version not in applied]


def known() -> list[Migration]:
    """The migrations that this program carries, in order."""
    found = [
        Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8"))
        for file in files("schemas").joinpath("clickhouse").iterdir()
        if re.fullmatch(r"\d{4}_\w+\.sql", file.name)
    ]
    return sorted(found)


def statements(sql: str) -> list[str]:
    """The statements of a file without comments; each ends with a semicolon at the end of a line."""
    bare = "\n".join(line.rstrip() for line in sql.splitlines() if line.strip() and not line.lstrip().startswith("--"))
    return [part.strip() for part in re.split(r";$", bare, flags=re.MULTILINE) if part.strip()]


def _check(wanted: list[Migration], applied: dict[int, tuple[str, str]]) -> None:
    ours = {migration.version: migration for migration in wanted}
    for version, (name, checksum) in applied.items():
        if version not in ours:
            raise Permanent(f"store: has migration {name}, which this whodid does not know. Run the newer whodid")
        if ours[version].checksum != checksum:
            raise Permanent(
                f"store: {ours[version].name} was changed after it had been applied. "
                f"Restore the file and put the change into a new one with a higher number"
            )
