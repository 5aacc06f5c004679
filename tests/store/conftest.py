import os
import uuid

import pytest

from pipeline.kit.config import Settings
from pipeline.store import connect

SERVER = "WHODID_TEST_CLICKHOUSE"


@pytest.fixture(params=["chdb", "server"] if SERVER in os.environ else ["chdb"])
def store(request, engine):
    """An empty store: embedded, and on a ClickHouse server if WHODID_TEST_CLICKHOUSE=http://user:pw@host:port."""
    if request.param == "chdb":
        with connect(Settings(clickhouse="chdb://memory")) as opened:
            yield opened
        return
    database = f"whodid_test_{uuid.uuid4().hex}"
    with connect(Settings(clickhouse=f"{os.environ[SERVER].rstrip('/')}/{database}")) as opened:
        yield opened
        opened.command(f"DROP DATABASE {database}")
