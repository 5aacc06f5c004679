"""An organisation's logs through partitions that are behind each other: one timeline, whatever comes when."""

import json
import random
import uuid

import pytest

from pipeline.kit.config import Settings
from pipeline.run import feed
from pipeline.simulate import organisation
from pipeline.simulate.faults import Faults
from schemas.rejected import Record
from tests.properties.cluster import Arrivals, Cluster

EVENTS = 6_000
#: Of so many CloudTrail records one is followed by a record that revokes its key, or restores it.
RARELY = 25


@pytest.fixture(scope="module")
def settings():
    return Settings(bootstrap="", clickhouse="chdb://:memory:", hash_key="0" * 32)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("organisation")
    organisation.write(folder, EVENTS, 1, Faults(), lambda _: None)
    return list(with_turns(feed.story(folder)))


def with_turns(story):
    """The story with keys that are set inactive and active again, each with the time of a record that used it."""
    chance = random.Random(7)
    for record in story:
        yield record
        if b'"eventSource"' not in record.value or chance.random() >= 1 / RARELY:
            continue
        used = json.loads(record.value)
        turn = {
            "eventVersion": "1.08", "eventID": str(uuid.UUID(int=chance.getrandbits(128))), "awsRegion": "us-east-1",
            "eventSource": "iam.amazonaws.com", "eventName": "UpdateAccessKey", "eventTime": used["eventTime"],
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/admin"},
            "requestParameters": {"accessKeyId": used["userIdentity"].get("accessKeyId", ""),
                                  "status": chance.choice(["Inactive", "Active"])},
        }  # fmt: skip
        yield Record(json.dumps(turn).encode(), record.format, record.topic)


@pytest.fixture(scope="module")
def undisturbed(settings, story):
    return Cluster(settings, partitions=1, lag=0).run(Arrivals(settings, story), batch=2000)


def test_the_story_has_what_is_to_be_compared(undisturbed):
    assert len(undisturbed) > EVENTS
    assert sum(row["credential_revoked"] > 0 for row in undisturbed.values()) > RARELY
    assert sum(row["credential_expires"] > 0 for row in undisturbed.values()) > RARELY


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
    assert rows.keys() == undisturbed.keys()
    assert [event_id for event_id, row in rows.items() if row != undisturbed[event_id]] == []
