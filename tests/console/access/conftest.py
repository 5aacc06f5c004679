import pytest
from fastapi import FastAPI

from pipeline.console.access import keys
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.store import access, connect
from tests.console.access.desk import SECRET, Client, filled


@pytest.fixture(scope="module")
def store():
    with connect(Settings(clickhouse="chdb://memory")) as opened:
        filled(opened, SECRET)
        yield opened


@pytest.fixture(scope="module")
def key(store):
    """Makes a key: `key("analyst", scopes=["read"], content=True)`."""

    def make(role, scopes=("read", "write"), content=True, life="1h", name="", **more) -> str:
        text, one = keys.new(name or f"a {role}", role, scopes, content=content, life=life, by="test")
        access.write_key(store, one._replace(**more))
        return text

    return make


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(clickhouse="chdb://memory", data_dir=tmp_path_factory.mktemp("data"), request_rate=1e6)


@pytest.fixture
def decided():
    return []


@pytest.fixture
def told():
    return []


@pytest.fixture
def app(store, key, settings, decided, told) -> FastAPI:
    """A desk that has to know who asks."""
    key("admin")
    return create(store, settings, dict, decided.append, tell=told.append)


@pytest.fixture
def client(app):
    return Client(app)
