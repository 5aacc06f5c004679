"""Several agents behind one credential, whose issuance nobody saw."""

import itertools

from pipeline.correlate.directory import STATE_TYPES, Directory
from pipeline.correlate.route import route
from pipeline.kit.state import PartitionState
from schemas.batch import SECOND_HOP, Ask, Batch, Call, Heard, Mark, Recall
from tests.correlate.test_chains import current, engine
from tests.correlate.test_recall import Hop
from tests.events import at, call, issuance, prompt, tool

THIS, THAT, KEY = (1 << 62 | number for number in (7, 8, 9))


def story():
    return [
        prompt(0, "conv-a", "a", actor="bot-a", human="ana@example.com"),
        prompt(0, "conv-b", "b", actor="bot-b", human="ben@example.com"),
        tool(1, "conv-a", "ta", actor="bot-a", mentions=[THIS]), tool(4, "conv-a", "ta", "end", actor="bot-a"),
        tool(1, "conv-b", "tb", actor="bot-b", mentions=[THAT]), tool(4, "conv-b", "tb", "end", actor="bot-b"),
        call(2, "aws:AKIASHARED", "x", mentions=[THIS]), call(3, "aws:AKIASHARED", "y", mentions=[THAT]),
    ]  # fmt: skip


def test_each_request_is_its_agents_in_any_order():
    for events in itertools.islice(itertools.permutations(story()), 0, 40_320, 997):
        rows = current(engine(), list(events))
        assert (rows["call-x"].actor, rows["call-x"].tool_call, rows["call-x"].prompt_event) == (
            "bot-a",
            "ta",
            "prompt-a",
        )
        assert (rows["call-y"].actor, rows["call-y"].human, rows["call-y"].session) == (
            "bot-b",
            "ben@example.com",
            "conv-b",
        )
        assert {link.method for link in rows["call-x"].links if link.target != "prompt"} == {"in-flight"}
        assert rows["call-x"].credential_chain == ["aws:AKIASHARED"]


def test_what_two_may_have_done_is_nobodys_and_names_both():
    rows = current(engine(), [*story(), call(2, "aws:AKIASHARED", "z", mentions=[KEY])])
    link = next(link for link in rows["call-z"].links if link.target == "session")
    assert not rows["call-z"].session
    assert link.confidence < 0.5
    assert {*link.candidates} == {"conv-a", "conv-b"}
    actor = next(link for link in rows["call-z"].links if link.target == "actor")
    assert (actor.method, {*actor.candidates}) == ("identity", {"bot-a", "bot-b"})
    assert actor.confidence < 0.5


def test_a_person_at_work_is_not_asked_for():
    bound = [issuance(0, "C1", actor="saml/ana", human="ana"), call(2, "C1", "x", mentions=[THIS])]
    rows = current(engine(), [*story()[:6], *bound])
    assert rows["call-x"].actor == "saml/ana"


def test_a_request_that_was_passed_on_comes_again_for_a_call_that_is_late():
    hop = Hop()
    hop.feed(issuance(0, "C1", actor="workload"))
    hop.feed(call(2, "C1", "x", mentions=[THIS]))
    heard = Heard("credential:C1", "value:7", "ta", tool_call(), near=True)
    recalls = [item for item in hop.give([heard]) if isinstance(item, Recall)]
    (recall,) = recalls
    assert (recall.key, recall.events) == ("credential:C1", 1)
    assert recall.span[0] <= at(2) <= recall.span[1]
    out = hop.feed(call(2, "C1", "x", mentions=[THIS]), recalled=True)
    assert [item.attribution.session for item in out if isinstance(item, SECOND_HOP)] == ["conv-a"]


def test_what_values_were_told_is_forgotten():
    state = PartitionState(STATE_TYPES)
    directory = Directory(state, 5_000_000, 3_600_000_000, 2000)
    for n in range(600):
        directory.apply(Batch([Ask(f"value:{n}", "credential:K", at(n))]))
    assert len(state.keys("v/")) == 600
    levels = [at(100_000)] * 8
    directory.apply(Batch([], [Mark("n/x", levels, 1), Mark("p/0", levels, 1)]))
    assert state.keys("v/") == state.keys("x/") == []


def tool_call():
    return Call(
        "conv-a", tool="read", start=at(1), end=at(4), start_event="tool-ta-start", actor="bot-a", mentions=[THIS]
    )


def test_only_what_names_something_asks():
    (use,) = route(call(2, "aws:AKIASHARED", "x", mentions=[THIS]))
    assert use.names == THIS
    (use,) = route(call(2, "aws:AKIASHARED", "x"))
    assert use.names == 0


def test_a_crew_of_any_size_is_remembered_while_its_requests_may_come():
    story = [prompt(0, "conv-a", "a", actor="bot-a", human="ana@example.com")]
    story += [tool(2 * n, "conv-a", f"t{n}", actor="bot-a", mentions=[1 << 62 | 100 + n]) for n in range(700)]
    story += [tool(2 * n + 1, "conv-a", f"t{n}", "end", actor="bot-a") for n in range(700)]
    late = [call(2 * n, "aws:AKIASHARED", f"{n}", mentions=[1 << 62 | 100 + n]) for n in range(700)]
    rows = current(engine(), story + late)
    assert {rows[f"call-{n}"].tool_call for n in range(700)} == {f"t{n}" for n in range(700)}
