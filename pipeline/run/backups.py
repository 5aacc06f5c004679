"""A store becomes a backup, and a backup a store again.

In:     a Store; a folder or `s3://bucket/prefix` in which backups are kept
Out:    `NAME/TABLE/…` as the engine writes it, and `NAME/backup.json`, written last: without it a backup broke off
Fails:  Permanent for what cannot be restored here, or came back with fewer rows; Invalid for what is no backup
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.evidence.head import Signed
from pipeline.evidence.publish import Place, Published, place_of
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.store import Store, backup, evidence, removal
from pipeline.store.migrations import known, migrate

_MANIFEST = "backup.json"
Advance = Callable[[str, int], None]


class Saved(msgspec.Struct):
    """A table in a backup. `rows` is None where their number says nothing."""

    name: str
    view: bool = False
    rows: int | None = None
    bytes: int = 0


class Manifest(msgspec.Struct):
    """What is in a backup. `base` is the full one on which it rests, empty for a full one."""

    name: str
    base: str
    made: datetime
    database: str
    migration: int
    tables: list[Saved]


class Behind(NamedTuple):
    """A log of which more was published than the store has."""

    log: str
    stored: int
    published: int
    #: When the last head was signed that the store has; None if it has none.
    signed: datetime | None


def make(settings: Settings, store: Store, destination: str, *, full: bool, advance: Advance) -> Manifest:
    """Back up everything, or what has come since the last full backup that is there. Raises as the module says."""
    store.whole("backup")
    place = _place(destination)
    now = datetime.now(UTC)
    base = None if full else _last_full(place, backup.database(store))
    made = Manifest(
        name=f"{now:%Y%m%dT%H%M%S}.{now.microsecond:06}Z", base=base.name if base else "", made=now,
        database=backup.database(store), migration=backup.migration(store), tables=[],
    )  # fmt: skip
    if store.embedded and not destination.startswith("s3://"):
        _folder(Path(destination), made.name)
    had = {one.name for one in base.tables} if base else set()
    for table in backup.tables(store):
        rows = backup.rows(store, table.name) if table.counted else None
        since = _at(destination, made.base, table.name) if table.name in had else ""
        backup.save(store, table.name, _at(destination, made.name, table.name), since)
        made.tables.append(Saved(table.name, table.engine == "MaterializedView", rows, table.bytes))
        advance(table.name, table.bytes)
    place.put(f"{made.name}/{_MANIFEST}", msgspec.json.format(msgspec.json.encode(made)))
    return made


def find(source: str) -> tuple[str, Manifest]:
    """Where backups are kept, and the one that is meant: named, or the last. Raises Invalid."""
    folder, _, name = source.rstrip("/").rpartition("/")
    for where, wanted in ((source, ""), (folder, name)):
        there = _finished(_place(where), wanted) if where not in ("", "s3:/", "s3://") else []
        if there:
            return where, there[-1]
    raise Invalid("source", f"a backup that was finished, or where some are: there is no NAME/{_MANIFEST}", source)


def check(source: str, made: Manifest, store: Store) -> None:
    """Raises Permanent for what this program cannot restore into this store."""
    newest = known()[-1].version
    if made.migration > newest:
        raise Permanent(
            f"restore: {made.name} is of migration {made.migration}, this whodid knows {newest}: run the newer"
        )
    if made.database != backup.database(store):
        raise Permanent(
            f"restore: {made.name} is of the database {made.database}: give an address that ends with /{made.database}"
        )
    if made.base and not _finished(_place(source), made.base):
        raise Permanent(f"restore: {made.name} holds what came after {made.base}, which is not in {source}")


def restore(store: Store, source: str, made: Manifest, advance: Advance) -> None:
    """Make a store of a backup; of one in which a restore broke off, anew. Raises as the module says."""
    store.whole("restore")
    backup.prepare(store)
    base = {one.name for one in _finished(_place(source), made.base)[-1].tables} if made.base else set()
    for table in made.tables:
        since = _at(source, made.base, table.name) if table.name in base else ""
        backup.load(store, table.name, _at(source, made.name, table.name), since)
        there = None if table.rows is None else backup.rows(store, table.name)
        if table.rows is not None and there is not None and there < table.rows:
            raise Permanent(f"restore: {table.name} has {there:,} rows, {made.name} had {table.rows:,} of them")
        advance(table.name, table.bytes)
    backup.conclude(store)
    migrate(store)


def behind(settings: Settings, store: Store) -> Iterator[Behind]:
    """Logs of which the store has less than was published, as one that was restored from an older backup."""
    published = Published(place_of(settings.evidence_place))
    for log in published.logs():
        last = published.last(log)
        stored = next((Signed(**row._asdict()).fields for row in evidence.last_heads(store, log)), None)
        if last is not None and (stored is None or stored.number < last.fields.number):
            signed = datetime.fromtimestamp(stored.time / 1e6, UTC) if stored else None
            yield Behind(log, stored.size if stored else 0, last.fields.size, signed)


def removed_since(settings: Settings, store: Store) -> list[str]:
    """What was taken out on purpose after the backup, and is there again: who wanted it, when and why."""
    stated = removal.stated(store)
    items = [one.fields for one in Published(place_of(settings.evidence_place)).removals()]
    return [
        f"{one.sort} on {datetime.fromtimestamp(one.time / 1e6, UTC):%Y-%m-%d} by {one.by}: {one.reason}"
        for one in items
        if one.removal_id not in stated
    ]


def _place(destination: str) -> Place:
    if not destination.startswith(("s3://", "/")):
        raise Invalid("destination", "an absolute path, or s3://bucket/prefix", destination)
    return place_of(destination)


def _folder(destination: Path, name: str) -> None:
    """Only its owner may look in: there is in it what people said."""
    try:
        destination.mkdir(mode=0o700, parents=True, exist_ok=True)
        (destination / name).mkdir(mode=0o700)
    except FileExistsError as error:
        raise Permanent(f"backup: {error.filename} is there already: do it again") from error
    except OSError as error:
        raise Invalid("destination", f"a folder that can be written to ({error.strerror})", str(destination)) from error


def _finished(place: Place, name: str = "") -> list[Manifest]:
    """Backups that have a manifest, the oldest first; only the named one with a name. Raises Invalid."""
    found = []
    for folder in [name] if name else place.folders(""):
        data = place.get(f"{folder}/{_MANIFEST}")
        if data is not None:
            try:
                found.append(msgspec.json.decode(data, type=Manifest))
            except msgspec.MsgspecError as error:
                raise Invalid("source", f"a {_MANIFEST} that whodid has written ({error})", folder) from error
    return sorted(found, key=lambda one: one.made)


def _last_full(place: Place, database: str) -> Manifest | None:
    full = [one for one in _finished(place) if not one.base and one.database == database]
    return full[-1] if full else None


def _at(place: str, name: str, table: str) -> str:
    """Where a table of a backup is, as the engine finds it."""
    where = f"{place.rstrip('/')}/{name}/{table}"
    if not where.startswith("s3://"):
        return where
    bucket, _, key = where.removeprefix("s3://").partition("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{bucket}/{key}"
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return f"https://{bucket}.s3.{region}.amazonaws.com/{key}"
