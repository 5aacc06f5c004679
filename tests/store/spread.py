"""Two shards in one embedded engine: what the translation gives, without what needs Keeper and a network.

Tables of a shard are in a database of its own, without their replicas; a table over all shards is one of the engine
`Merge`, which reads both and cannot be written to. Rows are written to the shard on which a cluster would put them.
"""

import re

import clickhouse_connect

from pipeline.store.client import Store
from pipeline.store.cluster import Cluster
from pipeline.store.columns import Row
from pipeline.store.placement import local

CLUSTER = Cluster("two", "spread")
SHARDS = ("shard_0", "shard_1")
_REPLICATED = re.compile(r"ENGINE = Replicated(\w+)\('[^']*', '[^']*'(?:, )?([^)]*)\)")
_OVER = re.compile(r"AS (\w+_local) ENGINE = Distributed\(.*\)$")
_SHARD = "SELECT sipHash64({event_id:String}) % 2"


def opened(database):
    return clickhouse_connect.get_client(interface="chdb", path=":memory:", database=database)


class Shard(Store):
    """The tables of one shard, under the names that they have there."""

    def insert(self, block):
        super().insert(block._replace(table=local(block.table)))


class Spread:
    """`over` is asked; `write` and `change` do what a cluster does."""

    def __init__(self):
        first = opened("default")
        for database in (CLUSTER.database, *SHARDS):
            first.command(f"CREATE DATABASE {database}")
        self.over = Store(lambda: opened(CLUSTER.database), opened(CLUSTER.database), True)
        self.shards = [Shard(lambda database=database: opened(database), opened(database), True) for database in SHARDS]

    def write(self, entries):
        by_shard = {0: [], 1: []}
        for one in entries:
            by_shard[self.over.rows(_SHARD, {"event_id": one.event.event_id})[0][0]].append(Row(one))
        for shard, rows in zip(self.shards, by_shard.values(), strict=True):
            if rows:
                shard.write_inventory([shard.write_timeline(rows)])

    def change(self, statement, parameters=None):
        for one in CLUSTER.statements(statement):
            plain = _REPLICATED.sub(r"ENGINE = \1(\2)", one.replace(f" {CLUSTER.clause}", ""))
            if plain.startswith(("SYSTEM SYNC REPLICA", "INSERT")):
                continue
            for store in self._stores(plain):
                store.command(
                    _OVER.sub(rf"AS {SHARDS[0]}.\1 ENGINE = Merge(REGEXP('^shard_'), '^\1$')", plain), parameters
                )

    def _stores(self, plain):
        if plain.startswith("DROP VIEW"):
            return [self.over, *self.shards]
        first = re.match(r"(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE|OPTIMIZE TABLE|CREATE .* TO) (\w+)", plain)
        return self.shards if first[1].endswith("_local") else [self.over]

    def close(self):
        for store in (self.over, *self.shards):
            store.close()
