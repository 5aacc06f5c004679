import re

import pytest

from pipeline.kit.failures import Invalid
from pipeline.store import PIVOTS, timeline
from tests.store.entries import START, entry, issuance, names

#: Around 1970, where ClickHouse's calendar begins and ends, years 1 and 9999, and what 64 bits can hold.
EXTREMES = (
    -(2**63), -62_135_596_800_000_000, -2_208_988_800_000_001, -1, 0, 1, 10_413_791_999_999_999, 10_413_792_000_000_000,
    253_402_300_799_999_999, 2**63 - 1,
)  # fmt: skip


def test_each_pivot_finds_its_own_field_and_no_other(store):
    for pivot in PIVOTS:
        given = {name: "x" if name == pivot else "y" for name in ("actor", "session", "human", "credential", "address")}
        store.write_entries([entry(pivot, **given)])
    assert [names(timeline(store, pivot, "x")) for pivot in PIVOTS] == [[pivot] for pivot in PIVOTS]


def test_a_credential_is_found_where_it_was_used_and_where_it_was_issued(store):
    store.write_entries([issuance("child", "parent", 1), entry("use", 2, credential="child"), issuance("x", "x", 3)])
    assert names(timeline(store, "credential", "child")) == ["parent>child", "use"]
    assert names(timeline(store, "credential", "parent")) == ["parent>child"]
    assert names(timeline(store, "credential", "x")) == ["x>x"]


def test_what_the_source_said_is_no_pivot(store):
    item = entry("a", actor="bot")
    item.event.actor = "role"
    store.write_entries([item])
    assert timeline(store, "actor", "role").entries == []


def test_an_empty_value_finds_nothing(store):
    store.write_entries([entry("a")])
    assert [timeline(store, pivot, "").entries for pivot in PIVOTS] == [[]] * 5


def test_since_is_included_and_until_is_not(store):
    store.write_entries([entry(name, number) for number, name in enumerate("abcd")])
    at = [START + number * 1_000_000 for number in range(4)]
    assert names(timeline(store, "actor", "bot", since=at[1], until=at[3])) == ["b", "c"]
    assert names(timeline(store, "actor", "bot", since=at[1] + 1, until=at[3] + 1)) == ["c", "d"]
    assert names(timeline(store, "actor", "bot", since=at[2], until=at[2])) == []
    assert names(timeline(store, "actor", "bot", since=at[3], until=at[0])) == []
    assert names(timeline(store, "actor", "bot", since=-(10**30), until=10**30)) == ["a", "b", "c", "d"]


def test_equal_times_are_ordered_by_event_id(store):
    for name in ("c", "a", "d", "b"):
        store.write_entries([entry(name, 1)])
    assert names(timeline(store, "actor", "bot")) == ["a", "b", "c", "d"]


def test_pages_show_every_row_once_in_order(store):
    store.write_entries([entry(f"e{n % 7}-{n:03}", n // 10) for n in range(137)])
    everything = names(timeline(store, "actor", "bot", limit=10_000))
    paged, after = [], None
    while True:
        page = timeline(store, "actor", "bot", limit=10, after=after)
        paged += names(page)
        if (after := page.next) is None:
            break
        assert len(page.entries) == 10
    assert paged == everything
    assert len(everything) == 137


def test_a_page_that_ends_exactly_is_the_last(store):
    store.write_entries([entry(name, 1) for name in "abc"])
    assert timeline(store, "actor", "bot", limit=3).next is None
    assert timeline(store, "actor", "bot", limit=2).next == (START + 1_000_000, "b")


def test_any_time_is_kept_and_ordered(store):
    store.write_entries([entry(f"t{number}", time=time) for number, time in enumerate(EXTREMES)])
    assert [item.event.time for item in timeline(store, "actor", "bot").entries] == list(EXTREMES)
    assert names(timeline(store, "actor", "bot", since=0, until=2)) == ["t4", "t5"]


def test_a_block_of_very_many_months_is_taken(store):
    store.write_entries([entry(f"m{month:04}", month * 86400 * 31) for month in range(150)])
    assert len(timeline(store, "actor", "bot").entries) == 150


@pytest.mark.parametrize(
    ("pivot", "limit", "field"), [("tool", 1, "pivot"), ("actor", 0, "limit"), ("actor", 10_001, "limit")]
)
def test_a_wrong_question_is_refused_by_name(store, pivot, limit, field):
    with pytest.raises(Invalid) as failure:
        timeline(store, pivot, "x", limit=limit)
    assert failure.value.field == field


def test_a_pivot_reads_a_small_share_of_the_granules(store):
    store.write_entries([entry(f"e{n:06}", n, session=f"s{n // 50}") for n in range(100_000)])
    store.command("OPTIMIZE TABLE entries FINAL")
    store.command("OPTIMIZE TABLE pivots FINAL")
    assert len(timeline(store, "session", "s777").entries) == 50
    keys = "(SELECT time, event_id FROM pivots WHERE key = sipHash64('session', 's777'))"
    for query in (f"SELECT * FROM entries FINAL WHERE (time, event_id) IN {keys}", keys[1:-1]):
        plan = "\n".join(row[0] for row in store.rows("EXPLAIN indexes = 1 " + query))
        read, total = map(int, re.findall(r"Granules: (\d+)/(\d+)", plan)[-1])
        assert read <= 4
        assert total >= 90
