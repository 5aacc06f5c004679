"""Each role may do what it does, and no more: the engine itself says so, with the role's rights for its user."""

import hashlib
import time
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import yaml
from typer.testing import CliRunner

from dashboards.macros import Span, expanded
from pipeline.cli import main
from pipeline.cli.grants import RoleName
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.run import backups
from pipeline.run.removals import Remover, Wish
from pipeline.run.verify import Verification
from pipeline.simulate import organisation
from pipeline.store import casework, connect, replays
from pipeline.store.aliases import alias
from pipeline.store.rights import ROLES, Quota, login, statements, users_file
from tests import demo
from tests.dashboards.test_queries import PANELS, choices, sql_of

GRAFANA = Path(__file__).parents[2] / "dashboards" / "provisioning" / "clickhouse" / "grafana.yaml"
DENIED = "ACCESS_DENIED|Not enough privileges"


def xml(value):
    if isinstance(value, dict):
        return "".join(
            f"<{name}>{xml(one)}</{name}>"
            for name, several in value.items()
            for one in (several if isinstance(several, list) else [several])
        )
    return escape(str(value))


@contextmanager
def opened(settings, role, *, days=0, migrated=False):
    """The store, for somebody who has the role's rights and nothing else."""
    held = users_file(role, "whodid", "default", {"password": ""}, days)
    held["users"]["default"]["networks"] = {"ip": "::/0"}
    users, engine = settings.data_dir / "users.xml", settings.data_dir / "engine.xml"
    users.write_text(f"<clickhouse>{xml(held)}</clickhouse>")
    told = {"users_config": users, "backups": {"allowed_path": "/"}}
    engine.write_text(f"<clickhouse>{xml(told)}</clickhouse>")
    with connect(settings, migrated=migrated, engine=engine) as store:
        yield store


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store that a migrator made, and into which a writer has put a day."""
    home = tmp_path_factory.mktemp("whodid")
    settings = Settings(
        data_dir=home, clickhouse=f"chdb://{home}/store", hash_key="0123456789abcdef", evidence=str(home / "evidence")
    )
    with opened(settings, ROLES["migrator"], migrated=True):
        pass
    with opened(settings, ROLES["writer"]) as store:
        truth = demo.fill(store, settings)
        alias(store, "octo", "ana@example.com", "HR", "bob")
        casework.opened(store, "Odd key", "ana", truth.clue)
        replays.clear(store, "0" * 12, replays.PARTS)
        assert Verification(settings, store).run().holds
    return settings


def test_a_writer_adds_and_reads_and_changes_nothing(filled):
    with opened(filled, ROLES["writer"]) as store:
        for statement in (
            "ALTER TABLE entries DELETE WHERE 1", "ALTER TABLE entries UPDATE text = '' WHERE 1", "DROP TABLE entries",
            "ALTER TABLE entries DROP PARTITION 202601", "TRUNCATE TABLE leaves", "OPTIMIZE TABLE entries FINAL",
            "CREATE TABLE more (x UInt8) ENGINE = Memory", "ALTER TABLE entries ADD COLUMN x UInt8",
            "INSERT INTO FUNCTION file('x.csv') SELECT 1",
        ):  # fmt: skip
            with pytest.raises(Transient, match=DENIED):
                store.command(statement)


@pytest.mark.parametrize("name", ["analyst", "dashboard"])
def test_readers_may_ask_what_panels_ask_and_see_no_content(filled, name):
    span = Span(organisation.START // 1_000_000 - 3600, int(time.time()) + 3600)
    with opened(filled, ROLES[name]) as store:
        for made, panel in (one.values for one in PANELS):
            store.rows(expanded(sql_of(panel), span, choices(made)))
        for column, table in (
            ("text", "entries"), ("arguments", "entries"), ("error", "entries"), ("attributes", "entries"),
            ("mentions", "entries"), ("value", "records"), ("value", "dead_letters"), ("sentence", "findings"),
            ("alert", "alerts"), ("digest", "access_keys"), ("query", "reads"), ("text", "notes"),
        ):  # fmt: skip
            with pytest.raises(Transient, match=DENIED):
                store.rows(f"SELECT {column} FROM {table}")
        for statement, why in (
            ("INSERT INTO deliveries (alert_id) SELECT 'x'", DENIED),
            ("SET readonly = 0", "READONLY"),
            ("SELECT 1 SETTINGS max_memory_usage = 3000000000", "max_memory_usage"),
        ):
            with pytest.raises(Exception, match=why):
                store.command(statement)


def test_an_analyst_sees_who_did_what(filled):
    with opened(filled, ROLES["analyst"]) as store:
        assert store.rows("SELECT actor, action, resources, stated_actor FROM entries FINAL WHERE actor != '' LIMIT 1")
        assert store.rows("SELECT topic, offset FROM records LIMIT 1")


def test_only_some_days_are_shown(filled):
    amounts = []
    for days in (1, 10_000, 0):
        with opened(filled, ROLES["analyst"], days=days) as store:
            amounts.append(store.rows("SELECT count() FROM entries")[0][0])
    assert amounts[0] == 0
    assert amounts[1] == amounts[2] > 0


def test_an_hour_has_a_quota(filled):
    role = ROLES["analyst"]._replace(quota=Quota(20, 0, 0))
    with opened(filled, role) as store, pytest.raises(Transient, match="QUOTA_EXCEEDED"):
        list(map(store.rows, 30 * ["SELECT count() FROM deliveries"]))


def test_a_remover_erases_and_drops_and_a_backup_reads_all(filled, tmp_path):
    with opened(filled, ROLES["backup"]) as store:
        made = backups.make(filled, store, str(tmp_path), full=False, advance=lambda *_: None)
        assert {"entries", "leaves", "access_keys"} <= {one.name for one in made.tables}
        with pytest.raises(Transient, match=DENIED):
            store.command("INSERT INTO deliveries (alert_id) SELECT 'x'")
    with opened(filled, ROLES["remover"]) as store:
        remover = Remover(filled, store, Wish("dpo", "request 17"))
        assert remover.erase("ana@example.com").entries
        months = [202601, *(row[0] for row in store.rows("SELECT DISTINCT toYYYYMM(time) FROM entries"))]
        assert remover.drop("timeline", months)
        for group in ("findings", "dead-letters", "audit"):
            remover.delete(group, time.time_ns() // 1000)
        with pytest.raises(Transient, match=DENIED):
            store.command("ALTER TABLE leaves DELETE WHERE 1")


@pytest.mark.parametrize("name", ROLES)
def test_the_engine_can_read_each_statement(store, name):
    digest = "0" * 64
    for statement in (*statements(ROLES[name], "whodid", 30), login(ROLES[name], "ana", digest)):
        assert store.rows("SELECT formatQuery({sql:String})", {"sql": statement})


def test_grafana_is_given_the_rights_of_the_role():
    known = {"password": {"@from_env": "GRAFANA_CLICKHOUSE_PASSWORD"}}
    assert yaml.safe_load(GRAFANA.read_text()) == users_file(ROLES["dashboard"], "whodid", "grafana", known)


def test_every_role_can_be_asked_for_by_a_command_that_prints_no_password(tmp_path):
    main.register()
    secret = tmp_path / "password"
    secret.write_text("correct horse battery\n")
    asked = ["store", "grants", "--user", "ana", "--password-file", str(secret)]
    assert {*RoleName} == {*ROLES}
    for form in ("sql", "users.d"):
        told = CliRunner().invoke(main.app, [*asked, "--role", "analyst", "--form", form]).output
        assert "GRANT " in told
        assert hashlib.sha256(b"correct horse battery").hexdigest() in told
        assert "correct horse" not in told
    everything = CliRunner().invoke(main.app, ["store", "grants"]).output
    assert all(f"CREATE ROLE IF NOT EXISTS whodid_{name};" in everything for name in ROLES)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--database", "a; DROP"), "database: expected a name"),
        (("--user", "ana'"), "user: expected a name"),
        (("--user", "ana"), "role: expected one role"),
        (("--role", "writer", "--user", "ana"), "password-file: expected a file with the password"),
        (("--form", "users.d", "--role", "writer"), "user: expected the name of one"),
    ],
)
def test_what_is_wrong_is_named(words, why):
    main.register()
    found = CliRunner().invoke(main.app, ["store", "grants", *words])
    assert isinstance(found.exception, Invalid)
    assert why in str(found.exception)
