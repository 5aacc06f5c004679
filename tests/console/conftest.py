import pytest
from typer.testing import CliRunner

from pipeline.cli.desk import DeskReader
from pipeline.cli.main import app
from pipeline.cli.remote import StoreReader
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.store import connect
from tests.console.browser import Browser, Served


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
def store(engine, settings):
    with connect(settings) as opened:
        yield opened


@pytest.fixture
def process():
    return Process()


@pytest.fixture
def browser(store, settings, process):
    return Browser(create(store, settings, process))


@pytest.fixture(params=["store", "desk"])
def reader(request, filled, settings, process):
    """The same rows, read from the store itself and from the API of a desk."""
    if request.param == "store":
        yield StoreReader(filled)
        return
    with Served(create(filled, settings, process)) as port:
        yield DeskReader(f"http://127.0.0.1:{port}")


@pytest.fixture
def run(folder, monkeypatch):
    """Runs a command on the embedded store in `folder`."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("WHODID_PORT", "1")
    return lambda *given: CliRunner().invoke(app, [*given, "--store", str(folder)])
