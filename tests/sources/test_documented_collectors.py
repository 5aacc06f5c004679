"""The examples of docs/collectors/ can be read, and name topics and formats that exist."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from pipeline.kit.topics import PUBLIC
from pipeline.normalize.formats import FORMATS

FOLDER = Path(__file__).parents[2] / "docs" / "collectors"
READ = {".toml": tomllib.loads, ".json": json.loads, ".yaml": yaml.safe_load}
TOPIC = re.compile(r'"?\btopic"?\s*[:=]\s*"?([\w-]+)|/v1/events/([\w-]+)')
FORMAT = re.compile(r'(?:"format": |value\.literal": |x-whodid-format )"?([\w.-]+)')


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_an_example_is_read_and_names_what_exists(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert READ[Path(name).suffix](text)
    topics = {one or other for one, other in TOPIC.findall(text)}
    assert topics
    assert topics <= {*PUBLIC}
    formats = set(FORMAT.findall(text))
    assert formats <= {*FORMATS}
    assert formats or name == "otel-collector.yaml"
