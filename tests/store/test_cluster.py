"""Migrations and queries on a cluster: every statement, and a cluster of one shard within the embedded engine.

What it cannot do is left out of the statements that it runs: it takes no `ON CLUSTER`, and writes no replicated table.
"""

import re

import clickhouse_connect
import pytest

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.run import backups
from pipeline.store import Store, cluster, connect, migrations, queries, removal, tiers, timeline
from pipeline.store.cluster import Cluster
from pipeline.store.placement import DIVIDED, EVERYWHERE
from tests import kept
from tests.store import (
    test_details,
    test_findings,
    test_inventory,
    test_queries,
    test_replays,
    test_search,
    test_timeline,
)
from tests.store.entries import entry, names

HERE = Cluster("whodid", "whodid")
STATEMENTS = [one for migration in migrations.known() for one in migrations.statements(migration.sql)]
CONFIG = """
<clickhouse>
  <!-- Of this very process, which listens to no port: so the shard is local. -->
  <tcp_port>9000</tcp_port>
  <zookeeper><implementation>testkeeper</implementation></zookeeper>
  <macros><shard>1</shard><replica>r1</replica></macros>
  <remote_servers><whodid><shard>
    <internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>9000</port></replica>
  </shard></whodid></remote_servers>
</clickhouse>
"""
REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?")


class Alone(Cluster):
    """What the embedded engine can run of it."""

    def statements(self, sql):
        made = [one.replace(self.clause, "") for one in super().statements(sql)]
        return [REPLICATED.sub(r"\1(", one) for one in made if not one.startswith("SYSTEM SYNC REPLICA")]


#: What holds on one server holds on a cluster: tests of other files, with the stores below.
SAME = {
    test_timeline: (
        "test_each_pivot_finds_its_own_field_and_no_other",
        "test_pages_show_every_row_once_in_order",
        "test_since_is_included_and_until_is_not",
    ),
    test_queries: ("test_a_family_is_followed_up_and_down", "test_counts_are_of_current_rows"),
    test_findings: (
        "test_the_latest_are_first_and_pages_have_each_once",
        "test_a_retracted_finding_is_gone_until_it_is_found_again",
    ),
    test_inventory: (
        "test_a_revision_takes_an_event_from_one_and_gives_it_to_another",
        "test_what_is_left_to_a_name_is_counted",
        "test_two_revisions_in_one_block",
        "test_a_writer_that_died_between_its_two_writes_does_both_again",
        "test_a_credential_with_its_issuance_and_uses_in_any_order",
        "test_a_session_says_who_and_with_what",
        "test_pages_show_every_name_once_latest_first",
    ),
    test_search: (
        "test_only_the_current_revision_counts_both_ways",
        "test_names_of_an_identity_are_asked_for_together_unless_exact",
        "test_risk_is_of_the_worst_finding_that_stands",
    ),
    test_details: (
        "test_a_session_shows_its_tokens_tools_resources_humans_and_children",
        "test_what_a_revision_moved_is_not_shown_any_more",
    ),
    test_replays: ("test_what_is_attributed_otherwise_is_found_and_nothing_else",),
}
globals().update({name: getattr(module, name) for module, names in SAME.items() for name in names})


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    kept.closed()
    config = tmp_path_factory.mktemp("cluster") / "config.xml"
    config.write_text(CONFIG)

    def client(database="whodid"):
        found = clickhouse_connect.get_client(
            interface="chdb", path=f":memory:?config-file={config}", settings=cluster.session("auto")
        )
        found.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        found.database = database
        return found

    return client


@pytest.fixture(scope="module")
def clustered(opened):
    with Store(opened, opened(), True, None, Alone(*HERE)) as store:
        migrations.migrate(store)
        yield store


@pytest.fixture
def store(clustered):
    yield clustered
    with clustered._borrowed() as client:
        for (table,) in clustered.rows(kept._FULL):
            client.command(f"TRUNCATE TABLE {table}")


@pytest.fixture
def unmerged(store):
    return store


@pytest.mark.parametrize("sql", STATEMENTS, ids=lambda sql: " ".join(sql.split()[:6]))
def test_every_statement_becomes_one_for_all_nodes(sql):
    for one in HERE.statements(sql):
        # Replicas of one table tell each other what changes in it, and rows are sent where they belong.
        alone = re.match(r"(ALTER TABLE|INSERT INTO) (\w+)", one)
        assert HERE.clause in one or alone[2] in EVERYWHERE or alone[1] == "INSERT INTO"
        assert not re.search(r"ENGINE = \w*MergeTree", one.replace("ENGINE = Replicated", "")), "rows on one node only"


def test_the_engine_reads_every_statement_as_it_is_written(clustered):
    for one in (made for sql in STATEMENTS for made in HERE.statements(sql)):
        assert (
            HERE.clause not in one
            or "ON CLUSTER" in clustered.rows("SELECT formatQuery({one:String})", {"one": one})[0][0]
        )


def test_replicated_tables_are_made_by_the_engine_with_a_keeper(opened):
    client = opened("replicated")
    made = [
        one for sql in STATEMENTS for one in Cluster("whodid", "replicated").statements(sql) if "= Replicated" in one
    ]
    for one in made:
        client.command(one.replace(HERE.clause, ""))
    found = client.query("SELECT table FROM system.replicas WHERE database = 'replicated'").result_rows
    assert len(found) == len(made) > 30
    client.command("DROP DATABASE replicated")
    client.close()


def test_every_table_has_a_place_and_no_place_is_without_a_table(clustered):
    found = {
        name
        for (name,) in clustered.rows(
            "SELECT name FROM system.tables WHERE database = 'whodid' AND engine != 'MaterializedView'"
        )
    }
    # Of the lock, which no migration makes.
    assert found | {"migration_lock"} == {*EVERYWHERE, *DIVIDED, *(f"{table}_local" for table in DIVIDED)}


def test_rows_that_replace_each_other_are_on_one_shard(clustered):
    sql = "SELECT sorting_key FROM system.tables WHERE database = 'whodid' AND name = {name:String}"
    for table, by in DIVIDED.items():
        sorted_by = clustered.rows(sql, {"name": f"{table}_local"})[0][0]
        if by and sorted_by:
            assert set(re.findall(r"\w+", by)) - {"sipHash64"} <= set(re.findall(r"\w+", sorted_by)), table


def test_what_is_written_into_all_shards_is_in_the_tables_of_the_shards(store):
    store.write_entries([entry("a", 1), entry("a", 1, revision=1, actor="agent"), entry("b", 2)])
    assert names(timeline(store, "actor", "agent")) == ["a"]
    assert queries.counts(store).entries == 2
    for table in ("entries", "pivots", "holders", "identities"):
        rows = store.rows(f"SELECT count() FROM {table}")
        assert rows == store.rows(f"SELECT count() FROM {table}_local")
        assert rows[0][0]


def test_months_are_found_and_dropped_where_they_lie(store):
    store.write_entries([entry("a"), entry("b", 40 * 86400)])
    found = [(one.table, one.month, one.rows) for one in removal.months(store) if one.table == "entries"]
    assert found == [("entries", 202311, 1), ("entries", 202312, 1)]
    removal.drop_month(store, "entries", 202311)
    assert store.rows("SELECT event_id FROM entries") == [("b",)]


def test_content_is_emptied_on_every_shard_after_the_list_has_reached_it(store):
    store.write_entries([entry("a", text="said"), entry("b", text="kept")])
    store.command(
        "INSERT INTO erasures (kind, event_id, commitment, time, by, reason, removal) "
        "SELECT 'entry', 'a', '', now(), '', '', 'r1'"
    )
    removal.empty(store, "r1")
    assert store.rows("SELECT event_id, text FROM entries FINAL ORDER BY event_id") == [("a", ""), ("b", "kept")]
    assert removal.left(store, "r1") == 0
    made = HERE.statements("ALTER TABLE steps DELETE WHERE event_id IN (SELECT event_id FROM erasures)")
    assert made == [
        "SYSTEM SYNC REPLICA ON CLUSTER 'whodid' whodid.erasures",
        "ALTER TABLE steps_local ON CLUSTER 'whodid' DELETE WHERE event_id IN (SELECT event_id FROM erasures)",
    ]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("CREATE TABLE IF NOT EXISTS more (x UInt8) ENGINE = MergeTree ORDER BY x", "placement.py does not say"),
        ("CREATE TABLE IF NOT EXISTS notes (x UInt8) ENGINE = Memory", "whose rows would be on one node"),
        ("CREATE TABLE notes (x UInt8) ENGINE = MergeTree ORDER BY x", "form of statement"),
        ("CREATE MATERIALIZED VIEW IF NOT EXISTS v TO notes AS SELECT event_id FROM entries", "one is divided"),
        ("CREATE MATERIALIZED VIEW IF NOT EXISTS v TO pivots AS SELECT 1 FROM entries, holders", "several tables"),
        ("CREATE MATERIALIZED VIEW IF NOT EXISTS v TO pivots AS SELECT 1 FROM other.entries", "the table other"),
        ("ALTER TABLE entries ADD COLUMN IF NOT EXISTS x UInt8, DROP COLUMN text", "change of a table"),
        ("ALTER TABLE entries DELETE WHERE event_id IN (SELECT event_id FROM pivots)", "has not all of"),
        ("INSERT INTO pivots SELECT 1", "which views fill"),
        ("TRUNCATE TABLE entries", "form of statement"),
        ("RENAME TABLE entries TO more", "form of statement"),
    ],
)  # fmt: skip
def test_a_statement_that_is_not_known_is_refused_by_name(sql, why):
    with pytest.raises(Permanent, match=why):
        HERE.statements(sql)


def test_commas_in_brackets_and_quotes_do_not_end_an_action():
    made = HERE.statements("ALTER TABLE entries ADD COLUMN IF NOT EXISTS x Array(String) DEFAULT ['a,b', 'it''s, (so']")
    assert made[1].endswith("DEFAULT ['a,b', 'it''s, (so']")


def test_an_embedded_store_is_on_no_cluster():
    with pytest.raises(Invalid, match="clickhouse_cluster: expected empty"):
        connect(Settings(clickhouse="chdb://memory", clickhouse_cluster="whodid"))


def test_a_quorum_is_a_number_or_the_majority():
    assert cluster.session(Settings(clickhouse_quorum="2").clickhouse_quorum)["insert_quorum"] == "2"
    with pytest.raises(ValueError, match="clickhouse_quorum"):
        Settings(clickhouse_quorum="most")


@pytest.mark.parametrize("deed", [
    lambda store, where: backups.make(Settings(), store, where, full=True, advance=lambda *_: None),
    lambda store, where: backups.restore(store, where, None, lambda *_: None),
    lambda store, _: tiers.move(store, "tiered", "cold", 90), lambda store, _: tiers.stay(store),
], ids=["backup", "restore", "tiers", "tiers --off"])  # fmt: skip
def test_what_is_done_to_one_server_is_refused_with_the_way_out(clustered, tmp_path, deed):
    with pytest.raises(Permanent, match="give each shard's own address"):
        deed(clustered, str(tmp_path))
