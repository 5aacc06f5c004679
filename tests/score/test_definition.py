"""Definitions of detections, and the examples in them."""

from __future__ import annotations

import pytest

from pipeline.kit import safeyaml
from pipeline.kit.failures import Invalid
from pipeline.score import definition, examples
from pipeline.score.definition import Concern, Example
from pipeline.score.frameworks import catalogue
from schemas.event import Event

GOOD = """
title: A burst
why: It may be somebody else.
severity: high
family: cadence
frameworks: [ASI03, AML.T0012, T1078.004]
sentence: "{actor} did {count} things"
on: {actions: ["s3:*"], kinds: [cloud_audit]}
examples:
  found:
    - name: many
      entries:
        - {action: "s3:GetObject", actor: bot, credential: AKIA1, repeat: 3, every: 2s, resources: ["s3://b/{n}"]}
        - {action: "s3:PutObject", event.actor: arn, actor: bot, after: 1m, links: {tool_call: 0.25}}
"""


def made(text: str) -> definition.Definition:
    return definition.made(safeyaml.document(text, "a.yml"), "a.yml")


def test_a_definition_is_read_and_says_its_sentence():
    found = made(GOOD)
    assert found.say({"actor": "bot", "count": "3"}) == "bot did 3 things"
    assert found.say({"actor": "x" * 100}).endswith("… did unknown things")
    assert found.on(Event(event_id="1", kind="cloud_audit", time=1, format="f", action="S3:Get"))
    assert not found.on(Event(event_id="1", kind="cloud_audit", time=1, format="f", action="ec2:s3:x"))
    assert not found.on(Event(event_id="1", kind="prompt", time=1, format="f", action="s3:Get"))
    assert not Concern(actions=["a?c"])(Event(event_id="1", kind="prompt", time=1, format="f", action="abc"))


def test_an_example_becomes_entries():
    entries = examples.entries_of(made(GOOD).examples.found[0])
    assert [entry.event.event_id for entry in entries] == ["e1", "e2", "e3", "e4"]
    assert [(entry.event.time - examples.BEGINS) // examples.SECOND for entry in entries] == [0, 2, 4, 64]
    assert entries[2].event.resources == ["s3://b/3"]
    assert (entries[0].actor, entries[0].event.actor, entries[0].credential_chain) == ("bot", "bot", ["AKIA1"])
    assert (entries[3].actor, entries[3].event.actor) == ("bot", "arn")
    assert entries[3].links[0].target == "tool_call"
    assert entries[3].links[0].confidence == 0.25


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"actoin": "x"}, "actoin"),
        ({"repeat": 0}, "repeat"),
        ({"repeat": True}, "repeat"),
        ({"after": "soon"}, "after"),
        ({"time": "2026-03-02T08:00:00"}, "time"),
        ({"resources": "one"}, "resources"),
        ({"attributes": {"a": 1}}, "attributes"),
        ({"arguments": ["x"]}, "arguments"),
        ({"arguments": {"x": {"of": 1}}}, "arguments.x"),
        ({"links": {"tool_call": "sure"}}, "links.tool_call"),
        ({"tokens": [1]}, "tokens"),
        ({"repeat": 20_000, "action": "a"}, "20000"),
    ],
)
def test_a_wrong_entry_names_its_field(given, names):
    with pytest.raises(Invalid, match=names):
        examples.entries_of(Example(name="x", entries=[{"action": "first"}, given]))


@pytest.mark.parametrize(
    ("line", "instead", "names"),
    [
        ("severity: high", "severity: huge", "severity: expected 'low'"),
        ("title: A burst", "", "title: expected this field, which is missing"),
        ("title: A burst", "title: 5", "title: expected a valid string, got 5"),
        ("title: A burst", "titel: A burst\ntitle: a", "titel: expected no such field; known there: title"),
        ("[ASI03,", "[ASI11,", "'ASI11' is not in frameworks.yml"),
        ("{count}", "{count.__class__}", "plain name"),
        ("{count}", "{0}", "plain name"),
        ("{count}", "{count!r}", "plain name"),
        ("{count}", "{count", "braces"),
        ("family: cadence", "family: other", "family: expected 'cadence'"),
        ("kinds: [cloud_audit]", "kinds: [cloud]", "on.kinds.0: expected 'prompt'"),
    ],
)
def test_a_wrong_definition_names_file_field_and_fix(line, instead, names):
    with pytest.raises(Invalid, match=r"a\.yml: ") as caught:
        made(GOOD.replace(line, instead))
    assert names in str(caught.value)


def test_a_folder_is_read_by_the_names_of_its_files(tmp_path):
    (tmp_path / "b.yml").write_text(GOOD)
    (tmp_path / "a.yml").write_text(GOOD)
    (tmp_path / "a.py").write_text("")
    assert list(definition.load(tmp_path)) == ["a", "b"]
    (tmp_path / "Not a name.yml").write_text(GOOD)
    with pytest.raises(Invalid, match="Not a name"):
        definition.load(tmp_path)


def test_the_catalogue_has_every_framework_whole():
    ids = catalogue()
    assert {f"ASI{number:02}" for number in range(1, 11)} <= set(ids)
    assert {f"NHI{number}" for number in range(1, 11)} <= set(ids)
    assert {f"MAESTRO-L{number}" for number in range(1, 8)} <= set(ids)
    assert all(one.framework and one.name for one in ids.values())
    assert len({one.framework for one in ids.values()}) == 7


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x [1, 1]\nb: [*x, *x]", "no YAML alias"),
        ("[" * 40, "32 levels"),
        ("[" * 60_000, "nesting"),
        ("a: 1\na: 2", "'a' once"),
        ("a: !!python/object/apply:os.system [x]", "no YAML tag"),
        ("a: [", "YAML"),
        ("a: 1\n---\nb: 2", "one YAML document"),
        ("? [a]\n: b", "text as key"),
        ("a: '\x00'", "YAML"),
        ("a: \ud800", "YAML"),
        ("- a\n" * 30_000, "20000 values"),
        ("a: " + "b" * 300_000, "262144 bytes"),
    ],
)
def test_hostile_yaml_is_refused(text, says):
    with pytest.raises(Invalid, match=says):
        safeyaml.document(text, "f.yml")


def test_yaml_is_read_as_of_1_2():
    assert safeyaml.document("on: yes\nt: 2026-03-02\nn: 12\nf: 1.5\nb: true\nx: '12'\nz:\nv: 1:30", "f") == {
        "on": "yes", "t": "2026-03-02", "n": 12, "f": 1.5, "b": True, "x": "12", "z": None, "v": "1:30",
    }  # fmt: skip


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.yml").write_bytes(b"a: \xff")
    with pytest.raises(Invalid, match="UTF-8"):
        safeyaml.read(tmp_path / "a.yml")
