"""The wheel holds everything that runs, nothing else, and is the same bytes each time."""

import ast
import re
import subprocess
import tomllib
import zipfile

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from tests.package.conftest import ROOT, build

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("pipeline/", "schemas/")
#: What only a checkout can do, and says so: Apache Kafka from Maven, writing pages of docs/.
CHECKOUT = re.compile(r"pipeline/kit/broker\.py|pipeline/run/\w+_pages?\.py")


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def held(wheel):
    with zipfile.ZipFile(wheel) as packed:
        return {name for name in packed.namelist() if ".dist-info/" not in name}


def test_every_file_of_the_packages_is_in_the_wheel_and_no_other(held):
    ours = {name for name in tracked() if name.startswith(PACKAGES)}
    assert len({name for name in ours if not name.endswith(".py")}) > 150
    assert ours - held == set()
    stray = {name for name in held - ours if not name.endswith(".py")}
    assert stray == set(), "neither in git nor wanted"


def test_what_is_in_the_wheel_is_what_is_in_git(wheel):
    with zipfile.ZipFile(wheel) as packed:
        for name in (
            "schemas/topics.yaml",
            "pipeline/query/grammar.lark",
            "pipeline/score/models/tool-chain-drift.json.gz",
        ):
            assert packed.read(name) == (ROOT / name).read_bytes()


def test_the_same_checkout_gives_the_same_bytes(wheel, tmp_path):
    (again,) = build(tmp_path, "wheel")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_nothing_outside_of_the_packages_is_read():
    """A module that climbs out of its package finds nothing once it is installed."""
    climbing = set()
    for name in tracked():
        if name.startswith(PACKAGES) and name.endswith(".py"):
            depth = name.count("/")
            for found in re.finditer(r"__file__\)(?:\.resolve\(\))?\.parents\[(\d+)\]", (ROOT / name).read_text()):
                if int(found[1]) >= depth:
                    climbing.add(name)
    assert "pipeline/kit/broker.py" in climbing, "this test finds nothing any more"
    assert [name for name in climbing if not CHECKOUT.fullmatch(name)] == []


def test_the_version_is_said_in_one_place():
    assert CliRunner().invoke(app, ["--version"]).output == f"whodid {PROJECT['version']}\n"
    for name in tracked():
        if name.startswith(PACKAGES) and name.endswith(".py"):
            tree = ast.parse((ROOT / name).read_text())
            named = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__version__"]
            assert not named, name


def test_the_metadata_names_every_python_that_is_taken(wheel):
    with zipfile.ZipFile(wheel) as packed:
        (metadata,) = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        told = packed.read(metadata).decode()
    assert f"Version: {PROJECT['version']}\n" in told
    assert re.findall(r"^Classifier: Programming Language :: Python :: (3\.\d+)$", told, re.M) == [
        "3.11",
        "3.12",
        "3.13",
    ]
    assert "Requires-Python: >=3.11\n" in told
