"""The benchmark of the pivots, at a tiny size: what it prints is complete, and what it compares is the same."""

import json

import pytest

from benchmarks import pivot_rival, pivots
from benchmarks.pivot_store import fill
from benchmarks.pivot_world import DEEPEST, SPAN, START
from pipeline.store.pivots import PIVOTS

SIZE, SLICES = 600, 3


@pytest.fixture
def filled(store):
    found = fill(store, SLICES, SIZE) | {"slices": SLICES, "size": SIZE, "disk": []}
    pivot_rival.make(store)
    pivot_rival.fill(store, START, START + SLICES * SPAN)
    yield found
    for by in pivot_rival.EVENTS:
        store.command(f"DROP TABLE raw_by_{by}")
    for by in pivot_rival.ISSUANCES:
        store.command(f"DROP TABLE issued_by_{by}")


def test_a_page_is_that_of_the_join_for_every_pivot_and_sort(store, filled):
    values = pivots.drawn(filled)

    assert {pivot for pivot, _ in values} == set(PIVOTS)
    assert all(values[pivot, sort] for pivot in PIVOTS for sort in pivots.SORTS)
    found = [pivots.wrong(store, pivot, value) for (pivot, _), those in values.items() for value in those[:2]]
    assert [one for one in found if one] == []


def test_a_join_of_too_little_depth_is_told_from_the_right_answer(store, filled, monkeypatch):
    people = pivots.drawn(filled)["human", "busy"]
    monkeypatch.setattr(pivots, "DEEPEST", 1)

    assert any(pivots.wrong(store, "human", value) for value in people)


def test_copies_are_as_many_as_slices_and_each_has_names_of_its_own(store, filled):
    rows = store.rows("SELECT uniqExact(event_id), uniqExact(record_id), count() FROM entries FINAL")
    ends = store.rows(
        "SELECT DISTINCT splitByChar('~', credential)[2] AS slice FROM entries WHERE slice != '' ORDER BY 1"
    )

    assert rows == [(SLICES * SIZE,) * 3]
    assert [one for (one,) in ends] == [str(number) for number in range(SLICES)]


def test_every_figure_of_a_page_is_printed(store, filled, capsys):
    values = {("session", "quiet"): pivots.drawn(filled)["session", "quiet"][:1]}
    (page,) = pivots.measure(store, values, 1)

    assert set(page["ms"]) == {"oldest", "newest", *(f"join {depth}" for depth in range(1, DEEPEST + 1))}
    assert page["oldest"]["rows"] > 0
    assert page["oldest"]["granules"] > 0

    result = {"entries": SLICES * SIZE, "filled": filled, "checked": 1, "wrong": [], "pages": [page]}
    pivots.show(result, as_json=True)
    assert json.loads(capsys.readouterr().out)["pages"][0]["pivot"] == "session"
    pivots.show(result, as_json=False)
    assert "session    quiet oldest" in capsys.readouterr().out
