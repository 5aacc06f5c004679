import pytest

from pipeline.kit.config import Settings
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident
from pipeline.store import connect

START = 1_790_000_000_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with the bundled incident, and the month before it."""
    home = tmp_path_factory.mktemp("incident")
    settings = Settings(data_dir=home, clickhouse=f"chdb://{home}/store", hash_key="0123456789abcdef")
    with connect(settings) as opened:
        Investigation(settings, opened).run(record for _, record in incident.records(START))
        yield opened


@pytest.fixture(scope="module")
def truth():
    return incident.truth(START)
