"""What is old goes to a slower disk, and what comes late is kept: on an engine with two disks."""

import pytest
from typer.testing import CliRunner

from pipeline.cli import main
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.store import connect, tiers
from tests.evidence.logged import Logged, entry, record

ENGINE = """
<clickhouse><storage_configuration>
  <disks><slow><path>{home}/slow/</path></slow></disks>
  <policies>
    <tiered><volumes><default><disk>default</disk></default><cold><disk>slow</disk></cold></volumes></tiered>
  </policies>
</storage_configuration></clickhouse>
"""


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("tiers")
    engine = tmp_path / "engine.xml"
    engine.write_text(ENGINE.format(home=tmp_path))
    (tmp_path / "slow").mkdir()
    with connect(Settings(clickhouse=f"chdb://{tmp_path}/store", data_dir=tmp_path), engine=engine) as store:
        yield Logged(tmp_path, store)


def lying(store, table):
    """Rows by disk, once all parts are merged."""
    store.command(f"OPTIMIZE TABLE {table} FINAL")
    return {disk: rows for name, disk, rows, _ in tiers.where(store) if name == table}


def test_what_is_old_is_moved_and_what_comes_late_is_kept(logged):
    store = logged.store
    logged.message(0, [entry("old")])
    logged.message(0, records=[record("0a")], log="records/0")
    # An event of 2023 is older than a day; one of 2096 is not.
    logged.message(1, [entry("young", 2_300_000_000)])
    assert {disk for _, disk, *_ in tiers.where(store)} == {"default"}
    assert "entries" in tiers.move(store, "tiered", "cold", 1)
    assert lying(store, "entries") == {"default": 1, "slow": 1}
    logged.message(2, [entry("late", 1)])
    assert lying(store, "entries") == {"default": 1, "slow": 2}
    assert lying(store, "records") == {"slow": 1}
    logged.head()
    assert logged.found() == []
    # Said again with another age it changes, and can be taken back.
    tiers.move(store, "tiered", "cold", 40_000)
    assert set(tiers.stay(store)) == {"entries", "pivots", "records", "holders", "steps"}
    logged.message(3, [entry("later", 2)])
    logged.head()
    assert logged.found() == []
    assert "TTL" not in store.rows("SHOW CREATE TABLE entries")[0][0]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("none", "cold", 1), "policy: expected a storage policy .* tiered with cold"),
        (("tiered", "warm", 1), "policy: expected a storage policy"),
        (("tiered", "cold'", 1), "volume: expected a name"),
        (("tiered", "cold", 0), "after: expected a number of days"),
    ],
)
def test_what_the_server_does_not_have_is_named(logged, given, why):
    with pytest.raises(Invalid, match=why):
        tiers.move(logged.store, *given)


def test_a_command_says_what_lies_where_and_wants_both_options(logged):
    logged.store.close()
    main.register()
    asked = ["store", "tiers", "--store", str(logged.settings.data_dir / "elsewhere"), "--format", "csv"]
    with connect(Settings(clickhouse=f"chdb://{asked[3]}")) as store:
        store.write_entries([entry("old")])
    assert "entries,default,1," in CliRunner().invoke(main.app, asked).output
    wrong = CliRunner().invoke(main.app, [*asked, "--policy", "tiered"])
    assert isinstance(wrong.exception, Invalid)
