import json
import time

import pytest

from dashboards.__main__ import BOARDS, CONSOLE
from dashboards.__main__ import MEASURED as MEASURED_BOARDS
from dashboards.board import rendered
from dashboards.macros import Span
from pipeline.kit.config import Settings
from pipeline.simulate import organisation
from pipeline.store import connect
from tests import demo

MADE = {board.name: json.loads(rendered(board, CONSOLE)) for board in BOARDS}
#: Those that ask Prometheus.
MEASURED = {board.name: json.loads(rendered(board, CONSOLE)) for board in MEASURED_BOARDS}


@pytest.fixture(scope="package")
def filled(tmp_path_factory):
    """A store with a day in it."""
    home = tmp_path_factory.mktemp("whodid")
    settings = Settings(
        data_dir=home, clickhouse="chdb://memory", hash_key="0123456789abcdef", evidence=str(home / "evidence")
    )
    with connect(settings) as store:
        demo.fill(store, settings)
        yield store


@pytest.fixture(scope="session")
def span():
    """From that day until now, since heads and dead letters are of the writer's clock."""
    return Span(organisation.START // 1_000_000 - 3600, int(time.time()) + 3600)
