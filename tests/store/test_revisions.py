import itertools

import pytest

from pipeline.store import queries, timeline
from tests.store.entries import START, entry, names


def parts(store, table="entries"):
    sql = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active"
    return store.rows(sql, {"table": table})[0][0]


@pytest.fixture
def unmerged(store):
    """A store that never merges in the background, so that every block stays a part of its own."""
    for table in ("entries", "pivots"):
        store.command(f"SYSTEM STOP MERGES {table}")
    yield store
    for table in ("entries", "pivots"):
        store.command(f"SYSTEM START MERGES {table}")


def test_the_same_block_twice_changes_nothing_that_a_query_shows(unmerged):
    block = [entry("a", 1), entry("b", 2, revision=3), entry("c", 2, human="ana@example.com")]
    unmerged.write_entries(block)
    before = [timeline(unmerged, "actor", "bot"), queries.counts(unmerged)]
    unmerged.write_entries(block)
    unmerged.write_entries(block)
    assert parts(unmerged) == 3
    assert [timeline(unmerged, "actor", "bot"), queries.counts(unmerged)] == before


def test_duplicates_within_one_block_are_one_row(unmerged):
    unmerged.write_entries([entry("a", 1), entry("a", 1), entry("a", 1, revision=1, actor="agent"), entry("a", 1)])
    assert names(timeline(unmerged, "actor", "agent")) == ["a"]
    assert timeline(unmerged, "actor", "bot").entries == []
    assert queries.counts(unmerged).entries == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_highest_revision_counts_in_whatever_order_they_arrive(unmerged, order):
    revisions = [entry("a", 1, revision=number, actor=f"actor-{number}") for number in range(3)]
    for number in order:
        unmerged.write_entries([revisions[number]])
    assert parts(unmerged) == 3
    assert [names(timeline(unmerged, "actor", f"actor-{number}")) for number in range(3)] == [[], [], ["a"]]
    assert queries.event(unmerged, "a") == revisions[2]


def test_a_revision_moves_the_row_under_every_pivot(unmerged):
    unmerged.write_entries([entry("a", 1, actor="role", session="s1", human="x@example.com", credential="k")])
    unmerged.write_entries(
        [entry("a", 1, revision=1, actor="bot", session="s2", human="y@example.com", credential="k")]
    )
    gone = [("actor", "role"), ("session", "s1"), ("human", "x@example.com")]
    here = [("actor", "bot"), ("session", "s2"), ("human", "y@example.com"), ("credential", "k")]
    assert [names(timeline(unmerged, *pivot)) for pivot in gone] == [[], [], []]
    assert [names(timeline(unmerged, *pivot)) for pivot in here] == [["a"]] * 4


def test_a_row_that_comes_back_to_its_first_actor_is_there_once(unmerged):
    for revision, actor in enumerate(["role", "bot", "role"]):
        unmerged.write_entries([entry("a", 1, revision=revision, actor=actor)])
    assert names(timeline(unmerged, "actor", "role")) == ["a"]
    assert timeline(unmerged, "actor", "bot").entries == []


def test_merging_changes_nothing(unmerged):
    for revision in range(4):
        unmerged.write_entries(
            [entry(f"e{n}", n, revision=revision, actor=f"a{(n + revision) % 3}") for n in range(50)]
        )
    before = [timeline(unmerged, "actor", f"a{n}") for n in range(3)]
    for table in ("entries", "pivots"):
        unmerged.command(f"SYSTEM START MERGES {table}")
        unmerged.command(f"OPTIMIZE TABLE {table} FINAL")
    assert parts(unmerged) == 1
    assert [timeline(unmerged, "actor", f"a{n}") for n in range(3)] == before
    assert sum(len(page.entries) for page in before) == 50


def test_pages_are_full_though_most_keys_are_stale(unmerged):
    unmerged.write_entries([entry(f"e{n:03}", n, actor="role") for n in range(300)])
    unmerged.write_entries([entry(f"e{n:03}", n, revision=1, actor="bot") for n in range(300) if n % 100])
    page = timeline(unmerged, "actor", "role", limit=2)
    assert names(page) == ["e000", "e100"]
    assert names(timeline(unmerged, "actor", "role", limit=2, after=page.next)) == ["e200"]


def test_a_deleted_row_is_gone(unmerged):
    unmerged.write_entries([entry("a", 1), entry("b", 1)])
    unmerged.command(
        "INSERT INTO entries (event_id, time, revision, actor, is_deleted)"
        f" SELECT 'a', fromUnixTimestamp64Micro({START + 1_000_000}), 1, 'bot', 1"
    )
    assert names(timeline(unmerged, "actor", "bot")) == ["b"]
    assert queries.event(unmerged, "a") is None
