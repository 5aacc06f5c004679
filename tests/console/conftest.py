import pytest

from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.store import connect
from tests.console.browser import Browser


class Process:
    """What a process would say of itself."""

    def __init__(self):
        self.report = {"lag": {"normalize": 2, "store": 1}, "counts": {"rows": 5}, "troubles": {}}

    def __call__(self):
        return self.report


@pytest.fixture
def settings():
    return Settings(clickhouse="chdb://memory")


@pytest.fixture
def store(settings):
    with connect(settings) as opened:
        yield opened


@pytest.fixture
def process():
    return Process()


@pytest.fixture
def browser(store, settings, process):
    return Browser(create(store, settings, process))
