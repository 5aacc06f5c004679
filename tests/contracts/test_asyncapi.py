"""The AsyncAPI document of the public topics: current, closed in itself, and true of what the pipeline takes.

No validator of AsyncAPI that is kept well is a Python package; by hand it was held against the JSON Schema that the
AsyncAPI Initiative publishes. What is checked here is what that one cannot know.
"""

import json
import re

import jsonschema
import pytest
import yaml

from pipeline.kit.topics import PUBLIC, catalogue
from pipeline.normalize.formats import FORMATS
from pipeline.normalize.stage import process
from pipeline.run import asyncapi
from schemas.rejected import Record
from tests.normalize.common import CONTEXT

DOCUMENT = yaml.safe_load(asyncapi.FILE.read_text(encoding="utf-8"))
MESSAGES = {name: one for name, one in DOCUMENT["components"]["messages"].items() if name != "native-record"}


def test_the_document_in_the_repository_is_what_topics_and_models_say():
    assert asyncapi.FILE.read_text(encoding="utf-8") == asyncapi.text(asyncapi.document()), "run `make schemas`"


def test_every_reference_leads_somewhere_and_every_part_is_referred_to():
    named = set()
    for pointer in re.findall(r"\$ref\W+'#/([^']+)'", asyncapi.FILE.read_text(encoding="utf-8")):
        found = DOCUMENT
        for step in pointer.split("/"):
            found = found[step]
        named.add(pointer)
    for group in ("messages", "schemas"):
        assert {f"components/{group}/{name}" for name in DOCUMENT["components"][group]} <= named


def test_it_has_the_public_topics_and_no_others():
    assert list(DOCUMENT["channels"]) == list(PUBLIC)
    for name, channel in DOCUMENT["channels"].items():
        assert channel["address"].format(prefix="p-") == f"p-{name}"
        assert set(channel["parameters"]) == {"prefix"}
        kafka = channel["bindings"]["kafka"]["topicConfiguration"]
        assert kafka == {"retention.ms": catalogue()[name].retention_hours * 3_600_000}
    assert {one["action"] for one in DOCUMENT["operations"].values()} == {"receive"}
    assert {one["channel"]["$ref"] for one in DOCUMENT["operations"].values()} == {
        f"#/channels/{name}" for name in PUBLIC
    }


def test_the_header_has_every_format_with_its_title():
    known = DOCUMENT["components"]["schemas"]["Format"]
    assert known["enum"] == list(FORMATS)
    for name, form in FORMATS.items():
        assert f"`{name}`: {form.source.title}" in known["description"]


def _valid(name, payload):
    schema = {**MESSAGES[name]["payload"], "components": DOCUMENT["components"]}
    return jsonschema.Draft7Validator(schema).is_valid(payload)


@pytest.mark.parametrize("name", MESSAGES)
def test_examples_are_valid_and_are_taken(name):
    assert MESSAGES[name]["examples"]
    for example in MESSAGES[name]["examples"]:
        assert _valid(name, example["payload"])
        assert not _valid(name, {**example["payload"], "tiem": "x"})
        assert not _valid(name, {**example["payload"], "kind": "other"})
        (one,) = process(Record(json.dumps(example["payload"]).encode(), "canonical"), CONTEXT)
        assert one.rejected is None
