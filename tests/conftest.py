"""What holds for all tests."""

import os

import pytest

from tests import kept

# What is printed into a pipe is as wide as it needs to be; a test worker may have been told how wide its terminal is.
os.environ.pop("COLUMNS", None)
# Nor do tests take settings from a file that somebody has on this machine.
os.environ["WHODID_CONFIG"] = ""


def pytest_runtest_setup(item):
    """Tests that do not share the engine may open one of their own."""
    if "engine" not in item.fixturenames:
        kept.closed()


def pytest_sessionfinish():
    """Close it before the interpreter ends."""
    kept.closed()


@pytest.fixture
def engine():
    """`chdb://memory` is an empty store, whose schema need not be made anew."""
    kept.opened()
    yield
    kept.emptied()
