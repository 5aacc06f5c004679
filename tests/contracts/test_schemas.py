"""The public contract: generated schemas are current, examples are valid and become Events."""

import json
from pathlib import Path

import pytest

from pipeline.kit.topics import PUBLIC, catalogue
from pipeline.normalize.stage import process
from schemas import canonical, generate
from schemas.rejected import Record
from tests.normalize.common import CONTEXT

EXAMPLES = sorted((Path(generate.__file__).parent / "examples").glob("*-event.*.json"))


@pytest.mark.parametrize("name", generate.MODELS)
def test_the_json_schema_in_the_repository_is_what_the_models_say(name):
    assert (generate.FOLDER / f"{name}.json").read_text(encoding="utf-8") == generate.text(name), "run `make schemas`"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_becomes_an_event_of_its_kind(path):
    (one,) = process(Record(path.read_bytes()), CONTEXT)
    assert one.rejected is None
    assert one.events[0].kind == json.loads(path.read_text())["kind"]


def test_every_canonical_noun_has_an_example():
    assert {path.name.split(".")[0] for path in EXAMPLES} == set(canonical.MODELS)


def test_every_topic_names_its_dead_letter_and_public_topics_name_their_schema():
    topics = catalogue()
    for name, topic in topics.items():
        if topic.dead_letter is not None:
            assert topic.dead_letter in topics
        if name in PUBLIC:
            assert topic.access == "public"
            schema = topic.value.rsplit(" ", 1)[1]
            assert (Path(generate.__file__).parent.parent / schema).exists()
