"""Real brokers for the flow tests, each started once."""

import pytest

from pipeline.kit.broker import ApacheKafka, EmbeddedBroker, MockBroker


@pytest.fixture(scope="session")
def embedded():
    with EmbeddedBroker.start() as broker:
        yield broker


@pytest.fixture(scope="session")
def mock():
    with MockBroker.start() as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka():
    missing = ApacheKafka.missing()
    if missing:
        pytest.skip(missing)
    with ApacheKafka.start() as broker:
        yield broker


@pytest.fixture(params=["embedded", "mock", "kafka"])
def broker(request):
    return request.getfixturevalue(request.param)
