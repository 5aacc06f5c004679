"""The wheel, built once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(folder, *targets):
    """What hatchling builds from this checkout, as `make dist` calls it."""
    wanted = [part for target in targets for part in ("-t", target)]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *wanted], cwd=ROOT, check=True,
        capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "1767225600"}, timeout=120,
    )  # fmt: skip
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    (made,) = build(tmp_path_factory.mktemp("wheel"), "wheel")
    return made
