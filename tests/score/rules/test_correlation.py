"""Correlations: enough of something within a time, in whatever order it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kit.failures import Invalid
from pipeline.kit.state import PartitionState
from pipeline.score.rules import correlation
from pipeline.score.rules.rulebook import STATE, Rulebook
from pipeline.score.rules.sigma import Correlation
from tests.score.rules.making import book, entry, found

BASE = """
title: {name}
name: {name}
logsource: {{product: whodid}}
detection:
  selection: {{action: "{action}"}}
  condition: selection
"""
COUNTED = """
title: Many
correlation:
  type: {kind}
  rules: [{rules}]
  timespan: 10s
  group-by: [address]
  condition: {condition}
level: high
"""


def file(kind: str, condition: str, *names: str, **more: str) -> str:
    bases = [BASE.format(name=name, action=f"x:{name}") for name in names]
    text = COUNTED.format(kind=kind, rules=", ".join(names), condition=condition)
    for key, value in more.items():
        text = text.replace("  group-by", f"  {key.replace('_', '-')}: {value}\n  group-by")
    return "---".join([*bases, text])


def act(name: str, event_id: str, at: float, address: str = "192.0.2.1", **more: object):
    return entry(event_id, at, action=f"x:{name}", address=address, actor="ana", **more)


def test_enough_events_within_the_time_are_found_once(tmp_path):
    rules = book(tmp_path, many=file("event_count", "{gte: 3}", "a"))
    (match,) = found(rules, *(act("a", f"e{n}", n) for n in range(6)))
    assert (match.rule, match.group, match.score) == ("many.2", "address=192.0.2.1", 0.8)
    assert match.entries == ["e2", "e1", "e0"]
    assert match.definition.say(match.values) == "Many: 3 events, the last x:a by ana"


def test_too_few_within_the_time_are_not_found(tmp_path):
    rules = book(tmp_path, many=file("event_count", "{gte: 3}", "a"))
    assert not found(rules, *(act("a", f"e{n}", 6 * n) for n in range(6)))
    assert not found(rules, *(act("a", f"e{n}", n, address=f"192.0.2.{n}") for n in range(6)))
    assert not found(rules, *(act("a", f"e{n}", n, address="") for n in range(6)))
    assert not found(rules, *(act("b", f"e{n}", n) for n in range(6)))


def test_an_event_that_comes_again_does_not_count_again(tmp_path):
    rules = book(tmp_path, many=file("event_count", "{gte: 3}", "a"))
    assert not found(rules, *(act("a", f"e{n % 2}", n % 2) for n in range(8)))


def test_a_group_is_found_again_when_its_time_is_over(tmp_path):
    rules = book(tmp_path, many=file("event_count", "{gt: 1}", "a"))
    matches = found(rules, *(act("a", f"e{n}", n) for n in range(30)))
    assert [match.entries[0] for match in matches] == ["e1", "e12", "e23"]


def test_values_are_counted_and_not_events(tmp_path):
    rules = book(tmp_path, many=file("value_count", "{gte: 3, field: resources}", "a"))
    same = [act("a", f"s{n}", n / 10, resources=["r0"]) for n in range(50)]
    other = [act("a", f"o{n}", 6 + n, resources=[f"r{n}"]) for n in range(3)]
    assert not found(rules, *same)
    (match,) = found(rules, *same, *other)
    assert match.values["count"] == "3"
    assert match.entries[0] == "o2"


def test_rules_within_a_time_are_found_in_any_order_or_in_theirs(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "o").mkdir()
    temporal = book(tmp_path / "t", many=file("temporal", "{gte: 2}", "a", "b"))
    ordered = book(tmp_path / "o", many=file("temporal_ordered", "{gte: 2}", "a", "b"))
    right, wrong = [act("a", "1", 0), act("b", "2", 5)], [act("b", "1", 0), act("a", "2", 5)]
    assert found(temporal, *right)
    assert found(temporal, *wrong)
    assert found(ordered, *right)
    assert found(ordered, *reversed(right))
    assert not found(ordered, *wrong)
    for rules in (temporal, ordered):
        assert not found(rules, act("a", "1", 0), act("b", "2", 11))
        assert not found(rules, act("a", "1", 0), act("a", "2", 1))


def test_rules_of_a_correlation_are_silent_unless_it_generates(tmp_path):
    rules = book(tmp_path, many=file("event_count", "{gte: 2}", "a", generate="true"))
    assert [match.rule for match in found(rules, act("a", "1", 0), act("a", "2", 1))] == ["many.1", "many.1", "many.2"]


def test_an_alias_names_the_field_of_each_rule(tmp_path):
    text = file("temporal", "{gte: 2}", "a", "b", aliases="{who: {a: actor, b: human}}").replace("[address]", "[who]")
    rules = book(tmp_path, many=text)
    assert found(rules, act("a", "1", 0), act("b", "2", 1, human="ana"))
    assert not found(rules, act("a", "1", 0), act("b", "2", 1, human="bob"))


def test_a_correlation_may_be_about_another(tmp_path):
    inner = file("event_count", "{gte: 2}", "a").replace("title: Many", "title: Many\nname: inner")
    outer = (
        BASE.format(name="b", action="x:b")
        + "---"
        + COUNTED.format(kind="temporal_ordered", rules="inner, b", condition="{gte: 2}")
    )
    rules = book(tmp_path, outer=outer, inner=inner)
    acts = [act("a", "1", 0), act("a", "2", 1), act("b", "3", 2)]
    assert [match.rule for match in found(rules, *acts)] == ["outer.2"]
    assert not found(rules, *acts[1:])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (file("event_count", "{lt: 3}", "a"), "gt or gte"),
        (file("event_count", "{gte: 100000}", "a"), "gt or gte"),
        (file("event_count", "{gte: 1.5}", "a"), "gt or gte"),
        (file("value_avg", "{gte: 3, field: x}", "a"), "one of event_count"),
        (file("value_count", "{gte: 3}", "a"), "without field reference"),
        (file("value_count", "{gte: 3, field: nothing}", "a"), "condition.field: nothing"),
        (file("temporal", "a and b", "a", "b"), "a mapping such as"),
        (file("temporal", "{gte: 3}", "a", "b"), "gte: 2"),
        (file("event_count", "{gte: 3}", "a").replace("[a]", "[b]"), "names or ids of Sigma rules"),
        (file("event_count", "{gte: 3}", "a").replace("[address]", "[adress]"), "group-by: adress"),
        (file("event_count", "{gte: 3}", "a").replace("10s", "soon"), "soon"),
        (
            file("event_count", "{gte: 3}", "a").replace("title: Many", "title: x\nname: c").replace("[a]", "[c]"),
            "circle",
        ),
    ],
)
def test_a_wrong_correlation_is_refused(tmp_path, text, says):
    with pytest.raises(Invalid, match=says):
        book(tmp_path, many=text)


def test_state_goes_through_a_checkpoint_and_is_swept_when_its_rule_is_gone(tmp_path):
    rules = book(tmp_path, many=file("event_count", "{gte: 3}", "a"))
    state = PartitionState(STATE)
    for number in range(2):
        rules.apply(act("a", f"e{number}", number), state)
    segments, _ = state.checkpoint()
    again = PartitionState(STATE)
    again.load(segments)
    assert rules.apply(act("a", "e2", 2), again)
    assert rules.sweep(again) == 0
    (tmp_path / "many.yml").unlink()
    rules.reload()
    assert rules.sweep(again) == 1
    assert len(again) == 0


def test_state_has_bounds_whatever_comes(tmp_path):
    rules = book(tmp_path, many=file("event_count", "{gte: 900}", "a"))
    state = PartitionState(STATE)
    for number in range(20_000):
        rules.apply(act("a", f"e{number}", 0, address=f"192.0.{number % 7000}.1"), state)
    buckets = [state.get(key, correlation.Bucket) for key in state.keys("r/")]
    assert len(buckets) <= correlation.BUCKETS
    assert max(len(bucket.groups) for bucket in buckets) <= correlation.MOST_GROUPS
    assert all(sum(len(group.seen) for group in bucket.groups.values()) <= correlation.MOST_SEEN for bucket in buckets)
    assert sum(bucket.lost for bucket in buckets)


def test_what_is_over_takes_no_place(tmp_path):
    rules = book(tmp_path, many=file("event_count", "{gte: 3}", "a"))
    state = PartitionState(STATE)
    for number in range(3000):
        rules.apply(act("a", f"e{number}", 60 * number, address=f"192.0.2.{number % 250}"), state)
    buckets = [state.get(key, correlation.Bucket) for key in state.keys("r/")]
    assert sum(len(bucket.groups) for bucket in buckets) <= correlation.BUCKETS


SPAN = 10
# An event that is late by a timespan finds all that it counts with.
moments = st.lists(st.tuples(st.integers(0, 2 * SPAN), st.integers(0, 2)), min_size=1, max_size=14)


def plain(kind: str, acts: list[tuple[int, int]], least: int) -> bool:
    """Whether any window of SPAN has enough, read from the definition."""
    numbered = sorted((at, number, value) for number, (at, value) in enumerate(acts))
    for begin, *_ in numbered:
        inside = [(number, value) for at, number, value in numbered if begin <= at <= begin + SPAN]
        if kind == "temporal_ordered":
            wanted = 0
            for _, value in inside:
                wanted += value == wanted
            if wanted == least:
                return True
        elif len({one[0] if kind == "event_count" else one[1] for one in inside}) >= least:
            return True
    return False


@settings(max_examples=300, deadline=None)
@given(st.data(), moments, st.sampled_from(["event_count", "value_count", "temporal", "temporal_ordered"]))
def test_the_order_of_arrival_does_not_matter(data, acts, kind):
    least = 3 if kind != "event_count" else data.draw(st.integers(1, 4))
    said = Correlation("c", None, (), kind, ("a", "b", "c"), SPAN * 1_000_000, (), {}, least, (), False)
    asked = {"abc"[place]: [correlation.Asked(place, (), ())] for place in range(3)}
    correlator = correlation.Correlator(said, asked)
    state = PartitionState(STATE)
    found_any = False
    for number in data.draw(st.permutations(range(len(acts)))):
        at, value = acts[number]
        one = act("x", f"e{number:02}", at)
        rule = "abc"[value] if kind.startswith("temporal") else "a"
        if kind == "value_count":
            getter = correlation.Getter(lambda _, value=value: (str(value),))
            correlator.asked["a"] = [correlation.Asked(0, (), (getter,))]
        found_any = correlator.take(state, one, rule) is not None or found_any
        # What came before may come again.
        assert correlator.take(state, one, rule) is None
    assert found_any is plain(kind, acts, least)


def test_ten_thousand_rules_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.score.rules.rulebook.MOST_RULES", 2)
    for number in range(3):
        (tmp_path / f"r{number}.yml").write_text(BASE.format(name=f"n{number}", action="x"))
    with pytest.raises(Invalid, match="at most 2 rules"):
        Rulebook.load(tmp_path)
