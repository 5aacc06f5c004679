"""The document of the public topics is current, and everything it points at is there."""

from typing import Any

import yaml
from jsonschema import Draft7Validator

from pipeline.kit.topics import PUBLIC
from pipeline.normalize.formats import FORMATS
from pipeline.run import asyncapi

TOLD = yaml.safe_load(asyncapi.DOCUMENT.read_text(encoding="utf-8"))


def references(value: Any):
    if isinstance(value, dict):
        yield from [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def test_the_file_is_what_the_models_say():
    assert asyncapi.DOCUMENT.read_text(encoding="utf-8") == asyncapi.text(), "run make schemas"


def test_it_has_every_public_topic_and_format():
    assert set(TOLD["channels"]) == set(PUBLIC)
    formats = TOLD["components"]["messages"]["native"]["headers"]["properties"]["format"]["enum"]
    assert {*formats, "canonical"} == set(FORMATS)


def test_every_reference_leads_somewhere():
    found = set(references(TOLD))
    assert found
    for reference in found:
        at = TOLD
        for name in reference.removeprefix("#/").split("/"):
            at = at[name]


def test_payloads_are_schemas():
    for name, message in TOLD["components"]["messages"].items():
        if name != "native":
            Draft7Validator.check_schema(message["payload"]["schema"])
