"""Entries of a session become a tree: each act once, under what its own links name, and nothing else."""

from pipeline.console.pages.scale import WIDTH
from pipeline.console.pages.waterfall import waterfall
from schemas.entry import Entry, Link
from schemas.event import Event
from tests.store.entries import START

SECOND = 1_000_000


def act(name: str, kind: str, seconds: float = 0, *, links=(), found=None, **said) -> Entry:
    event = Event(event_id=name, kind=kind, time=START + int(seconds * SECOND), format="test", session="s", **said)
    return Entry(event=event, session="s", links=list(links), **(found or {}))


def prompt(name, seconds=0, **more):
    return act(name, "prompt", seconds, **more)


def call(name, seconds=0, prompt="", **said):
    links = [Link("prompt", "trace", 0.8)] if prompt else []
    return act(name, "tool_call", seconds, links=links, found={"prompt_event": prompt}, **said)


def request(name, seconds=0, *, call="", call_event="", sure=0.7, **said):
    links = [Link("actor", "credential", 0.9), Link("tool_call", "in-flight", sure)]
    return act(
        name, "cloud_audit", seconds, links=links, found={"tool_call": call, "tool_call_event": call_event}, **said
    )


def tree(entries) -> list[tuple[str, int]]:
    return [(row.entry["event_id"], row.depth) for row in waterfall(entries).rows]


def test_nothing_is_a_waterfall_of_nothing():
    assert waterfall([]) == ([], [])


def test_a_prompt_caused_a_call_and_a_call_a_request():
    entries = [prompt("p"), call("c", 1, "p", tool_call="t1"), request("r", 2, call="t1", call_event="c"),
               prompt("q", 3), request("stray", 4)]  # fmt: skip
    assert tree(entries) == [("p", 0), ("c", 1), ("r", 2), ("q", 0), ("stray", 0)]
    rows = {row.entry["event_id"]: row for row in waterfall(entries).rows}
    assert [rows[name].lane for name in "pcr"] == ["human", "agent", "cloud"]
    assert (rows["c"].because, rows["c"].sure) == ("trace", 0.8)
    assert (rows["r"].because, rows["r"].sure) == ("in-flight", 0.7)
    assert (rows["stray"].because, rows["stray"].sure) == ("", 0.0)


def test_what_comes_after_a_later_cause_stands_under_its_own():
    entries = [prompt("p"), call("a", 1, "p", tool_call="a"), call("b", 2, "p", tool_call="b"),
               request("of a", 3, call="a"), request("of b", 4, call="b")]  # fmt: skip
    assert tree(entries) == [("p", 0), ("a", 1), ("of a", 2), ("b", 1), ("of b", 2)]


def test_a_call_that_is_reported_twice_is_one_row_as_long_as_both():
    entries = [call("start", 0, tool_call="t", phase="start"), request("r", 1, call="t", call_event="end"),
               call("end", 4, tool_call="t", phase="end")]  # fmt: skip
    assert tree(entries) == [("start", 0), ("r", 1)]
    first, second = waterfall(entries).rows
    assert (first.took, second.took) == (4 * SECOND, 0)
    assert (first.at, first.long) == (0, WIDTH)


def test_calls_of_other_sessions_end_when_those_say():
    theirs = call("theirs", 9, tool_call="t", phase="end")
    theirs.event.session = "another"
    rows = waterfall([call("mine", 0, tool_call="t", phase="start"), theirs]).rows
    assert [(row.entry["event_id"], row.took) for row in rows] == [("mine", 0), ("theirs", 0)]


def test_an_act_lasts_as_long_as_it_states_and_never_less_than_nothing():
    ends = {"later": START + 5 * SECOND, "earlier": START - SECOND, "no number": "soon", "arabic": "١٢", "": ""}
    entries = [call(name or "none", attributes={"end_time": str(end)}) for name, end in ends.items()]
    assert [row.took for row in waterfall(entries).rows] == [5 * SECOND, 0, 0, 0, 0]


def test_an_end_that_is_forged_makes_no_dot_of_everything_else():
    entries = [call("forged", attributes={"end_time": "9" * 17}), call("a", 0), call("b", 43_200)]
    rows = {row.entry["event_id"]: row for row in waterfall(entries).rows}
    assert rows["b"].at > WIDTH / 5
    assert rows["forged"].at + rows["forged"].long <= WIDTH


def test_without_a_call_a_request_hangs_on_the_issuance_of_its_credential():
    minted = act("i", "token_issuance", 1, issued="k2", credential="k1")
    entries = [minted, request("used", 2, credential="k2"), request("other", 3, credential="k1"),
               call("c", 4, tool_call="t"), request("explained", 5, credential="k2", call="t")]  # fmt: skip
    assert tree(entries) == [("i", 0), ("used", 1), ("other", 0), ("c", 0), ("explained", 1)]
    used = waterfall(entries).rows[1]
    assert (used.because, used.sure) == ("credential", 0.9)
    assert waterfall(entries).rows[0].lane == "credential"


def test_a_call_without_an_id_is_the_cause_of_nothing():
    assert tree([call("c"), request("r", 1), prompt("p", 2)]) == [("c", 0), ("r", 0), ("p", 0)]


def test_a_cause_that_is_not_on_the_page_leaves_a_root():
    assert tree([call("c", 1, "elsewhere", tool_call="t"), request("r", 2, call="u", call_event="gone")]) == [
        ("c", 0), ("r", 0),
    ]  # fmt: skip


def test_circles_of_forged_logs_show_each_act_once():
    one = act("one", "token_issuance", 0, issued="k1", credential="k2")
    two = act("two", "token_issuance", 1, issued="k2", credential="k1")
    itself = act("itself", "token_issuance", 2, issued="k3", credential="k3")
    apart = call("apart", 3, "apart", tool_call="t")
    assert tree([one, two, itself, apart]) == [("itself", 0), ("apart", 0), ("one", 0), ("two", 1)]


def test_what_nests_too_deeply_stands_as_deep_as_can_be_shown():
    chain = [act(f"i{number}", "token_issuance", number, issued=f"k{number + 1}", credential=f"k{number}")
             for number in range(2000)]  # fmt: skip
    depths = [depth for _, depth in tree(chain)]
    assert depths[:8] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert max(depths) == 6
    assert len(depths) == 2000


def test_a_long_silence_is_folded():
    drawn = waterfall([prompt("p"), prompt("q", 1), prompt("r", 90_000)])
    assert [fold.lasts for fold in drawn.folds] == [89_999 * SECOND]
    assert drawn.rows[1].at > WIDTH * 0.9
