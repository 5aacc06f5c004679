"""The SQL files of `schemas/clickhouse` become the store's schema: forward only, each once, in order.

In:     a Store, and numbered files of idempotent statements
Out:    the numbers that were applied now
Fails:  Permanent when an applied file was changed, the store is newer than this program, or older and not to be changed

Of processes that start at once one runs them (pipeline/store/lock.py). An embedded store has one process: threads of it
may run the same statements, each of which does nothing the second time, and record the same row.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import nullcontext
from importlib.resources import files
from typing import NamedTuple

from pipeline.kit.failures import Permanent
from pipeline.store import lock
from pipeline.store.lock import Target

_TABLE = """CREATE TABLE IF NOT EXISTS migrations
(version UInt32, name String, checksum String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY version
"""
_THERE = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'"
_APPLIED = "SELECT version, name, checksum, toString(applied_at) FROM migrations FINAL ORDER BY version"
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


class Standing(NamedTuple):
    """How one migration stands in a store."""

    version: int
    name: str
    #: `applied`, `missing`, `changed` (the file, after it had been applied) or `unknown` (to this program).
    state: str
    #: When it was applied, in UTC; empty if it was not.
    applied_at: str = ""


def migrate(store: Target, migrations: list[Migration] | None = None, *, shared: bool = False) -> list[int]:
    """Apply what is missing; returns the versions that were applied, none when all was up to date.

    `shared` is a store that other processes may be about to change as well.
    """
    wanted = known() if migrations is None else migrations
    if not missing(store, wanted):
        return []
    if shared:
        store.command(lock.TABLE)
    with lock.held(store) if shared else nullcontext(_unlocked) as check:
        store.command(_TABLE)
        # Somebody else may have done it meanwhile.
        found = missing(store, wanted)
        for migration in found:
            for statement in statements(migration.sql):
                check()
                store.command(statement)
            store.command(
                _RECORD, {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
            )
    return [migration.version for migration in found]


def missing(store: Target, migrations: list[Migration] | None = None) -> list[Migration]:
    """What is still to be applied. Raises Permanent when the store has what this program has not."""
    wanted = known() if migrations is None else migrations
    found = {one.version: one for one in standing(store, wanted)}
    for one in found.values():
        if one.state == "unknown":
            raise Permanent(f"store: has migration {one.name}, which this whodid does not know. Run the newer whodid")
        if one.state == "changed":
            raise Permanent(
                f"store: {one.name} was changed after it had been applied. "
                f"Restore the file and put the change into a new one with a higher number"
            )
    return [migration for migration in wanted if found[migration.version].state == "missing"]


def require(store: Target) -> None:
    """Raises Permanent unless the store is just as this program needs it."""
    found = missing(store)
    if found:
        raise Permanent(
            f"store: is older than this whodid: {len(found)} migrations are missing, from {found[0].name} on. "
            "Run `whodid store migrate` as somebody who may change tables (clickhouse_migrate is `never`)"
        )


def standing(store: Target, migrations: list[Migration] | None = None) -> list[Standing]:
    """How every migration stands that the store or this program knows, in order."""
    wanted = {one.version: one for one in (known() if migrations is None else migrations)}
    rows = store.rows(_APPLIED) if store.rows(_THERE)[0][0] else []
    applied = {row[0]: row for row in rows}
    return [
        Standing(version, *_state(wanted.get(version), applied.get(version))) for version in sorted({*wanted, *applied})
    ]


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


def _state(ours: Migration | None, applied: tuple[int, str, str, str] | None) -> tuple[str, str, str]:
    if applied is None:
        return (ours.name if ours else "", "missing", "")
    _, name, checksum, at = applied
    if ours is None:
        return name, "unknown", at
    return ours.name, "applied" if ours.checksum == checksum else "changed", at


def _unlocked() -> None:
    """Nobody else can have an embedded store."""
