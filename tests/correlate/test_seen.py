"""What is remembered of events that are no longer kept."""

from pipeline.correlate.directory import STATE_TYPES
from pipeline.correlate.seen import CHUNK, LIMIT, Seen
from pipeline.kit.state import PartitionState


def test_the_last_session_of_an_event_outlives_a_restart_and_is_forgotten_with_the_oldest():
    state = PartitionState(STATE_TYPES)
    seen = Seen(state)
    seen.note("a", 2)
    seen.own("a", "session:s")
    seen.own("a", "session:t")
    segments, _ = state.checkpoint()
    again = PartitionState(STATE_TYPES)
    again.load(segments)
    assert (Seen(again).of("a"), Seen(again).owner("a")) == (2, "session:t")
    for n in range(LIMIT + 2 * CHUNK):
        seen.note(f"e{n}", 0)
    assert (seen.of("a"), seen.owner("a")) == (None, None)


def test_that_an_event_was_sent_to_no_session_is_remembered_only_after_one():
    seen = Seen(PartitionState(STATE_TYPES))
    seen.own("a", "")
    assert seen.owner("a") is None
    seen.own("a", "session:s")
    seen.own("a", "")
    assert seen.owner("a") == ""


def test_owners_alone_fill_chunks_too():
    state = PartitionState(STATE_TYPES)
    seen = Seen(state)
    for n in range(3 * CHUNK):
        seen.own(f"e{n}", "session:s")
    assert len(state.keys("d/")) == 3
