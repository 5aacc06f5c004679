"""What each format says of itself is true of its example, and the pages written from it are current."""

import json
import re

import pytest

from pipeline.normalize.formats import FORMATS, detect
from pipeline.normalize.okta_system_log import Entry
from pipeline.normalize.source import LINKS, Source, fields
from pipeline.normalize.stage import process
from pipeline.normalize.strange import Known
from pipeline.run import source_pages
from pipeline.sources.detect import topic_of
from schemas.event import UNKNOWN
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, example, reason
from tests.normalize.test_okta_system_log import GRANT, LOGIN

NAMES = sorted(FORMATS)
TOPICS = {
    "token_issuance": "token-issuance", "cloud_audit": "cloud-audit", "prompt": "prompts", "tool_call": "tool-calls",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_pages_and_events_of_examples_are_what_make_schemas_writes(name):
    for path, text in source_pages.files(name).items():
        assert path.read_text(encoding="utf-8") == text, "run `make schemas`"


def test_the_index_of_pages_is_what_make_schemas_writes():
    assert (source_pages.PAGES / "README.md").read_text(encoding="utf-8") == source_pages.index(), "run `make schemas`"


def test_no_page_and_no_example_of_a_format_that_is_no_more():
    written = {path.stem for path in source_pages.PAGES.glob("*.md")} - {"README"}
    assert written == set(FORMATS)
    pairs = {path.name.removesuffix(".events.json") for path in source_pages.EXAMPLES.glob("*.events.json")}
    assert pairs == set(FORMATS)


@pytest.mark.parametrize("name", NAMES)
def test_a_format_states_in_its_example_what_it_says_it_states_and_nothing_that_it_never_states(name):
    found = [event for record in example(name) for event in events(record, name)]
    stated = {link for link in LINKS if any(getattr(event, link) for event in found)}
    assert stated == set(FORMATS[name].source.links)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_recognised_and_all_its_fields_are_known(name):
    for record in example(name):
        assert detect(record) == name
        assert not any(UNKNOWN in event.attributes for event in events(record, name))


@pytest.mark.parametrize("name", [name for name in NAMES if FORMATS[name].source.mark])
def test_the_topic_of_an_example_is_guessed_as_its_events_say(name):
    for record in example(name):
        kinds = {TOPICS[event.kind] for event in events(record, name)}
        assert topic_of(json.dumps(record).encode()) in kinds or not kinds


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_to_do_and_where_that_is_written(name):
    source = FORMATS[name].source
    assert len(source.enable) > 40
    assert source.documents or source.group == "Anything else"
    assert all(text.strip() and "TODO" not in text for text in (*source.links.values(), *source.never.values()))
    assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", name)


def test_a_link_is_told_of_once():
    with pytest.raises(ValueError, match=r"x: links and never: expected each of .* once"):
        Source(name="x", title="X", group="Cloud audit", documents=(), enable="", links={"actor": "`a`"})


def test_fields_that_a_vendor_adds_are_kept_and_named():
    added = {**LOGIN, "riskLevel": "HIGH", "client": {**LOGIN["client"], "os": {"name": "x"}}, "gone": None}
    (event,) = events(added)
    assert event.attributes[UNKNOWN].split("\n") == ["client.os", "riskLevel"]
    assert event.attributes["riskLevel"] == "HIGH"
    assert event.attributes["client.os"] == '{"name": "x"}'
    assert UNKNOWN not in events(LOGIN)[0].attributes


def test_unknown_fields_neither_replace_what_is_read_nor_grow_without_bound():
    hostile = {**LOGIN, "result": "forged", **{f"x{number}" * 100: "y" * 10_000 for number in range(500)}}
    (event,) = events(hostile)
    assert event.attributes["result"] == "SUCCESS"
    names = event.attributes[UNKNOWN].split("\n")
    assert len(names) == 8
    assert max(map(len, names)) <= 96
    assert max(map(len, event.attributes.values())) <= 1024


def test_a_secret_in_an_unknown_field_is_masked():
    (one,) = process(Record(json.dumps({**LOGIN, "note": "ghp_" + "a" * 36}).encode()), CONTEXT)
    assert "<secret:github-token:" in one.events[0].attributes["note"]


@pytest.mark.parametrize("value", [b"7", b"[1]", b"{", b"\xff", b'{"a": {"b": 1}}', b'{"a": [1]}', b'{"a": null}'])
def test_what_is_known_is_told_of_any_bytes(value):
    assert Known(frozenset({"a.b", "c"})).strange(value) == {}


def test_below_a_field_that_may_hold_anything_all_is_known():
    known = Known(frozenset({"a.b", "c"}))
    assert known.strange(b'{"a": {"b": {"x": 1}}, "c": {"y": 2}}') == {}
    assert known.strange(b'{"a": {"d": 1}}') == {"a.d": "1", UNKNOWN: "a.d"}


def test_fields_of_a_decoded_type_are_its_names_in_json_down_to_where_anything_may_stand():
    found = fields(Entry, "version")
    assert {"uuid", "client.ipAddress", "debugContext.debugData", "target", "version"} <= found
    assert "client" not in found


def test_a_record_that_lost_its_capitals_is_understood_all_the_same():
    def lowered(part):
        if isinstance(part, dict):
            return {name.lower(): lowered(inner) for name, inner in part.items()}
        return [lowered(one) for one in part] if isinstance(part, list) else part

    (event,), (low,) = events(GRANT), events({**lowered(GRANT), "p_log_type": "Okta.SystemLog"})
    for field in ("kind", "action", "time", "actor", "human", "request", "address", "session", "resources"):
        assert getattr(low, field) == getattr(event, field), field
    assert low.attributes[UNKNOWN] == "p_log_type"
    assert [one.action for one in events([lowered(GRANT), lowered(LOGIN)])] == [event.action, "okta:user.session.start"]


def test_a_record_of_no_format_is_rejected_as_it_came():
    assert reason({"nobody": 1, "Knows": [2]}).startswith("format: expected a header")


def test_only_names_without_capitals_are_spelled_anew_and_always_alike():
    known = Known(frozenset({"ipAddress", "iPAddress", "id", "Time"}))
    assert known.respelled({"ipaddress": 1, "id": 2, "IPADDRESS": 3, "time": 4}) == {
        "iPAddress": 1, "id": 2, "IPADDRESS": 3, "Time": 4,
    }  # fmt: skip
