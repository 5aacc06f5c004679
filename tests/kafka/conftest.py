"""Apache Kafka with its secured listeners, started once."""

import pytest

from pipeline.kit.broker import ApacheKafka
from tests.kafka.secured import secured


@pytest.fixture(scope="session")
def safe(tmp_path_factory):
    if reason := ApacheKafka.missing():
        pytest.skip(reason)
    with secured(tmp_path_factory.mktemp("secured")) as made:
        yield made
