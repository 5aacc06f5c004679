"""Events that are no longer kept come again when their credential means something else."""

import msgspec

from pipeline.correlate.directory import STATE_TYPES, Directory
from pipeline.correlate.route import route
from pipeline.correlate.watermark import LEVELS
from pipeline.kit.state import PartitionState
from schemas.batch import SECOND_HOP, Attribution, Batch, Bind, Mark, Own, Recall, Use
from schemas.event import unpacked
from tests.events import at, call, issuance


class Hop:
    """One partition of the first hop; its own bindings come back to it."""

    def __init__(self, segments=()):
        self.state = PartitionState(STATE_TYPES)
        self.state.load(segments)
        self.directory = Directory(self.state, 5_000_000, 3_600_000_000, 2000)

    def feed(self, *events, recalled=False):
        items = [item for event in events for item in route(event)]
        for item in items:
            if isinstance(item, Use):
                item.recalled = recalled
        return self.give(items)

    def give(self, items):
        out = []
        while items:
            made = self.directory.apply(Batch([item for item in items if not isinstance(item, SECOND_HOP)]))
            out += [item for item in items + made if isinstance(item, Own | Recall)]
            items = [item for item in made if isinstance(item, Use | Bind)]
        return out

    def reach(self, seconds):
        levels = [at(seconds)] * LEVELS
        return self.directory.apply(Batch([], [Mark("n/x", levels, 1), Mark("p/0", levels, 1)]))


def shown(out):
    owns = [item for item in out if isinstance(item, Own)]
    return {unpacked(own.event).event_id: (own.attribution.actor, own.revision) for own in owns}


def test_a_call_whose_chain_is_known_is_passed_on_and_not_kept():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="arn:user/ben"))
    assert shown(hop.feed(call(1, "C1", "x"))) == {"call-x": ("arn:user/ben", 2)}
    assert not hop.directory.holding.holds("credential:C1")


def test_what_a_session_says_late_recalls_the_calls_and_outranks_what_was_shown():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="arn:user/ben", session_name="conv"))
    first = shown(hop.feed(call(1, "C1", "x"), call(2, "C1", "y")))
    late = Bind("session:conv", Attribution(actor="bot", actor_kind="agent", session="conv"), "prompt-a", 0)
    (recall,) = [item for item in hop.give([late]) if isinstance(item, Recall)]
    assert (recall.key, recall.events) == ("credential:C1", 2)
    again = shown(hop.feed(call(1, "C1", "x"), call(2, "C1", "y"), recalled=True))
    assert {name: actor for name, (actor, _) in again.items()} == {"call-x": "bot", "call-y": "bot"}
    assert all(again[name][1] > first[name][1] for name in again)
    # The same recall answered twice, as after a crash, says the same.
    assert shown(hop.feed(call(1, "C1", "x"), recalled=True))["call-x"] == again["call-x"]


def test_a_passed_on_event_that_comes_again_changes_nothing_and_a_forged_one_is_a_dead_letter():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="arn:user/ben"))
    event = call(1, "C1", "x", record_id="a" * 32)
    hop.feed(event)
    assert hop.feed(msgspec.structs.replace(event, record_id="b" * 32)) == []
    assert (hop.directory.duplicates, hop.directory.conflicts) == (1, [])
    assert hop.feed(msgspec.structs.replace(event, address="203.0.113.9")) == []
    (letter,) = hop.directory.conflicts
    assert b"203.0.113.9" in letter.value


def test_a_correction_replaces_what_was_passed_on_and_the_original_that_comes_late_changes_nothing():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="arn:user/ben"))
    event = call(1, "C1", "x")
    corrected = msgspec.structs.replace(event, error="corrected", attributes={"addendum": "DELIVERY_DELAY"})
    assert shown(hop.feed(event)) == {"call-x": ("arn:user/ben", 2)}
    assert shown(hop.feed(corrected)) == {"call-x": ("arn:user/ben", 3)}
    assert hop.feed(event) == []
    assert hop.directory.conflicts == []


def test_what_was_passed_on_is_known_after_a_restart():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="arn:user/ben"), *[call(n, "C1", f"{n}") for n in range(600)])
    segments, _ = hop.state.checkpoint()
    hop = Hop(segments)
    assert hop.feed(*[call(n, "C1", f"{n}") for n in range(600)]) == []
    assert hop.directory.duplicates == 600


def test_the_oldest_ids_are_forgotten(monkeypatch):
    monkeypatch.setattr("pipeline.correlate.seen.LIMIT", 512)
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="arn:user/ben"), *[call(n, "C1", f"{n}") for n in range(2000)])
    assert len(hop.state.keys("d/")) <= 3
    assert shown(hop.feed(call(0, "C1", "0"))), "told again, as it was shown before"
    assert hop.feed(call(1999, "C1", "1999")) == []


def keys(hop):
    return sorted(key for key in hop.state.keys("k/"))


def test_a_credential_is_forgotten_when_neither_it_nor_its_last_use_is_within_the_window():
    hop = Hop()
    window = 3600
    hop.feed(
        issuance(0, "C1", actor="a", issued_expires=at(1000)), issuance(0, "C2", actor="a", issued_expires=at(9000))
    )
    hop.feed(call(10, "C1", "x"), call(10, "unseen", "y"))
    hop.reach(window + 900)
    assert {"k/credential:C1", "k/credential:C2"} <= {*keys(hop)}
    hop.reach(1000 + window + 901)
    assert keys(hop) == ["k/credential:C2"]
    hop.reach(9000 + window + 901)
    assert keys(hop) == []
    assert hop.state.keys("y/") == []


def test_a_standing_key_is_not_forgotten_nor_one_in_use():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="a"), issuance(0, "C2", actor="a", issued_expires=at(10)))
    for n in range(20):
        hop.feed(call(1000 * n, "C2", str(n)))
        hop.reach(1000 * n)
    assert keys(hop) == ["k/credential:C1", "k/credential:C2"]
