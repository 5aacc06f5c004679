"""Replays in the store: history by slices, what is kept of texts, what differs, and what goes with a replay."""

import msgspec
import pytest

from pipeline.store import replays
from schemas.replay import Difference, Replay
from schemas.step import Flow, Step, Value
from tests.store.entries import START, entry

ID, OTHER = "0123456789ab", "ba9876543210"
SECOND = 1_000_000
SPAN = (START, START + 3600 * SECOND)


def replay(name=ID, **more):
    return Replay(replay_id=name, began=1, at=2, since=0, until=1, begins=0, ends=1, **more)


def difference(name, because="options", **more):
    return Difference(sort="finding", verdict="new", because=because, subject="rule", time=START, name=name, **more)


def test_slices_hold_about_so_many_entries_and_part_no_microsecond(store):
    store.write_entries([entry(f"e{number:02}", number // 4) for number in range(40)])
    there = replays.edges(store, *SPAN)
    assert (there.amount, there.first, there.last) == (40, START, START + 9 * SECOND)
    cut = list(replays.slices(store, there.first, there.last + 1, 6))
    assert [end for _, end in cut[:-1]] == [begin for begin, _ in cut[1:]]
    told = [one.event.event_id for piece in cut for one in replays.history(store, *piece)]
    assert told == [f"e{number:02}" for number in range(40)]


def test_a_step_comes_back_without_what_its_entry_shows(store):
    value = Value("to", "ana@example.com", "email", 5, "result", 1)
    flow = Flow([value], 1, 2, 3, 4, 5, 6, 7, 0.5, 0.25, 8, 9)
    step = Step(key="actor:bot", session="s", event_id="call", revision=1, time=START, tool="send", flow=flow)
    prompt = Step(key="actor:bot", session="s", event_id="prompt", revision=0, time=START, words=[2**63 - 1, 3])
    request = Step(key="actor:bot", session="s", event_id="request", revision=0, time=START, explained=0.1)
    store.write_steps([msgspec.structs.replace(step, revision=0, tool="none"), step, prompt, request])
    found = {one.event_id: one for one in replays.steps(store, *SPAN)}
    assert found.keys() == {"call", "prompt"}
    assert found["prompt"] == prompt
    assert found["call"].tool == "send"
    assert found["call"].flow.values == [msgspec.structs.replace(value, shown="")]
    assert replays.with_steps(store, ["call", "request"], SPAN) == {"call"}


def test_what_is_attributed_otherwise_is_found_and_nothing_else(store):
    store.write_entries(
        [entry(name, number, session="s") for number, name in enumerate(("same", "moved", "surer", "lost"))]
    )
    replays.write_entries(store, ID, [
        entry("same", 0, session="s").packed(),
        entry("moved", 1, session="s").packed(), entry("moved", 1, session="t", revision=1).packed(),
        entry("surer", 2, session="s", sure=0.95).packed(),
    ])  # fmt: skip
    replays.write_entries(store, OTHER, [entry("same", 0, session="other").packed()])
    found = {one.event_id: one for one in replays.moved(store, ID, *SPAN)}
    assert found.keys() == {"moved", "surer", "lost"}
    assert (found["moved"].before["session"], found["moved"].after["session"]) == ("s", "t")
    assert found["surer"].after["links"][0].confidence == pytest.approx(0.95)
    assert [name for name, one in found.items() if one.lost] == ["lost"]
    assert replays.owners(store, ID, ["moved", "lost"], SPAN) == {"moved": ("t", "")}


def test_differences_come_in_pages_and_are_counted(store):
    replays.write_differences(store, ID, [difference(f"n{number}") for number in range(3)])
    replays.write_differences(store, ID, [difference("h", "history", note="\ud800")])
    assert [one.name for one in replays.differences(store, ID, because="options", limit=2)] == ["n0", "n1"]
    assert [one.name for one in replays.differences(store, ID, because="options", limit=2, offset=2)] == ["n2"]
    assert replays.counts(store, ID) == {"finding new history": 1, "finding new options": 3}


def test_a_replay_that_is_dropped_takes_what_it_wrote_with_it_and_nothing_of_others(store):
    for name in (ID, OTHER):
        replays.put(store, replay(name))
        replays.put(store, replay(name, revision=1, state="finished"))
        replays.write_differences(store, name, [difference("n")])
        replays.write_replayed(store, name, "asked", "finding", [("n", 0, START, difference("n"))])
    replays.drop(store, replays.replay(store, ID))
    assert [one.replay_id for one in replays.replays(store)] == [OTHER]
    assert replays.replay(store, OTHER).state == "finished"
    assert replays.bodies(store, ID, "asked", "finding", ["n"]) == {}
    assert replays.bodies(store, OTHER, "asked", "finding", ["n"]).keys() == {"n"}
    assert len(replays.differences(store, OTHER)) == 1
    assert replays.replay(store, "'; DROP TABLE entries") is None
