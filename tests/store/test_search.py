import pytest

from pipeline.kit.failures import Invalid
from pipeline.query import parse
from pipeline.store import search as searching
from pipeline.store.aliases import alias
from pipeline.store.amounts import count, histogram
from pipeline.store.limits import Limits, TooMuch
from pipeline.store.points import points
from pipeline.store.risk import BANDS, Risk, risks
from pipeline.store.search import Scope, search
from pipeline.store.values import values
from schemas.event import Argument
from tests.query.trees import HOSTILE
from tests.store.entries import entry
from tests.store.findings import finding, risk_of


def ids(page):
    return [one.event.event_id for one in page.entries]


def test_only_the_current_revision_counts_both_ways(store):
    store.write_entries([entry(f"e{n}", n, actor="old") for n in range(30)])
    store.write_entries([entry(f"e{n}", n, actor="new", revision=1) for n in range(0, 30, 2)])
    for text in ("actor:old", "actor:o*", "-actor:new", "getobject actor:old"):
        for latest_first in (True, False):
            found = ids(search(store, parse(text), limit=4, latest_first=latest_first))
            assert found == ([f"e{n}" for n in (29, 27, 25, 23)] if latest_first else [f"e{n}" for n in (1, 3, 5, 7)])
        assert count(store, parse(text)) == (15, False)
        assert points(store, parse(text), limit=3).total == (15, False)


def test_what_is_rare_among_the_entries_of_an_actor_is_found(store, monkeypatch):
    monkeypatch.setattr(searching, "_FEW", 50)
    store.write_entries([entry(f"e{n:04}", n, outcome="denied" if n % 97 == 0 else "success") for n in range(600)])
    wanted = [f"e{n:04}" for n in range(0, 600, 97)]
    assert ids(search(store, parse("actor:bot outcome:denied"), limit=3, latest_first=False)) == wanted[:3]
    assert ids(search(store, parse("actor:bot outcome:denied"), limit=100)) == wanted[::-1]


def test_names_of_an_identity_are_asked_for_together_unless_exact(store):
    store.write_entries([entry("a", 1, actor="ana@example.com"), entry("b", 2, actor="ana-laptop")])
    alias(store, "ana-laptop", "ana@example.com", "the same", "ben")
    page = search(store, parse("actor:ana@example.com"))
    assert ids(page) == ["b", "a"]
    assert [one.name for one in page.names] == ["ana-laptop"]
    assert ids(search(store, parse("actor:ana-laptop or x"))) == ["b", "a"]
    assert ids(search(store, parse("actor:ana@example.com"), scope=Scope(exact=True))) == ["a"]


def test_risk_is_of_the_worst_finding_that_stands(store):
    store.write_entries([entry(f"e{n}", n) for n in range(4)])
    store.write_findings([
        finding("high", severity="high", score=1.0, entries=["e1", "e2"]),
        finding("low", severity="low", score=0.0, entries=["e2", "e3", "e3"]),
    ])  # fmt: skip
    high, low = risk_of("high", 1.0), risk_of("low", 0.0)
    assert risks(store, ["e0", "e1", "e2", "e3"]) == {
        "e1": Risk(high, ("high",)), "e2": Risk(high, ("high", "low")), "e3": Risk(low, ("low",)),
    }  # fmt: skip
    store.write_findings([finding("high", severity="high", revision=1, suppressed="known", entries=["e1", "e2"])])
    assert risks(store, ["e1", "e2"]) == {"e2": Risk(low, ("low",))}
    assert ids(search(store, parse("risk:>0.8"))) == []
    store.write_findings([finding("high", severity="medium", revision=2, score=0.0, entries=["e0"])])
    assert risks(store, ["e0", "e1", "e2"]) == {
        "e0": Risk(risk_of("medium", 0.0), ("high",)),
        "e2": Risk(low, ("low",)),
    }
    store.write_findings([finding("low", severity="low", revision=1, retracted=True, entries=["e2", "e3"])])
    assert risks(store, ["e1", "e2", "e3"]) == {}
    assert ids(search(store, parse("has:risk"))) == ["e0"]
    assert ids(search(store, parse("risk:<0.1"))) == ["e3", "e2", "e1"]


def test_bands_do_not_touch_and_rise_with_severity():
    edges = [edge for band in BANDS.values() for edge in band]
    assert edges == sorted(set(edges))
    for name, (low, high) in BANDS.items():
        assert (risk_of(name, 0), risk_of(name, 1)) == (low, high)
    assert risk_of("high", float("nan")) == BANDS["high"][0]
    assert risk_of("low", 7.0) == BANDS["low"][1]


def test_findings_of_an_older_store_give_their_entries_a_risk(store):
    store.command("DROP TABLE findings_to_evidence")
    store.command("DROP TABLE finding_evidence")
    store.write_entries([entry("e1")])
    store.write_findings([finding("f", severity="low", score=0.0, entries=["e1"])])
    assert risks(store, ["e1"]) == {"e1": Risk(risk_of("low", 0.0), ("f",))}


@pytest.mark.parametrize(
    ("limits", "said"), [(Limits(rows=10), "reads more than 10 rows"), (Limits(seconds=0.001), "takes longer than")]
)
def test_a_question_that_costs_too_much_says_how_to_narrow_it(store, limits, said):
    store.write_entries([entry(f"e{n}", n) for n in range(5000)])
    for ask in (search, count, histogram, points):
        with pytest.raises(TooMuch, match=said) as caught:
            ask(store, parse("nothing error:*x*y*z*"), scope=Scope(limits=limits))
        assert "since:" in str(caught.value)


def test_without_the_right_contents_are_not_looked_into(store):
    store.write_entries([entry("a", text="the secret", arguments=[Argument("p", "hidden")])])
    blind = Scope(content=False)
    for word in ("secret", "hidden"):
        assert ids(search(store, parse(word))) == ["a"]
        assert ids(search(store, parse(word), scope=blind)) == []
    with pytest.raises(Invalid, match="text: at column 3"):
        search(store, parse("a text:secret"), scope=blind)


def test_a_histogram_covers_the_time_that_is_named_in_bins_that_people_can_read(store):
    store.write_entries([entry(f"e{n}", n * 60) for n in range(120)])
    told = histogram(store, parse("actor:bot"), 10)
    assert told.width == 900_000_000
    assert told.start % told.width == 0
    assert sum(told.counts) == 120
    assert histogram(store, parse("actor:nobody")).counts == []
    asked = parse("since:2023-11-14T22:00Z until:2023-11-15T00:00Z")
    told = histogram(store, asked, 4)
    assert (told.width, len(told.counts)) == (1_800_000_000, 4)
    assert sum(told.counts) == 107


def test_values_come_from_the_inventory_and_the_latest_entries(store):
    store.write_entries([
        entry("a", 1, actor="bot", session="s1", credential="aws:K", tool="send_mail", resources=["doc"]),
        entry("b", 2, actor="Robot", human="ana", address="10.0.0.1"),
    ])  # fmt: skip
    store.write_findings([finding("f", entries=["a"])])
    found = {field: values(store, field, prefix) for field, prefix in {
        "actor": "bo", "human": "an", "session": "", "credential": "AWS", "tool": "mail", "action": "s3",
        "resource": "d",
        "address": "10.", "detection": "tool", "text": "", "risk": "", "nothing": "",
    }.items()}  # fmt: skip
    assert found == {
        "actor": ["bot", "Robot"], "human": ["ana"], "session": ["s1"], "credential": ["aws:K"], "tool": ["send_mail"],
        "action": ["s3:GetObject"], "resource": ["doc"], "address": ["10.0.0.1"], "detection": ["tool-chain-drift"],
        "text": [], "risk": [], "nothing": [],
    }  # fmt: skip
    for hostile in HOSTILE:
        assert values(store, "actor", hostile) == [one for one in ("Robot", "bot") if hostile in one]


@pytest.mark.parametrize("latest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_page_whose_time_is_up_says_how_far_it_came_and_the_next_goes_on(store, latest_first, limit):
    day = 86_400
    wanted = {f"e{number}" for number in range(0, 40, 2)}
    rows = [entry(f"e{number}", number * day * 3, tool="odd" if number % 2 else "even") for number in range(40)]
    # What was revised away is among the candidates, and is not shown.
    store.write_entries([*rows, entry("gone", 7 * day, tool="even"), entry("gone", 7 * day, revision=1, tool="odd")])
    found, after, unfinished = [], None, 0
    for _ in range(300):
        page = search(
            store, parse("tool:ev*"), after=after, limit=limit, latest_first=latest_first,
            scope=Scope(limits=Limits(page=0.0)),
        )  # fmt: skip
        found += ids(page)
        unfinished += page.looked is not None
        after = page.next
        if after is None:
            break
    assert found == sorted(wanted, key=lambda name: int(name[1:]), reverse=latest_first)
    assert unfinished > 0
    assert ids(search(store, parse("tool:ev*"), latest_first=latest_first)) == found


def test_an_actors_page_is_never_left_unfinished(store):
    store.write_entries([entry(f"e{number}", number * 9 * 86_400) for number in range(9)])
    page = search(store, parse("actor:bot"), scope=Scope(limits=Limits(page=0.0)))
    assert (len(page.entries), page.next, page.looked) == (9, None, None)


@pytest.mark.parametrize("latest_first", [True, False])
@pytest.mark.parametrize("query", ["", "actor:bot", "tool:even"])
def test_points_are_the_first_ones_whatever_was_revised_among_them(store, latest_first, query):
    rows = [entry(f"e{number:03}", number, tool="even") for number in range(60)]
    # Three revisions of each of the last and the first rows: as rows they are more than the points that are wanted.
    revised = [
        entry(f"e{number:03}", number, revision=n, tool="even")
        for number in (*range(20), *range(40, 60))
        for n in (1, 2, 3)
    ]
    away = [entry(f"e{number:03}", number, revision=4, tool="odd", actor="x") for number in (0, 59)]
    for block in (rows, revised, away):
        store.write_entries(block)
    store.write_findings([finding("f", entries=["e030", "e058", "e001"], severity="critical")])
    drawn = points(store, parse(query), limit=10, latest_first=latest_first)
    whole = ids(search(store, parse(query), limit=10, latest_first=latest_first))
    assert drawn.event_id == whole
    assert len({len(column) for column in drawn[:-1]}) == 1
    risky = {name for name, risk in zip(drawn.event_id, drawn.risk, strict=True) if risk > 0.9}
    assert risky == {"e058", "e001"} & set(whole)
    assert drawn.total.amount == len(search(store, parse(query), limit=100).entries)
