"""A setting becomes a store: the same ClickHouse engine in this process or behind HTTP.

In:     `Settings.clickhouse`
Out:    Store, safe to use from any number of threads
Fails:  Transient when the store is away or overloaded; a wrong address is Invalid; a wrong query is a bug
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.kit.failures import Permanent, Transient
from pipeline.store import alerts as alert_rows
from pipeline.store import write
from pipeline.store.cluster import Cluster
from pipeline.store.columns import Row
from pipeline.store.faults import translated, unreached
from schemas.alert import Alert, Delivery, Response
from schemas.batch import RawRecord
from schemas.behaviour import Behaviour
from schemas.entry import Entry, PackedEntry
from schemas.finding import Finding
from schemas.rejected import Rejected
from schemas.step import Step

_INSERT = {
    # Rows replace themselves, so nothing is gained by collapsing each block before it is written.
    "optimize_on_insert": 0,
    # A block may hold any number of months: a replay after an outage, or times that someone made up.
    "max_partitions_per_insert_block": 0,
    # A deduplicated block does not reach the view: a crash between the two would leave rows without pivots for ever.
    "insert_deduplicate": 0,
    # The offset is committed after the insert returns, so it must be in by then.
    "async_insert": 0,
    # A fault that is met after the answer has begun would stand in its body, behind a status that says all is well.
    "wait_end_of_query": 1,
}
#: Bytes that stay free on the disk of an embedded store, and how many a byte of a block may need on it.
#: The engine takes a write that the disk refused for one that succeeded (seen with chdb 4.4: files of no bytes, and no
#: error), so nothing may be given to it for which there might be no room.
RESERVE, GROWTH = 64 * 1024 * 1024, 4


class Store:
    """Connections to one database.

    A client serves one call at a time (a session of ClickHouse, a handle of the embedded engine), so each call borrows
    one and gives it back; there are as many as there were calls at once.
    """

    def __init__(
        self, opened: Callable[[], Client], first: Client, embedded: bool, folder: Path | None = None,
        cluster: Cluster | None = None,
    ) -> None:  # fmt: skip
        self._open = opened
        self._idle = deque([first])
        self._closed = False
        #: Where an embedded store lies on disk.
        self._folder = folder
        #: Whether the engine runs in this process, and no other process can open the store.
        self.embedded = embedded
        #: The cluster that its tables are on.
        self.cluster = cluster

    def whole(self, what: str) -> None:
        """Raises Permanent on a cluster, for what is done to one server."""
        if self.cluster is not None:
            raise Permanent(
                f"{what}: WHODID_CLICKHOUSE_CLUSTER is set, and this is done on one server: set it to nothing and give "
                "each shard's own address (docs/clickhouse.md)"
            )

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None, binary: Iterable[str] = ()) -> list[Any]:
        """Rows of a query with `{name:Type}` parameters. Columns named in `binary` come as bytes."""
        formats: dict[str, str | dict[str, str]] = dict.fromkeys(binary, "bytes")
        with self._borrowed() as client:
            return list(client.query(sql, dict(parameters or {}), column_formats=formats or None).result_rows)

    def raw(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> bytes:
        """What a query with a FORMAT gives, not decoded: millions of rows go straight into typed objects."""
        with self._borrowed() as client:
            return client.raw_query(sql, dict(parameters or {}), dict(settings or {}))

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns nothing: on a cluster, wherever there are rows that it is about."""
        with self._borrowed() as client:
            for one in self.cluster.statements(sql) if self.cluster else [sql]:
                client.command(one, dict(parameters or {}))

    def insert(self, block: write.Block) -> None:
        """Write a block; it is visible when this returns. Written twice, it changes nothing that a query shows."""
        if not block.payload:
            return
        if self._folder is not None:
            find_room(self._folder, len(block.payload))
        with self._borrowed() as client:
            client.raw_insert(block.table, block.columns, block.payload, _INSERT, "MsgPack")

    def write_entries(self, entries: Sequence[Entry | PackedEntry]) -> None:
        """Write timeline rows, of which each event's highest revision counts, and what the inventory makes of them."""
        self.write_inventory([self.write_timeline(list(map(Row, entries)))])

    def write_timeline(self, rows: Sequence[Row]) -> write.Written:
        """Write timeline rows alone; returns what `write_inventory` is owed."""
        self.insert(write.entries_block(rows))
        return write.written(rows)

    def write_inventory(self, written: Sequence[write.Written]) -> None:
        """Tell the inventory of rows that are visible: who there is, then whom they were taken from.

        Whoever fails before this is done writes the rows again, and of two writers with revisions of one event the
        later sees both.
        """
        for block in write.inventory_blocks(written):
            self.insert(block)

    def write_records(self, records: list[RawRecord]) -> None:
        """Write raw records for evidence."""
        self.insert(write.records_block(records))

    def write_rejected(self, rejected: list[Rejected]) -> None:
        """Write dead letters."""
        self.insert(write.rejected_block(rejected))

    def write_findings(self, findings: list[Finding]) -> None:
        """Write findings, of which each one's highest revision counts, in whatever order they come."""
        self.insert(write.findings_block(findings))

    def write_alerts(self, alerts: list[Alert], responses: list[Response]) -> None:
        """Write alerts and responses, of which each one's highest revision counts."""
        self.insert(alert_rows.alerts_block(alerts))
        self.insert(alert_rows.responses_block(responses))

    def write_deliveries(self, deliveries: list[Delivery]) -> None:
        """Write attempts to tell somebody of alerts."""
        self.insert(alert_rows.deliveries_block(deliveries))

    def write_behaviours(self, behaviours: list[Behaviour]) -> None:
        """Write how identities behaved, of which each one's latest of a day counts."""
        self.insert(write.behaviours_block(behaviours))

    def write_steps(self, steps: list[Step]) -> None:
        """Write what the scoring stage was told of prompts and tool calls, of which the highest revision counts."""
        self.insert(write.steps_block(steps))

    def close(self) -> None:
        """Close every connection. Calls that are under way finish; later ones raise Transient."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _borrowed(self) -> Iterator[Client]:
        if self._closed:
            raise Transient("store: closed")
        with translated():
            try:
                client = self._idle.pop()
            except IndexError:
                client = self._open()
            kept = True
            try:
                yield client
            except DatabaseError as error:
                # The next call finds a host that answers; an engine in memory would end with its last client.
                kept = self.embedded or not unreached(error)
                raise
            finally:
                if kept:
                    self._idle.append(client)
                else:
                    client.close()
        if self._closed:
            self.close()


def find_room(folder: Path, size: int = 0) -> None:
    """Raises Transient when the disk of a folder (or of where it is to be) is too full for a block of `size` bytes."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free, needed = shutil.disk_usage(there).free, RESERVE + GROWTH * size
    if free < needed:
        raise Transient(
            f"store: {folder}: {free / 1e6:,.0f} MB of its disk are free, {needed / 1e6:,.0f} MB are needed: make room"
        )
