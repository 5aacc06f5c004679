"""An embedded engine in memory that tests of one process share: its schema is made once, its tables are emptied.

Making the schema takes twenty times as long as emptying it, and most tests of the store and of the console need one.
"""

from pipeline.kit.config import Settings
from pipeline.store import Store, connect

_FULL = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'migrations' AND total_rows > 0
"""
#: Changes with every table that is made, changed or dropped, and with every migration that is noted.
_SCHEMA = """
SELECT groupBitXor(cityHash64(name, create_table_query)), (SELECT groupArray((version, checksum)) FROM migrations FINAL)
FROM system.tables WHERE database = currentDatabase()
"""
_kept: list[tuple[Store, object]] = []


def opened() -> None:
    """From now on `chdb://memory` is an empty store with its schema."""
    if not _kept:
        store = connect(Settings(clickhouse="chdb://memory"))
        _kept.append((store, store.rows(_SCHEMA)))


def emptied() -> None:
    """Without the rows of the test that is over; if it changed the schema, the next test has a new one."""
    store, schema = _kept[0]
    if store.rows(_SCHEMA) != schema:
        closed()
        return
    for (table,) in store.rows(_FULL):
        store.command(f"TRUNCATE TABLE {table}")


def closed() -> None:
    """A process has one embedded engine at a time: another may be opened now."""
    while _kept:
        _kept.pop()[0].close()
