"""Tables go into a backup and come out of it again, one at a time, by the engine's own BACKUP and RESTORE.

In:     a Store; where backups are: a folder that the engine can write to, or a bucket
Out:    files of the engine with their checksums, which it checks when it reads them again
Fails:  Permanent for a backup that is not there, broke off or was damaged; Transient when store or place is away
"""

from __future__ import annotations

import re
import threading
import uuid
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.kit.failures import Failure, Invalid, Permanent, Transient
from pipeline.store.client import Store
from pipeline.store.faults import passing

#: What the embedded engine has to be told when it starts, so that it makes backups.
ENGINE = Path(str(files("schemas").joinpath("clickhouse", "engine.xml")))
#: In this order: a leaf is written before its row and a head after both, so what a head in a backup covers is in it
#: too, whatever is written meanwhile.
_FIRST = ("tree_heads", "entries", "records")
#: A table that says that a restore is under way; it is gone when all is there.
_MARK = "restoring"
_MARKED = f"CREATE TABLE IF NOT EXISTS {_MARK} (began DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY tuple()"
_TABLES = """
SELECT name, engine, ifNull(total_bytes, 0) FROM system.tables
WHERE database = currentDatabase() AND NOT startsWith(name, '.inner')
ORDER BY engine = 'MaterializedView', indexOf({first:Array(String)}, name) = 0,
    indexOf({first:Array(String)}, name), name
"""
_STATUS = "SELECT toString(status), error FROM system.backups WHERE id = {id:String}"
_UNDER_WAY = ("CREATING_BACKUP", "RESTORING")
_DONE = ("BACKUP_CREATED", "RESTORED")
#: Seconds between two looks at what takes longer.
_LOOK, _LOOK_AT_MOST = 0.01, 1.0


class Table(NamedTuple):
    """One table or view of the store."""

    name: str
    engine: str
    bytes: int

    @property
    def counted(self) -> bool:
        """Whether the number of its rows stays the same while rows that replace each other are merged."""
        return "ReplacingMergeTree" in self.engine or "AggregatingMergeTree" in self.engine


def tables(store: Store) -> list[Table]:
    """All tables, in the order in which they go into a backup; views last."""
    return [Table(*row) for row in store.rows(_TABLES, {"first": list(_FIRST)}) if row[0] != _MARK]


def rows(store: Store, table: str) -> int:
    """How many rows a table has, those left out that others replace."""
    return int(store.rows(f"SELECT count() FROM {table} FINAL")[0][0])  # noqa: S608


def database(store: Store) -> str:
    """What the store's database is called."""
    return str(store.rows("SELECT currentDatabase()")[0][0])


def migration(store: Store) -> int:
    """The last migration that was applied."""
    return int(store.rows("SELECT max(version) FROM migrations")[0][0])


def save(store: Store, table: str, place: str, base: str = "") -> None:
    """Back a table up to a place where nothing is; with a base, only what that has not."""
    since = f", base_backup = {located(base)}" if base else ""
    _run(store, f"BACKUP TABLE {table} TO {located(place)}", since)


def load(store: Store, table: str, place: str, base: str = "") -> None:
    """Make a table out of a backup. The base is where it is now, wherever it was then."""
    since = f", base_backup = {located(base)}" if base else ""
    _run(store, f"RESTORE TABLE {table} FROM {located(place)}", since)


def prepare(store: Store) -> None:
    """From now on a restore is under way; what is left of one that broke off goes. Raises Permanent for more."""
    there = tables(store)
    broken = store.rows(
        "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {name:String}", {"name": _MARK}
    )[0][0]
    if there and not broken:
        names = ", ".join(one.name for one in there[:3])
        raise Permanent(
            f"restore: the store is not empty (it has {names}{', …' if len(there) > 3 else ''}): give a new one with "
            "--store or --clickhouse, or a database that nobody uses"
        )
    store.command(_MARKED)
    for one in reversed(there):
        store.command(f"DROP {'VIEW' if one.engine == 'MaterializedView' else 'TABLE'} IF EXISTS {one.name} SYNC")


def conclude(store: Store) -> None:
    """All is there."""
    store.command(f"DROP TABLE IF EXISTS {_MARK} SYNC")


def located(place: str) -> str:
    """A place in the words of the engine. Raises Invalid."""
    if re.search(r"['\\\x00-\x1f]", place):
        raise Invalid("destination", "a folder or s3://bucket/prefix without quotes and backslashes", place)
    if place.startswith(("http://", "https://")):
        return f"S3('{place}')"
    return f"File('{place}')"


def _run(store: Store, statement: str, more: str) -> None:
    """Start it, and wait until it is done: it may take longer than an answer may."""
    name = uuid.uuid4().hex
    try:
        store.command(f"{statement} SETTINGS id = '{name}'{more} ASYNC")
    except DatabaseError as error:
        raise _failed(statement, str(error)) from error
    waiting, look = threading.Event(), _LOOK
    while True:
        found = store.rows(_STATUS, {"id": name})
        if not found:
            raise Transient(f"{statement}: the server knows nothing of it any more: was it restarted? Do it again")
        status, said = found[0]
        if status in _DONE:
            return
        if status not in _UNDER_WAY:
            raise _failed(statement, said or status)
        waiting.wait(look)
        look = min(2 * look, _LOOK_AT_MOST)


def _failed(statement: str, error: str) -> Failure:
    code = re.search(r"Code: (\d+)", error)
    said = f"{statement}: {(error.splitlines() or ['failed'])[0][:300]}"
    if code and code[1] == "318":
        said += " Set <backups><allowed_path> in the server's configuration (docs/backup.md)"
    return Transient(said) if code and passing(int(code[1])) else Permanent(said)
