"""A desk over the bundled incident, and a browser that looks at it."""

import pytest

from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident
from pipeline.store import connect
from tests.browser.chromium import Visits, chromium
from tests.console.browser import Served

START = 1_790_000_000_000_000
STATUS = {"lag": {"normalize": 2, "store": 1}, "counts": {"rows": 5}, "troubles": {}}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(
        data_dir=tmp_path_factory.mktemp("desk"), clickhouse="chdb://memory", hash_key="0123456789abcdef"
    )  # fmt: skip


@pytest.fixture(scope="module")
def store(settings):
    """The bundled incident, with its findings and alerts."""
    with connect(settings) as opened:
        Investigation(settings, opened).run(record for _, record in incident.records(START))
        yield opened


@pytest.fixture(scope="module")
def truth():
    return incident.truth(START)


@pytest.fixture(scope="module")
def decided():
    """Decisions that the desk took."""
    return []


@pytest.fixture(scope="module")
def desk(store, settings, decided):
    """The address of a desk."""
    with Served(create(store, settings, lambda: STATUS, decided.append)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(browser, desk):
    """Opens a page as somebody new; fails the test if anything went wrong in any."""
    visits = Visits(browser, desk)
    yield visits
    assert visits.end() == []


@pytest.fixture
def page(visit):
    """The page of one visitor."""
    return visit()
