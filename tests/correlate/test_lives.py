"""Until when a credential is good and since when it is revoked, as every event that used it says."""

import itertools

import msgspec
import pytest

from pipeline.correlate import lives
from pipeline.correlate.route import route
from schemas.batch import Recall, Turn
from schemas.event import unpacked
from tests.correlate.test_chains import current, engine
from tests.correlate.test_recall import Hop, keys
from tests.events import at, call, issuance, tool


def turn(seconds, name, credential="C1", what="revokes", **more):
    return call(seconds, "admin", name, attributes={what: credential}, outcome="success", **more)


def revoked(rows):
    return {name: row.credential_revoked for name, row in rows.items() if name.startswith("call-x")}


def test_a_use_after_the_revocation_says_since_when_and_others_do_not():
    uses = [call(seconds, "C1", f"x{seconds}") for seconds in (9, 10, 11, 500)]
    expected = {"call-x9": 0, "call-x10": 0, "call-x11": at(10), "call-x500": at(10)}
    for events in itertools.permutations([*uses, turn(10, "t")]):
        rows = current(engine(), events)
        assert revoked(rows) == expected
        assert rows["call-t"].credential_revoked == 0


def test_what_is_restored_is_good_again_until_it_is_revoked_anew():
    turns = [turn(10, "a"), turn(20, "b", what="restores"), turn(30, "c"), turn(35, "d")]
    uses = [call(seconds, "C1", f"x{seconds}") for seconds in (15, 20, 25, 31, 40)]
    expected = {"call-x15": at(10), "call-x20": 0, "call-x25": 0, "call-x31": at(30), "call-x40": at(35)}
    for events in ([*turns, *uses], [*uses, *reversed(turns)], [*turns[2:], *uses, *turns[:2]]):
        assert revoked(current(engine(), events)) == expected


def test_what_came_last_of_one_moment_is_not_guessed_to_be_the_revocation():
    both = [turn(10, "a"), turn(10, "b", what="restores")]
    for events in ([*both, call(11, "C1", "x")], [call(11, "C1", "x"), *reversed(both)]):
        assert revoked(current(engine(), events)) == {"call-x": 0}


def test_an_event_may_revoke_several_and_one_that_failed_none():
    uses = [call(20, "C1", "x1"), call(20, "C2", "x2")]
    assert revoked(current(engine(), [turn(10, "a", "C1\nC2"), *uses])) == {"call-x1": at(10), "call-x2": at(10)}
    denied = msgspec.structs.replace(turn(10, "a"), outcome="denied")
    told = tool(10, "s", "t", attributes={"revokes": "C1"})
    assert revoked(current(engine(), [denied, told, *uses])) == {"call-x1": 0, "call-x2": 0}


def test_the_expiry_is_that_of_the_issuance_however_late_that_comes():
    granted = issuance(0, "C1", actor="ben", issued_expires=at(60))
    for events in ([granted, call(90, "C1", "x")], [call(90, "C1", "x"), granted]):
        assert current(engine(), events)["call-x"].credential_expires == at(60)
    assert current(engine(), [call(90, "C1", "x")])["call-x"].credential_expires == 0


def test_an_event_of_a_trace_keeps_what_its_credential_says():
    events = [issuance(0, "C1", issued_expires=at(60)), turn(10, "t"), call(90, "C1", "x", trace="t1")]
    for order in itertools.permutations(events):
        row = current(engine(), order)["call-x"]
        assert (row.credential_expires, row.credential_revoked) == (at(60), at(10))


def test_a_renewal_moves_the_expiry_of_what_comes_after_it():
    granted = issuance(0, "C1", actor="ben", issued_expires=at(60))
    renewal = turn(50, "r", what="renews", issued_expires=at(110))
    again = msgspec.structs.replace(granted, event_id="again", time=at(100), issued_expires=at(160))
    uses = [call(seconds, "C1", f"x{seconds}") for seconds in (40, 70, 120)]
    expected = {"call-x40": at(60), "call-x70": at(110), "call-x120": at(160)}
    for events in itertools.permutations([granted, renewal, again, *uses]):
        rows = current(engine(), events)
        assert {name: rows[name].credential_expires for name in expected} == expected
    rows = current(engine(), [renewal, *uses])
    assert [rows[name].credential_expires for name in expected] == [0, at(110), at(110)]


def test_a_correction_replaces_what_it_corrects():
    corrected = turn(20, "t")
    corrected.attributes["addendum"] = "correction"
    for events in ([turn(10, "t"), corrected], [corrected, turn(10, "t")]):
        assert revoked(current(engine(), [*events, call(15, "C1", "x")])) == {"call-x": 0}
        assert revoked(current(engine(), [*events, call(25, "C1", "x")])) == {"call-x": at(20)}


def recalled(out):
    return [item for item in out if isinstance(item, Recall)]


def dated(out):
    return {
        unpacked(item.event).event_id: (item.attribution.credential_revoked, item.revision)
        for item in out
        if not isinstance(item, Recall)
    }


def test_what_is_no_longer_kept_comes_again_if_it_was_after_the_revocation():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="ben"))
    first = dated(hop.feed(call(1, "C1", "x"), call(100, "C1", "y")))
    (recall,) = recalled(hop.feed(turn(90, "t")))
    assert (recall.key, recall.events) == ("credential:C1", 1)
    assert recall.span[0] > at(1)
    again = dated(hop.feed(call(100, "C1", "y"), recalled=True))
    assert again["call-y"][0] == at(90)
    assert again["call-y"][1] > first["call-y"][1]
    assert recalled(hop.feed(turn(90, "t"))) == [], "it is known already"
    assert recalled(hop.feed(turn(95, "u"))) != []


def test_a_turn_that_is_told_in_time_looks_at_nothing_again():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="ben", issued_expires=at(60)), call(1, "C1", "x"), call(2, "C1", "y"))
    out = hop.feed(turn(2, "r", what="renews", issued_expires=at(90)), turn(3, "t"))
    assert dated(out).keys() <= {"call-r", "call-t"}
    assert recalled(out) == []
    assert dated(hop.feed(call(4, "C1", "z")))["call-z"][0] == at(3)


def test_of_a_busy_credential_whatever_cannot_be_counted_by_its_time_comes_again():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="ben"), *[call(60 * n, "C1", f"{n}") for n in range(1, 101)])
    (recall,) = recalled(hop.feed(turn(90, "t")))
    assert (recall.events, recall.span) == (100, None)


def test_a_key_that_an_earlier_version_kept_has_no_time_of_what_it_passed_on():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="ben"), call(100, "C1", "y"))
    key = hop.directory._keys.of("credential:C1")
    earlier = msgspec.msgpack.decode(msgspec.msgpack.encode(key))[:-3]
    hop.directory._keys.put("credential:C1", msgspec.msgpack.decode(msgspec.msgpack.encode(earlier), type=type(key)))
    (recall,) = recalled(hop.feed(turn(90, "t")))
    assert recall.events == 1


def test_turns_survive_a_restart():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="ben"), turn(10, "t"))
    segments, _ = hop.state.checkpoint()
    hop = Hop(segments)
    assert dated(hop.feed(call(11, "C1", "x"))) == {"call-x": (at(10), 2)}


def test_a_revoked_credential_is_remembered_as_long_as_one_that_is_good():
    hop = Hop()
    hop.feed(turn(0, "a", "C1"), turn(0, "b", "C2"), turn(1, "c", "C2", what="restores"), turn(0, "d", "C3"))
    hop.feed(issuance(0, "C3", actor="a", issued_expires=at(9000)), issuance(0, "C4", actor="a"), turn(0, "e", "C4"))
    hop.reach(3600 + 902)
    assert keys(hop) == ["k/credential:C1", "k/credential:C3", "k/credential:C4"]
    hop.reach(9000 + 3600 + 901)
    assert keys(hop) == ["k/credential:C1", "k/credential:C4"]
    hop.feed(call(20_000, "C1", "x"))
    assert dated(hop.reach(20_100))["call-x"][0] == at(0)


def test_the_latest_turns_are_remembered_and_forgetting_one_changes_nothing_that_was_said():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="ben", issued_expires=at(100)), call(1, "C1", "x"))
    for n in range(3 * lives.REMEMBERED):
        out = hop.feed(turn(10 + n, f"r{n}", what="renews", issued_expires=at(100 + n)))
        assert recalled(out) == []
    assert recalled(hop.feed(turn(9, "late", what="renews", issued_expires=at(99)))) == []
    assert len(hop.directory._keys.of("credential:C1").turns) == lives.REMEMBERED


@pytest.mark.parametrize("stated", ["", "\n\n", "C1\n"])
def test_no_credential_is_none(stated):
    turns = [item for item in route(turn(0, "t", stated)) if isinstance(item, Turn)]
    assert [item.key for item in turns] == ["credential:C1"] * ("C1" in stated)
