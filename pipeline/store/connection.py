"""An address becomes clients of the driver: the only place that tells the embedded engine from a server."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ProgrammingError

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import cluster as clusters
from pipeline.store.client import Store, find_room
from pipeline.store.cluster import Cluster
from pipeline.store.faults import translated
from pipeline.store.migrations import migrate

DATABASE = "whodid"
_MEMORY = ":memory:"
_SCHEMES = {"http": "http", "https": "https", "clickhouse": "http", "clickhouses": "https"}
_SESSION = {
    # Every row's month follows from its key, so rows that replace each other are never in two partitions.
    "do_not_merge_across_partitions_select_final": 1,
}


def connect(settings: Settings, *, migrated: bool = True, engine: Path | None = None) -> Store:
    """Open the store that `settings.clickhouse` names, create its database if absent, bring its schema up to date.

    `engine` is a configuration of ClickHouse's for an embedded engine, if it is to know more than where its files are.
    Raises Transient when it is away, or when an embedded store belongs to another process; Invalid for a wrong address.
    """
    address = urlsplit(settings.clickhouse)
    embedded = address.scheme == "chdb"
    database, opened = _embedded(settings.clickhouse, engine) if embedded else _server(settings)
    cluster = _cluster(settings, embedded, database)
    path = _path(settings.clickhouse) if embedded else _MEMORY
    folder = None if path == _MEMORY else Path(path)
    if folder is not None and not folder.exists():
        find_room(folder)
    with translated():
        first = _first_client(opened, database, cluster)
    store = Store(lambda: opened(database), first, embedded, folder, cluster)
    try:
        if migrated:
            migrate(store)
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


def _server(settings: Settings) -> tuple[str, Callable[[str | None], Client]]:
    parts = urlsplit(settings.clickhouse)
    database = parts.path.strip("/") or DATABASE
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", database):
        raise Invalid("clickhouse", "a database name of letters, digits and _", database)
    scheme = _SCHEMES[parts.scheme]
    session = _SESSION | (clusters.session(settings.clickhouse_quorum) if settings.clickhouse_cluster else {})

    def opened(database: str | None) -> Client:
        return clickhouse_connect.get_client(
            interface=scheme,
            host=parts.hostname or "localhost",
            port=parts.port or (8443 if scheme == "https" else 8123),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=database,
            settings=session,
            connect_timeout=5,
            send_receive_timeout=60,
            query_retries=0,
            autogenerate_session_id=False,
            client_name="whodid",
        )

    return database, opened


def _first_client(opened: Callable[[str | None], Client], database: str, cluster: Cluster | None) -> Client:
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
            client.command(f"CREATE DATABASE IF NOT EXISTS {database} {cluster.clause if cluster else ''}".rstrip())
    except BaseException:
        client.close()
        raise
    client.database = database
    return client
