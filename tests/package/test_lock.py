"""Both lock files: every file of every dependency by its hash, and what runs is a part of what is developed with."""

import re
import tomllib

import pytest

from tests.package.conftest import ROOT

DEVELOPMENT, RUNNING = "requirements.lock", "requirements-run.lock"


def pinned(name):
    """The pins of a lock file, each with its hashes."""
    blocks = re.split(r"^(?=[^\s#])", (ROOT / name).read_text(), flags=re.M)[1:]
    return {block.split(" \\\n")[0].strip(): re.findall(r"--hash=(\S+)", block) for block in blocks}


@pytest.mark.parametrize("name", [DEVELOPMENT, RUNNING])
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


def test_what_runs_is_locked_as_it_was_tested():
    tested = pinned(DEVELOPMENT)
    assert {pin: hashes for pin, hashes in pinned(RUNNING).items() if tested.get(pin) != hashes} == {}


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
