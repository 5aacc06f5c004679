from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.kit.failures import Permanent
from pipeline.store.migrations import Migration, known, migrate, statements
from tests.store.entries import entry

ONE = Migration(1, "0001_timeline.sql", known()[0].sql)


def test_what_is_applied_is_not_applied_again(store):
    store.write_entries([entry("a")])
    assert migrate(store) == []
    assert store.rows("SELECT count() FROM entries") == [(1,)]


def test_only_what_is_missing_is_applied(store):
    number = known()[-1].version + 1
    more = Migration(number, "more.sql", "CREATE TABLE IF NOT EXISTS more (x UInt8) ENGINE = Memory;\n")
    assert migrate(store, [*known(), more]) == [number]
    assert migrate(store, [*known(), more]) == []
    assert store.rows("SELECT version, name FROM migrations FINAL ORDER BY version")[-1] == (number, "more.sql")


def test_a_changed_file_is_an_error_that_names_it(store):
    changed = ONE._replace(sql=ONE.sql.replace("ZSTD(3)", "ZSTD(9)"))
    with pytest.raises(Permanent, match=r"0001_timeline\.sql was changed after it had been applied"):
        migrate(store, [changed])


def test_comments_and_blanks_may_change(store):
    said = ONE._replace(sql="-- better said\n\n" + ONE.sql.replace("\n\n", "\n\n\n"))
    assert migrate(store, [said, *known()[1:]]) == []


def test_a_store_of_a_newer_program_is_not_touched(store):
    store.command("INSERT INTO migrations (version, name, checksum) SELECT 9999, '9999_future.sql', 'x'")
    with pytest.raises(Permanent, match=r"9999_future\.sql, which this whodid does not know"):
        migrate(store)


def test_many_may_start_at_once(store):
    tables = ("entries_to_pivots", "entries", "pivots", "records", "dead_letters", "migrations")
    for table in tables:
        store.command(f"DROP TABLE {table} SYNC")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: migrate(store), range(8)))
    assert store.rows("SELECT count() FROM migrations FINAL") == [(len(known()),)]
    assert migrate(store) == []
    store.write_entries([entry("a")])
    assert store.rows("SELECT count() FROM pivots FINAL") == [(2,)]


def test_one_that_broke_off_in_the_middle_is_finished(store):
    store.command("DROP TABLE dead_letters SYNC")
    store.command("TRUNCATE TABLE migrations")
    assert migrate(store) == [migration.version for migration in known()]
    assert store.rows("SELECT count() FROM dead_letters") == [(0,)]


def test_numbers_are_in_sequence():
    assert [migration.version for migration in known()] == list(range(1, len(known()) + 1))


@pytest.mark.parametrize("migration", known(), ids=lambda migration: migration.name)
def test_every_statement_can_run_twice(migration):
    for statement in statements(migration.sql):
        # What is filled from rows that were there before has tables that rows written twice do not change.
        filled = statement.startswith(
            ("INSERT INTO arrivals\n", "INSERT INTO settled ", "INSERT INTO finding_evidence ")
        )
        # A setting is set to a value, whatever it was.
        setting = "MODIFY SETTING" in statement
        assert "IF NOT EXISTS" in statement or "IF EXISTS" in statement or setting or filled


@pytest.mark.parametrize("migration", known(), ids=lambda migration: migration.name)
def test_nothing_is_dropped_for_its_age(migration):
    # Of what was written lately an hour is enough, counted from when it was written: that a row is late drops nothing.
    kept = [one for one in statements(migration.sql) if not one.startswith("CREATE TABLE IF NOT EXISTS recent\n")]
    assert "TTL" not in "\n".join(kept).upper().split()
