"""When somebody acts and how fast: counted by the hour and by class of pace, under all names, beside peers."""

from itertools import accumulate

import msgspec

from pipeline.store import cadence
from pipeline.store.aliases import alias, names_of
from pipeline.store.cadence import MOST, PACES, PEERS, Span
from tests.store.entries import START, entry

SECOND, HOUR = 1_000_000, 3_600_000_000
#: The full hour that START lies in.
FULL = START // HOUR * HOUR
ALWAYS = Span(0, 2 * START)


def kinded(kind: str, name: str, seconds: float = 0, **more):
    return msgspec.structs.replace(entry(f"{name} {seconds}", seconds, actor=name, **more), actor_kind=kind)


def test_nobody_has_no_hours_and_no_pace(store):
    assert cadence.hours(store, ["nobody"], ALWAYS) == {}
    assert cadence.hours(store, [], ALWAYS) == {}
    assert cadence.pace(store, ["nobody"], ALWAYS) == [0] * (len(PACES) + 1)
    assert cadence.peers(store, ["nobody"], "agent") == []


def test_acts_are_counted_by_the_full_hour_of_the_very_name(store):
    at = (FULL - START) / SECOND
    store.write_entries([entry("a", at), entry("b", at + 3599.999999), entry("c", at + 3600), entry("d", 0, actor="x")])
    assert cadence.hours(store, ["bot"], ALWAYS) == {FULL // SECOND: 2, (FULL + HOUR) // SECOND: 1}


def test_a_span_has_its_beginning_and_not_its_end(store):
    store.write_entries([entry("before", -0.000001), entry("first", 0), entry("last", 9.999999), entry("end", 10)])
    span = Span(START, START + 10 * SECOND)
    assert sum(cadence.hours(store, ["bot"], span).values()) == 2
    assert sum(cadence.pace(store, ["bot"], span)) == 1


def test_a_revision_and_a_row_that_was_written_twice_count_once(store):
    for revision in (0, 0, 1):
        store.write_entries([entry("a", revision=revision), entry("b", 1, revision=revision)])
    assert sum(cadence.hours(store, ["bot"], ALWAYS).values()) == 2
    assert cadence.pace(store, ["bot"], ALWAYS) == [0, 1, 0, 0, 0, 0, 0]


def test_a_pace_belongs_to_the_class_whose_upper_end_it_is(store):
    gaps = [gap for upper in PACES for gap in (upper, upper + 1)]
    times = accumulate(gaps, initial=0)
    store.write_entries([entry(f"e{number:02}", time=START + time) for number, time in enumerate(times)])
    assert cadence.pace(store, ["bot"], ALWAYS) == [1, 2, 2, 2, 2, 2, 1]


def test_acts_of_one_moment_are_the_fastest_and_the_first_follows_nothing(store):
    store.write_entries([entry("a"), entry("b"), entry("c")])
    assert cadence.pace(store, ["bot"], ALWAYS) == [2, 0, 0, 0, 0, 0, 0]
    store.write_entries([entry("alone", actor="x")])
    assert sum(cadence.pace(store, ["x"], ALWAYS)) == 0


def test_all_names_of_an_identity_are_one_sequence(store):
    store.write_entries([entry("a", 0, actor="ana"), entry("b", 5, actor="octo-ana"), entry("c", 10, actor="ana")])
    alias(store, "octo-ana", "ana", "HR record", "bob")
    names = names_of(store, "octo-ana")
    assert sum(cadence.hours(store, names, ALWAYS).values()) == 3
    assert cadence.pace(store, names, ALWAYS) == [0, 0, 2, 0, 0, 0, 0]
    assert cadence.pace(store, ["ana"], ALWAYS) == [0, 0, 1, 0, 0, 0, 0]


def test_peers_are_others_of_the_kind_those_seen_last_first(store):
    seen = [
        ("agent", "old"),
        ("agent", "me"),
        ("agent", "my other name"),
        ("human", "ana"),
        ("", "x"),
        ("agent", "new"),
    ]
    store.write_entries([kinded(kind, name, number) for number, (kind, name) in enumerate(seen)])
    assert cadence.peers(store, ["me", "my other name"], "agent") == ["new", "old"]
    assert cadence.peers(store, ["me"], "human") == ["ana"]


def test_peers_are_a_bounded_number(store):
    store.write_entries([kinded("agent", f"bot {number:03}", number) for number in range(PEERS + 5)])
    found = cadence.peers(store, ["me"], "agent")
    assert (len(found), found[0], found[-1]) == (PEERS, "bot 044", "bot 005")


def test_a_hostile_name_is_a_name(store):
    for name in ("'; DROP TABLE pivots; --", "{names:Array(String)}", "\\", "\0", "x" * 4096):
        store.write_entries([kinded("agent", name)])
        assert sum(cadence.hours(store, [name], ALWAYS).values()) == 1
        assert name not in cadence.peers(store, [name], "agent")


def test_of_too_many_acts_the_latest_are_read(store, monkeypatch):
    monkeypatch.setattr(cadence, "MOST", 3)
    store.write_entries([entry(f"e{number}", number * 3600) for number in range(5)])
    hours = cadence.hours(store, ["bot"], ALWAYS)
    assert sorted(hours) == [(FULL + number * HOUR) // SECOND for number in (2, 3, 4)]
    assert sum(cadence.pace(store, ["bot"], ALWAYS)) == 2
    assert MOST == 200_000
