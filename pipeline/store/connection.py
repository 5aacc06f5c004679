"""An address becomes clients of the driver: the only place that tells the embedded engine from a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ProgrammingError

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent, Transient
from pipeline.store import cluster as clusters
from pipeline.store.client import Store, find_room
from pipeline.store.cluster import Cluster
from pipeline.store.faults import translated
from pipeline.store.migrations import migrate, require
from pipeline.store.server import ANSWER, served
from pipeline.store.versions import check_version

DATABASE = "whodid"
_MEMORY = ":memory:"
_SESSION = {
    # Every row's month follows from its key, so rows that replace each other are never in two partitions.
    "do_not_merge_across_partitions_select_final": 1,
}


def connect(settings: Settings, *, migrated: bool = True, engine: Path | None = None, patience: int = ANSWER) -> Store:
    """Open the store that `settings.clickhouse` names, create its database if absent, bring its schema up to date.

    With `clickhouse_migrate=never` the schema is only checked. `patience` is how many seconds a statement may take.
    `engine` is a configuration of ClickHouse's for an embedded engine, if it is to know more than where its files are.
    Raises Transient when it is away, or when an embedded store belongs to another process; Invalid for a wrong address;
    Permanent for a server or a schema that this program cannot use.
    """
    makes = settings.clickhouse_migrate == "auto"
    address = urlsplit(settings.clickhouse)
    embedded = address.scheme == "chdb"
    database, opened = _embedded(settings.clickhouse, engine) if embedded else _server(settings, patience)
    cluster = _cluster(settings, embedded, database)
    path = _path(settings.clickhouse) if embedded else _MEMORY
    folder = None if path == _MEMORY else Path(path)
    if folder is not None and not folder.exists():
        find_room(folder)
    with translated():
        first = _first_client(opened, database, cluster, makes or not migrated)
    store = Store(lambda: opened(database), first, embedded, folder, cluster)
    try:
        if not embedded:
            check_version(str(first.server_version))
        if migrated and makes:
            migrate(store, shared=not embedded)
        elif migrated:
            require(store)
    except BaseException:
        store.close()
        raise
    return store


def _embedded(address: str, engine: Path | None) -> tuple[str, Callable[[str | None], Client]]:
    path = _path(address)
    if path != _MEMORY and not path.startswith("/"):
        raise Invalid("clickhouse", "chdb:///absolute/path or chdb://memory", address)
    told = {"config-file": str(engine)} if engine else None

    def opened(database: str | None) -> Client:
        try:
            return clickhouse_connect.get_client(
                interface="chdb", path=path, database=database, settings=_SESSION, chdb_options=told
            )
        except ImportError as error:
            raise Invalid(
                "clickhouse", "an installed chdb (pip install 'whodid[embedded]') or an http:// address"
            ) from (error)
        except ProgrammingError as error:
            if "Error initializing" not in str(error):
                raise
            raise Transient(
                f"store: cannot open {path}: it belongs to another process, or is no directory that can be written to"
            ) from error

    return DATABASE, opened


def _path(address: str) -> str:
    location = unquote(address.removeprefix("chdb://").partition("?")[0])
    return _MEMORY if location in ("", "memory", _MEMORY) else location


def _cluster(settings: Settings, embedded: bool, database: str) -> Cluster | None:
    if embedded and settings.clickhouse_cluster:
        raise Invalid(
            "clickhouse_cluster", "empty, since an embedded store is no server; or an http:// address in `clickhouse`",
            settings.clickhouse_cluster,
        )  # fmt: skip
    return Cluster(settings.clickhouse_cluster, database) if settings.clickhouse_cluster else None


def _server(settings: Settings, patience: int) -> tuple[str, Callable[[str | None], Client]]:
    server = served(settings)
    session = _SESSION | (clusters.session(settings.clickhouse_quorum) if settings.clickhouse_cluster else {})

    def opened(database: str | None) -> Client:
        return server.client(database, session, patience)

    return server.database or DATABASE, opened


def _first_client(
    opened: Callable[[str | None], Client], database: str, cluster: Cluster | None, creates: bool
) -> Client:
    """A client of the database, which is created if absent.

    It stays open, because an engine in memory ends with its last client.
    """
    client = opened(None)
    try:
        # Asked first, because the right to use a database does not include the right to create it.
        known = client.query(
            "SELECT count() FROM system.databases WHERE name = {name:String}", {"name": database}
        ).result_rows
        if not known[0][0]:
            if not creates:
                raise Permanent(
                    f"store: there is no database {database}. Run `whodid store migrate` as somebody who may make it"
                )
            client.command(f"CREATE DATABASE IF NOT EXISTS {database} {cluster.clause if cluster else ''}".rstrip())
    except BaseException:
        client.close()
        raise
    client.database = database
    return client
