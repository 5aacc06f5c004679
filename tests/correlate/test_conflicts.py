"""Two different records that claim one event id."""

import msgspec

from pipeline.correlate.route import route
from tests.correlate.test_chains import engine
from tests.events import call, prompt


def test_a_second_record_of_other_content_becomes_a_dead_letter_and_the_first_stays():
    for event in (call(0, "C1", "x"), prompt(0, "s", "a")):
        it = engine()
        forged = msgspec.structs.replace(event, address="203.0.113.9", record_id="b" * 32)
        first = it.feed(route(event)) + it.feed(route(forged)) + it.end()
        assert [entry.event.address for entry in first] == [""]
        (letter,) = it.conflicts()
        assert letter.reason.startswith("event_id: expected an id of its own")
        assert b"203.0.113.9" in letter.value
        assert it.conflicts() == []


def test_the_same_event_in_other_json_is_a_duplicate():
    it = engine()
    event = call(0, "C1", "x")
    it.feed(route(event))
    it.feed(route(msgspec.structs.replace(event, record_id="c" * 32)))
    assert it.conflicts() == []
    assert it.directory.duplicates == 1
