"""Two shards answer as one server does: what a cluster's tables and views make of the same events."""

import pytest

from pipeline.kit.config import Settings
from pipeline.store import connect, queries, removal, timeline
from pipeline.store.inventory import OF, inventory
from pipeline.store.migrations import known, statements
from tests.store.entries import entry, issuance
from tests.store.spread import Spread


@pytest.fixture(scope="module")
def both():
    """A store on one server, and the same divided among two shards; each has been told the same events."""
    spread = Spread()
    with connect(Settings(clickhouse="chdb://memory")) as alone:
        for migration in known():
            for statement in statements(migration.sql):
                spread.change(statement)
        for block in blocks():
            alone.write_entries(block)
            spread.write(block)
        yield alone, spread
        spread.close()


def blocks():
    """Events of a few names; a third of them is attributed to somebody else later, some twice."""
    actors, day = ("role/ci", "bot", "other"), 86_400
    given = {"human": "ana@example.com", "credential": "k1", "address": "10.0.0.1", "tool": "shell", "record_id": "r"}
    yield [entry(f"e{n}", n * day, actor=actors[n % 3], session=f"s{n % 4}", **given) for n in range(60)]
    yield [issuance(f"k{n}", "k1", n) for n in range(2, 8)]
    yield [entry(f"e{n}", n * day, revision=1, actor="bot", session="s9", **given) for n in range(0, 60, 3)]
    yield [entry(f"e{n}", n * day, revision=2, actor="role/ci", session="s0", **given) for n in range(0, 60, 9)]


def test_both_shards_have_rows_and_know_what_was_taken_from_whom(both):
    _, spread = both
    assert all(shard.rows("SELECT count() FROM entries_local")[0][0] > 20 for shard in spread.shards)
    assert all(shard.rows("SELECT count() FROM superseded_local")[0][0] for shard in spread.shards)


@pytest.mark.parametrize(
    ("pivot", "value"),
    [("actor", "bot"), ("actor", "role/ci"), ("human", "ana@example.com"), ("credential", "k1"), ("session", "s9"),
     ("address", "10.0.0.1")],
)  # fmt: skip
def test_timelines_are_the_same(both, pivot, value):
    alone, spread = both
    expected = timeline(alone, pivot, value, limit=1000)
    assert expected.entries
    assert timeline(spread.over, pivot, value, limit=1000) == expected


def test_counts_and_single_events_are_the_same(both):
    alone, spread = both
    assert queries.counts(spread.over) == queries.counts(alone)
    wanted = ["e0", "e7", "no"]
    assert queries.events(spread.over, wanted) == queries.events(alone, wanted)


@pytest.mark.parametrize("of", OF)
def test_the_inventory_is_the_same(both, of):
    alone, spread = both
    expected = inventory(alone, of, superseded=True, limit=1000)
    assert expected.items
    assert inventory(spread.over, of, superseded=True, limit=1000) == expected


def test_what_is_changed_is_changed_on_both(both):
    _, spread = both
    chosen = [one.event_id for one in removal.of_person(spread.over, ["other"])]
    assert len(chosen) > 5
    for shard in spread.shards:
        # Each shard has a copy of all that is everywhere.
        shard.command("CREATE TABLE erasures AS spread.erasures")
        shard.command(
            "INSERT INTO erasures (kind, event_id, removal) SELECT 'entry', arrayJoin({ids:Array(String)}), 'r1'",
            {"ids": chosen},
        )
    spread.change(
        "ALTER TABLE entries UPDATE action = 'gone' WHERE event_id IN (SELECT event_id FROM erasures) "
        "SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1"
    )
    assert spread.over.rows("SELECT count() FROM entries FINAL WHERE action = 'gone'") == [(len(chosen),)]
