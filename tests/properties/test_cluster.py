"""An organisation's logs through partitions that are behind each other: one timeline, whatever comes when."""

import pytest

from pipeline.kit.config import Settings
from pipeline.run import feed
from pipeline.simulate import organisation
from pipeline.simulate.faults import Faults
from tests.properties.cluster import Arrivals, Cluster

EVENTS = 6_000


@pytest.fixture(scope="module")
def settings():
    return Settings(bootstrap="", clickhouse="chdb://:memory:", hash_key="0" * 32)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("organisation")
    organisation.write(folder, EVENTS, 1, Faults(), lambda _: None)
    return feed.story(folder)


@pytest.fixture(scope="module")
def undisturbed(settings, story):
    return Cluster(settings, partitions=1, lag=0).run(Arrivals(settings, story), batch=2000)


@pytest.mark.parametrize(
    "way",
    [
        {"seed": 1, "kept_back": 0.5, "lag": 4},
        {"seed": 2, "kept_back": 0.8, "lag": 8, "restarts": 0.1},
        {"seed": 3, "kept_back": 0.3, "lag": 2, "restarts": 0.2, "partitions": 2},
        {"seed": 4, "kept_back": 0.8, "lag": 2, "restarts": 0.1},
    ],
)
@pytest.mark.parametrize("batch", [50, 200])
def test_partitions_that_are_behind_each_other_come_to_the_same_timeline(settings, story, undisturbed, way, batch):
    cluster = Cluster(settings, **way)
    rows = cluster.run(Arrivals(settings, feed.arrivals(story, way["seed"])), batch=batch)
    assert not cluster.unanswered
    assert len(rows) == EVENTS
    assert [event_id for event_id, row in rows.items() if row != undisturbed[event_id]] == []
