"""What docs/alerts.md configures is what the product reads, and its commands are there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from pipeline.alert.destination import Destination
from pipeline.alert.file import File
from pipeline.cli import (
    alerts,  # noqa: F401  (registers its commands)
    respond,  # noqa: F401
)
from pipeline.cli.main import app
from pipeline.kit import safeyaml
from pipeline.kit.checked import checked

TEXT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS)
def test_every_file_of_the_page_is_one(text):
    said = checked(File, safeyaml.document(text, "alerts.yml"), "alerts.yml")
    assert said.destinations or said.hooks


def test_the_page_has_all_that_a_destination_can_be_told():
    whole = BLOCKS[0]
    assert not [name for name in Destination.model_fields if f"{name}:" not in whole]


def test_every_command_of_the_page_is_one():
    groups = get_command(app).commands
    for name in ("alerts", "respond"):
        named = set(re.findall(rf"whodid {name} ([a-z]+)", TEXT))
        for listed in re.findall(rf"whodid {name} ([a-z|\\]+)", TEXT):
            named |= set(re.split(r"[\\|]+", listed))
        assert named - {""} <= set(groups[name].commands)
