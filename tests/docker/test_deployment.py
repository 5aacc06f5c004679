"""docs/deployment.md and SECURITY.md say what there is: links, files, targets of make, settings, commands."""

import re

import pytest

from pipeline.kit.config import Settings
from tests.cli.tree import COMMANDS
from tests.docker.described import DOCKER, VARIABLES

ROOT = DOCKER.parent
PAGES = [ROOT / "docs" / "deployment.md", ROOT / "SECURITY.md"]
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@EACH
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []


@EACH
def test_targets_and_settings_are_there(page):
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", page.read_text(), flags=re.M)) <= targets
    assert set(re.findall(r"WHODID_[A-Z_]+", page.read_text())) <= VARIABLES


def test_commands_are_there():
    said = re.findall(r"`(whodid [a-z][^`]*)`", "".join(page.read_text() for page in PAGES))
    assert said
    for line in said:
        words = line.split()[1:3]
        assert {words[0], " ".join(words)} & set(COMMANDS), line


def test_the_secret_that_is_to_be_made_holds_every_file_that_is_named():
    page = PAGES[0].read_text()
    named = set(re.findall(r"--from-file=(\S+)", page))
    config = (DOCKER / "kubernetes" / "config.yaml").read_text()
    keys = set(re.findall(r"key: ([\w.-]+)", (DOCKER / "kubernetes" / "scaling" / "keda.yaml").read_text()))
    assert named == set(re.findall(r"/run/secrets/whodid/([\w.-]+)", config)) | keys


def test_the_pages_name_the_port_that_there_is():
    assert f":{Settings.model_fields['port'].default}," in PAGES[0].read_text()
