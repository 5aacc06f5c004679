import itertools
import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.kit.failures import Invalid
from pipeline.store.findings import FILTERS, amount, finding, findings
from pipeline.store.write import findings_block
from schemas.finding import Finding
from tests.store.entries import START
from tests.store.findings import finding as found
from tests.store.findings import ids
from tests.store.test_rows import HOSTILE, fields
from tests.store.test_timeline import EXTREMES

numbers = itertools.count()
drawn = st.builds(
    Finding, **fields(Finding, retracted=st.just(False), revision=st.integers(0, 2**64 - 1), score=st.floats(0, 1),
                      p_value=st.floats(0, 1))
)  # fmt: skip


def test_every_field_of_a_finding_has_a_column(store):
    sql = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'findings'"
    assert {name for (name,) in store.rows(sql)} == {*findings_block([]).columns}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(drawn, min_size=1, max_size=5))
def test_whatever_is_written_is_read_back_unchanged(store, written):
    for item in written:
        item.finding_id = f"finding-{next(numbers)}"
    store.write_findings(written)
    for item in written:
        assert finding(store, item.finding_id) == item


def test_hostile_text_is_found_by_every_filter_that_takes_any_text(store):
    texts = [text for text in HOSTILE if text]
    store.write_findings([
        found(f"f{n}", n, session=text, actor=text, human=text, detection=text) for n, text in enumerate(texts)
    ])  # fmt: skip
    for name in FILTERS[:-1]:
        assert [ids(findings(store, {name: [text]})) for text in texts] == [[f"f{n}"] for n in range(len(texts))]


def test_the_latest_are_first_and_pages_have_each_once(store):
    store.write_findings([found(f"f{n % 7}-{n:03}", n // 10) for n in range(137)])
    everything = findings(store, limit=10_000).findings
    assert [(one.time, one.finding_id) for one in everything] == sorted(
        ((one.time, one.finding_id) for one in everything), reverse=True
    )
    paged, after = [], None
    while True:
        page = findings(store, limit=10, after=after)
        paged += page.findings
        if (after := page.next) is None:
            break
        assert len(page.findings) == 10
    assert paged == everything
    assert len(everything) == 137 == amount(store)
    assert findings(store, limit=137).next is None


def test_filters_are_held_all_at_once(store):
    store.write_findings([
        found("a", 1, human="ana", severity="high"), found("b", 2, human="ana", session="s2"),
        found("c", 3, human="ben", session="s2", severity="high"), found("d", 4, actor="role", detection="other"),
    ])  # fmt: skip
    asked = {
        "dcba": {}, "cba": {"actor": ["bot"]}, "cb": {"session": ["s2"]}, "ba": {"human": ["ana"]},
        "d": {"detection": ["other"]}, "ca": {"severity": ["high"]}, "c": {"session": ["s2"], "severity": ["high"]},
        "a": {"human": ["ana"], "severity": ["high"]}, "": {"actor": ["role"], "human": ["ana"]},
        "dc": {"actor": ["role", "bot"], "human": ["ben", ""]},
    }  # fmt: skip
    assert {"".join(ids(findings(store, wanted, limit=4))): wanted for wanted in asked.values()} == asked
    assert ids(findings(store, {"severity": ["medium"]}, limit=1)) == ["d"]


def test_since_is_included_and_until_is_not(store):
    store.write_findings([found(name, number) for number, name in enumerate("abcd")])
    at = [START + number * 1_000_000 for number in range(4)]
    assert ids(findings(store, since=at[1], until=at[3])) == ["c", "b"]
    assert ids(findings(store, {"session": ["s1"]}, since=at[2])) == ["d", "c"]
    assert ids(findings(store, since=-(10**30), until=10**30, after=(at[2], "c"))) == ["b", "a"]


def test_any_time_is_kept_and_ordered(store):
    written = [found(f"t{number}") for number in range(len(EXTREMES))]
    for item, time in zip(written, EXTREMES, strict=True):
        item.time = time
    store.write_findings(written)
    assert [one.time for one in findings(store).findings] == list(reversed(EXTREMES))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_highest_revision_counts_in_whatever_order_they_arrive(store, order):
    # It moves in time and to another session, as a session's worst call does when a later revision takes it away.
    revisions = [
        found("f", 5, session="s1"), found("f", 90, session="s2", revision=1), found("f", 1, session="s2", revision=2),
    ]  # fmt: skip
    store.command("SYSTEM STOP MERGES findings")
    store.write_findings([found("g", 50, session="s2")])
    for number in order:
        store.write_findings([revisions[number]])
        store.write_findings([revisions[number]])
    assert findings(store, {"session": ["s1"]}).findings == []
    assert findings(store, {"session": ["s2"]}).findings == [found("g", 50, session="s2"), revisions[2]]
    assert ids(findings(store, limit=1)) == ["g"]
    assert ids(findings(store, limit=1, after=findings(store, limit=1).next)) == ["f"]
    assert (amount(store), finding(store, "f")) == (2, revisions[2])
    store.command("SYSTEM START MERGES findings")
    store.command("OPTIMIZE TABLE findings FINAL")
    assert ids(findings(store, {"session": ["s2"]})) == ["g", "f"]


def test_a_retracted_finding_is_gone_until_it_is_found_again(store):
    again = found("f", 3, revision=2)
    store.write_findings([found("f", 2, revision=1, retracted=True)])
    store.write_findings([found("f", 1)])
    assert (ids(findings(store)), finding(store, "f"), amount(store)) == ([], None, 0)
    store.command("OPTIMIZE TABLE findings FINAL")
    assert finding(store, "f") is None
    store.write_findings([again])
    assert (findings(store).findings, finding(store, "f"), amount(store)) == ([again], again, 1)


def test_a_page_after_many_stale_keys_is_full(store):
    store.write_findings([found(f"f{n}", 1000 + n) for n in range(50)])
    store.write_findings([found(f"f{n}", n, revision=1, retracted=n % 2 == 0) for n in range(50)])
    assert ids(findings(store, {"session": ["s1"]}, limit=3)) == ["f49", "f47", "f45"]
    assert ids(findings(store, limit=30)) == [f"f{n}" for n in range(49, 0, -2)]


@pytest.mark.parametrize(
    ("wanted", "limit", "field"),
    [({"tool": ["x"]}, 1, "filter"), ({"severity": ["dire"]}, 1, "severity"), ({}, 0, "limit"), ({}, 10_001, "limit")],
)
def test_a_wrong_question_is_refused_by_name(store, wanted, limit, field):
    with pytest.raises(Invalid) as failure:
        findings(store, wanted, limit=limit)
    assert failure.value.field == field


def test_a_store_that_is_older_than_findings_has_none(store):
    for table in ("findings_to_pivots", "finding_pivots", "findings"):
        store.command(f"DROP TABLE {table} SYNC")
    assert (findings(store).findings, finding(store, "f"), amount(store)) == ([], None, 0)


def test_a_suppressed_finding_is_shown_to_who_asks_for_it(store):
    kept, known = found("f", 1), found("g", 2, suppressed="the scanner (until 2026-12-31, by ana)")
    store.write_findings([kept, known])
    assert ids(findings(store)) == ["f"]
    assert findings(store, suppressed=True).findings == [known, kept]
    assert findings(store, {"session": ["s1"]}, suppressed=True, limit=1).next is not None
    assert finding(store, "g") == known
    store.write_findings([found("g", 2, revision=1)])
    assert ids(findings(store)) == ["g", "f"]


def test_a_store_that_is_older_than_suppression_has_its_findings(store):
    store.write_findings([found("f", 1)])
    store.command("ALTER TABLE findings DROP COLUMN suppressed")
    assert (ids(findings(store)), finding(store, "f"), amount(store)) == (["f"], found("f", 1), 1)


def test_a_page_reads_the_granules_of_its_own_rows(store):
    names = [f"{random.Random(n).getrandbits(128):032x}" for n in range(50_000)]
    store.write_findings([
        found(name, n, session=f"s{n // 5}", actor=f"a{n % 50}", detection=f"d{n % 7}") for n, name in enumerate(names)
    ])  # fmt: skip
    for table in ("findings", "finding_pivots"):
        store.command(f"OPTIMIZE TABLE {table} FINAL")
    for wanted in ({}, {"session": ["s777"]}, {"actor": ["a7"]}, {"detection": ["d3"]}):
        watched = Watched(store)
        page = findings(watched, wanted, since=START, limit=20)
        assert len(page.findings) == (5 if "session" in wanted else 20)
        keys, rows = watched.plans
        assert "Read type: InReverseOrder" in keys, "so that the limit ends it"
        (read, total) = map(int, re.findall(r"Granules: (\d+)/(\d+)", rows)[-1])
        assert read <= 21
        assert total >= 390


class Watched:
    """A store that keeps the plans of what is asked of it about findings."""

    def __init__(self, store):
        self._store = store
        self.plans = []

    def rows(self, sql, parameters, binary=()):
        if "system.columns" not in sql:
            plan = self._store.rows("EXPLAIN indexes = 1, actions = 1 " + sql, parameters)
            self.plans.append("\n".join(row[0] for row in plan))
        return self._store.rows(sql, parameters, binary)
