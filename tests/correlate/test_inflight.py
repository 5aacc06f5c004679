"""Which tool call made a request: by time, by what both name, by what is usual; and how sure that is."""

import pytest

from pipeline.correlate.inflight import CERTAIN, Calls, Model, Request, learn, weigh
from schemas.batch import Call
from tests.events import SECOND, at

NOTHING = Model()


def call(start, end, *mentions, tool="read", **more):
    return Call(
        "s", tool=tool, start=at(start), end=at(end), start_event=f"{tool}-{start}", mentions=list(mentions), **more
    )


def request(seconds, *mentions, action="s3:GetObject", address="192.0.2.1"):
    return Request(at(seconds), action, address, list(mentions))


def best(calls, asked, model=NOTHING, **more):
    found = weigh(Calls(calls), asked, model, **more)
    return (found[0][1], found[0][0]) if found else ("", 0.0)


def test_the_only_call_that_was_open_is_the_cause():
    name, chance = best({"a": call(0, 3), "b": call(60, 63)}, request(1))
    assert name == "a"
    assert chance > CERTAIN


def test_of_two_open_at_once_the_one_that_names_the_same_thing():
    calls = {"a": call(0, 4, 7), "b": call(0, 4, 8)}
    name, chance = best(calls, request(2, 8))
    assert name == "b"
    assert chance > CERTAIN
    assert abs(best(calls, request(2))[1] - 0.5) < 0.01, "nothing tells them apart"


def test_what_was_started_and_not_waited_for_is_found_by_its_name_and_not_without():
    calls = {"a": call(0, 1, 7)}
    assert best(calls, request(12, 7))[0] == "a"
    assert best(calls, request(12, 7))[1] > 0.5 > best(calls, request(12, 9))[1]


def test_what_nobody_was_open_for_has_no_cause():
    assert best({"a": call(0, 1)}, request(200)) == ("", 0.0)
    assert best({"a": call(100, 101)}, request(1)) == ("", 0.0)


def test_a_call_within_a_call_is_likelier_than_the_outer_one():
    name, chance = best({"outer": call(0, 20, outer=True), "inner": call(5, 7)}, request(6))
    assert name == "inner"
    assert chance > CERTAIN


def test_the_habits_of_a_tool_decide_where_nothing_else_does():
    calls = {f"w{n}": call(20 * n, 20 * n + 2, tool="write") for n in range(4)}
    calls |= {f"r{n}": call(20 * n + 10, 20 * n + 12, tool="read") for n in range(4)}
    certain = [request(20 * n + 1, action="kms:GenerateDataKey") for n in range(4)]
    certain += [request(20 * n + 11, action="s3:GetObject") for n in range(4)]
    model = learn(Calls(calls), certain)
    both = {"w": call(100, 103, tool="write"), "r": call(100, 103, tool="read")}
    assert best(both, request(101, action="kms:GenerateDataKey"), model)[0] == "w"
    assert best(both, request(101, action="s3:GetObject"), model)[0] == "r"


@pytest.mark.parametrize("error", [-3, 3])
def test_a_wrong_clock_is_seen_in_what_is_sure(error):
    calls = {f"c{n}": call(10 * n + error, 10 * n + error + 1.5, n + 1) for n in range(6)}
    model = learn(Calls(calls), [request(10 * n, n + 1) for n in range(6)])
    assert abs(model.offset - error * SECOND) <= 1.5 * SECOND
    assert best(calls, request(30), model)[1] > best(calls, request(30))[1]


def test_a_request_from_elsewhere_is_hardly_a_call_of_this_session():
    calls = {f"c{n}": call(10 * n, 10 * n + 3, n + 1) for n in range(4)}
    model = learn(Calls(calls), [request(10 * n + 1, n + 1) for n in range(4)])
    assert model.addresses == ["192.0.2.1"]
    assert best(calls, request(11), model)[1] > CERTAIN
    assert best(calls, request(11, address="203.0.113.9"), model)[1] < 0.5


def test_the_order_of_what_is_known_changes_nothing():
    calls = {f"c{n}": call(3 * n, 3 * n + 4, n % 3) for n in range(8)}
    asked = [request(3 * n + 1, n % 3) for n in range(8)]
    turned = Calls(dict(reversed(list(calls.items()))))
    assert learn(Calls(calls), asked) == learn(turned, list(reversed(asked)))
    assert all(weigh(Calls(calls), one, NOTHING) == weigh(turned, one, NOTHING) for one in asked)


def test_with_a_shared_credential_a_session_that_has_its_own_is_hardly_meant():
    calls = {"own": call(0, 3, 7, own=True), "none": call(0, 3, 7)}
    name, chance = best(calls, request(1, 7), shared_credential=True)
    assert name == "none"
    assert chance > CERTAIN
