"""Documents of ECS, held against Elastic's own list of fields: names, types, lengths, values."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from pipeline.alert.destinations.elastic import payload
from pipeline.alert.ecs import document
from pipeline.alert.plain import encoded
from tests.alert.destinations.notices import SEVERAL
from tests.alert.destinations.pages import in_json
from tests.alert.destinations.test_hostile import NOTICES
from tests.alert.said import said

#: Names, types, lengths and values of the fields that we use, made of Elastic's own package (see `from` in the file).
ECS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("ecs_fields.json").read_text())["fields"]


def flat(given: dict[str, Any], path: str = "") -> dict[str, Any]:
    found = {}
    for name, value in given.items():
        if path == "" and name == "whodid":
            continue
        found |= flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return found


def amiss(value: Any, field: dict[str, Any]) -> bool:
    """Whether it is not what the field is."""
    kind = field["type"]
    if kind in ("long", "float"):
        return type(value) is not int and (kind == "long" or type(value) is not float)
    if not isinstance(value, str) or len(value) > field.get("most", 100_000):
        return True
    if kind in ("ip", "date"):
        return "%" in value or not (ipaddress.ip_address(value) if kind == "ip" else datetime.fromisoformat(value))
    return value not in field.get("allowed", [value])


def wrong(given: dict[str, Any]) -> list[str]:
    """What ECS has against a document."""
    found = []
    for name, value in flat(given).items():
        field = ECS.get(name)
        if field is None or isinstance(value, list) != field.get("array", False):
            found.append(f"{name}: unknown, or a list, or none")
        else:
            found += [f"{name}: {one}" for one in (value if isinstance(value, list) else [value]) if amiss(one, field)]
    expected = {one for category in given["event"]["category"] for one in ECS["event.category"]["types"][category]}
    return [*found, *[f"event.type: {one}" for one in given["event"]["type"] if one not in expected]]


@pytest.mark.parametrize("name", SEVERAL)
def test_ecs_has_nothing_against_a_document(name):
    given = payload(SEVERAL[name], "x").splitlines()[1]
    assert wrong(json.loads(given)) == []
    assert len(given) < 512 * 1024


@settings(max_examples=100, deadline=None)
@given(NOTICES)
def test_whatever_an_alert_says_becomes_a_document(notice):
    assert wrong(json.loads(payload(notice, "x").splitlines()[1])) == []


@pytest.mark.parametrize(
    "changes",
    [{"user": {"nam": "a"}}, {"message": 1}, {"tags": "a"}, {"source": {"ip": ["::1"]}}, {"user": {"name": "a" * 1025}},
     {"event": document(said())["event"] | {"type": ["start"]}}, {"event": document(said())["event"] | {"kind": "a"}},
     {"event": document(said())["event"] | {"severity": 4.5}}],
)  # fmt: skip
def test_what_ecs_does_not_have_would_be_seen(changes):
    assert wrong(document(said()) | changes)


def test_every_field_of_the_list_is_used():
    used = {field for notice in SEVERAL.values() for field in flat(document(notice))}
    assert used == set(ECS)


def test_no_text_is_longer_than_a_term_of_lucene_may_be():
    def texts(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, str):
            yield path + value
        elif isinstance(value, dict | list):
            for one, inner in value.items() if isinstance(value, dict) else (("", inner) for inner in value):
                yield from texts(inner, f"{path}{one}.")

    for notice in SEVERAL.values():
        assert max(len(text.encode()) for text in texts(json.loads(encoded(document(notice))), "")) < 32766


def test_names_that_others_choose_become_values_and_not_fields():
    found = document(said(detections={"a.b.c": 1, "": 2, "x\0" * 2000: 3}))
    assert [(one["name"][:5], one["count"]) for one in found["whodid"]["detections"]] == [
        ("a.b.c", 1), ("", 2), ("x<U+0", 3),
    ]  # fmt: skip


def test_a_technique_and_its_part_have_fields_of_their_own():
    found = document(said(frameworks=["T1078.004", "T1078", "T1078.001", "AML.T0051", "NHI9"]))["threat"]
    assert found["technique"] == {"id": ["T1078"], "subtechnique": {"id": ["T1078.004", "T1078.001"]}}


def test_the_mapping_of_the_page_has_the_types_of_ecs():
    mapping = in_json("elastic.md", '"index_patterns"')["template"]["mappings"]["properties"]
    found = {}

    def walk(given: dict[str, Any], path: str) -> None:
        for name, one in given.items():
            if "properties" in one:
                walk(one["properties"], f"{path}{name}.")
            else:
                found[path + name] = one["type"]

    walk({name: one for name, one in mapping.items() if name != "whodid"}, "")
    assert found == {name: field["type"] for name, field in ECS.items()}
