"""An event leaves a session and comes back to it."""

import msgspec

from pipeline.correlate.sessions import STATE_TYPES, Sessions
from pipeline.kit.state import PartitionState
from schemas.batch import Attribution, Batch, Own
from schemas.event import packed
from tests.events import call


def test_what_comes_back_to_a_session_outranks_what_was_shown_elsewhere():
    sessions = Sessions(PartitionState(STATE_TYPES), 5_000_000, 3_600_000_000, 2000)
    event, its = packed(call(0, "C", "x")), Attribution(actor="bot", session="s")

    def shown(key, attribution, revision):
        entries, _ = sessions.apply(Batch([Own(key, event, attribution, revision)]))
        return [(entry.actor, entry.revision) for entry in entries]

    (first,) = shown("session:s", its, 2)
    (between,) = shown("actor:key", msgspec.structs.replace(its, actor="key", session=""), 4)
    (back,) = shown("session:s", its, 6)
    assert [first[0], between[0], back[0]] == ["bot", "key", "bot"]
    assert first[1] < between[1] < back[1]
