"""What a process does when it starts on a server: version, database, migrations; and the commands that do it apart."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

import pipeline.cli.store  # noqa: F401  (registers the commands)
from pipeline.cli.main import app
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.store import connect, queries
from pipeline.store.migrations import known
from pipeline.store.versions import check_version
from tests.store.entries import entry
from tests.store.served import Served


@pytest.fixture(scope="module")
def server():
    with Served() as serving:
        yield serving


def test_of_several_that_start_at_once_one_migrates(server):
    settings = Settings(clickhouse=server.url("at_once"))

    def start(number):
        with connect(settings) as store:
            store.write_entries([entry(f"e{number}")])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(start, range(2)))
    assert len(server.asked(b"CREATE TABLE IF NOT EXISTS entries\n")) == 1
    assert len(server.asked(b"CREATE MATERIALIZED VIEW IF NOT EXISTS arrivals_to_identities ")) == 1
    with connect(settings) as store:
        assert queries.counts(store).entries == 2
        assert store.rows("SELECT count() FROM migrations FINAL") == [(len(known()),)]
        assert store.rows("SELECT count() FROM migration_lock FINAL WHERE NOT released") == [(0,)]


def test_a_process_that_may_not_migrate_says_who_does(server):
    never = Settings(clickhouse=server.url("apart"), clickhouse_migrate="never")
    with pytest.raises(Permanent, match=r"there is no database apart\. Run `whodid store migrate`"):
        connect(never)
    with connect(Settings(clickhouse=server.url("apart")), migrated=False):
        pass
    with pytest.raises(
        Permanent, match=rf"{len(known())} migrations are missing, from 0001_timeline\.sql on\. Run `whodid store mi"
    ):
        connect(never)
    assert not [one for one in server.asked(b"CREATE TABLE") if one.parameters.get("database") == "apart"]
    run = CliRunner().invoke(app, ["store", "migrate", "--clickhouse", server.url("apart")])
    assert run.stdout == f"{len(known())} migrations applied\n"
    with connect(never) as store:
        assert queries.counts(store).entries == 0


def test_status_says_how_each_migration_stands(server):
    address = server.url("standing")
    run = CliRunner().invoke(app, ["store", "status", "--clickhouse", address, "--format", "json"])
    assert run.exit_code == 1
    assert f"{len(known())} migrations are missing" in run.stderr
    assert {one["state"] for one in json.loads(run.stdout)} == {"missing"}
    CliRunner().invoke(app, ["store", "migrate", "--clickhouse", address])
    run = CliRunner().invoke(app, ["store", "status", "--clickhouse", address, "--format", "json"])
    assert run.exit_code == 0
    rows = json.loads(run.stdout)
    assert [(one["version"], one["state"]) for one in rows] == [(one.version, "applied") for one in known()]
    assert all(one["applied_at"] for one in rows)


def test_status_shows_what_only_a_newer_program_knows(server):
    with connect(Settings(clickhouse=server.url("standing"))) as store:
        store.command("INSERT INTO migrations (version, name, checksum) SELECT 9999, '9999_future.sql', 'x'")
    run = CliRunner().invoke(app, ["store", "status", "--clickhouse", server.url("standing"), "--format", "json"])
    assert isinstance(run.exception, Permanent)
    assert "Run the newer whodid" in str(run.exception)
    assert json.loads(run.stdout)[-1]["state"] == "unknown"


def test_a_server_that_is_too_old_is_refused():
    with pytest.raises(Permanent, match=r"ClickHouse 24\.8\.1\.1 is too old: expected 25\.8 or later"):
        check_version("24.8.1.1")
    with pytest.raises(Permanent, match="states its version as 'nginx'"):
        check_version("nginx")
    check_version("25.8.1.1")


def test_a_server_that_is_newer_than_any_that_was_tried_is_told_of(caplog):
    with caplog.at_level(logging.WARNING, "whodid"):
        check_version("26.9.9.1")
        assert not caplog.messages
        check_version("27.1.1.1")
    assert caplog.messages == ["store: ClickHouse 27.1.1.1 is newer than 26.9, the latest that was tried"]
