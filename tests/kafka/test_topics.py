"""`whodid topics`: what is missing is made; what does not fit is told with what mends it, and may stop a process."""

import json
import uuid

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic
from typer.testing import CliRunner

from pipeline.cli.main import app, register
from pipeline.kit.admin import create_topics, ensure_topics, topics
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.kit.fitting import Found, misfits
from pipeline.kit.topics import catalogue, kafka_config
from tests.flow.harness import environment, wait_until

THREE = Settings(replication=3)


def fitting(settings):
    return {
        settings.prefix + name: Found(settings.partitions, settings.replication, kafka_config(settings, topic))
        for name, topic in catalogue().items()
    }


def test_topics_as_they_are_made_fit():
    for settings in (Settings(), THREE, Settings(replication=2, prefix="x-", partitions=7)):
        assert misfits(settings, fitting(settings)) == []


@pytest.mark.parametrize(
    ("topic", "change", "what", "fatal", "fix"),
    [
        ("entries", {"partitions": 5}, "the number of partitions", True, "WHODID_PARTITIONS=5"),
        ("entries", {"replication": 1}, "the number of copies", True, "--add-config min.insync.replicas=1"),
        ("entries", {"replication": 2}, "the number of copies", False, "kafka-reassign-partitions"),
        ("state-by-actor", {"cleanup.policy": "compact,delete"}, "cleanup.policy", True, "cleanup.policy=compact"),
        ("records", {"cleanup.policy": "compact"}, "cleanup.policy", True, "cleanup.policy=delete"),
        ("records", {"retention.ms": "3600000"}, "retention.ms", False, "retention.ms=259200000"),
        ("records", {"max.message.bytes": "1048588"}, "max.message.bytes", True, "max.message.bytes="),
        ("prompts", {"max.message.bytes": "1048588"}, "max.message.bytes", False, "max.message.bytes="),
        ("prompts", {"min.insync.replicas": "1"}, "min.insync.replicas", False, "min.insync.replicas=2"),
        ("prompts", {"min.insync.replicas": "3"}, "min.insync.replicas", False, "min.insync.replicas=2"),
        ("prompts", {"unclean.leader.election.enable": "true"}, "unclean.leader.election.enable", False, "=false"),
        ("prompts", {"retention.bytes": "1000"}, "retention.bytes", False, "retention.bytes=-1"),
    ],
)
def test_what_does_not_fit_is_told_with_what_mends_it(topic, change, what, fatal, fix):
    found = fitting(THREE)
    numbers = {key: value for key, value in change.items() if key in ("partitions", "replication")}
    config = {**found[topic].config, **{key: value for key, value in change.items() if key not in numbers}}
    found[topic] = Found(
        numbers.get("partitions", found[topic].partitions), numbers.get("replication", found[topic].replication), config
    )
    (told,) = misfits(THREE, found)
    assert (told.topic, told.what, told.fatal) == (topic, what, fatal)
    assert fix in told.fix


@pytest.mark.parametrize("change", [{"retention.ms": "-1"}, {"max.message.bytes": "99999999"}, {"partitions": 9}])
def test_more_than_is_asked_for_fits(change):
    found = fitting(THREE)
    amount = change.get("partitions", 4)
    found["prompts"] = Found(amount, 3, {**found["prompts"].config, **{k: v for k, v in change.items() if "." in k}})
    assert misfits(THREE, found) == []


def test_a_topic_that_is_missing_is_fatal_and_settings_that_no_topic_can_have_are_refused():
    found = fitting(THREE)
    del found["recalls"]
    assert [(one.topic, one.fatal, one.fix) for one in misfits(THREE, found)] == [
        ("recalls", True, "whodid topics create")
    ]
    with pytest.raises(Invalid, match=r"WHODID_MIN_INSYNC: expected at most WHODID_REPLICATION \(3\)"):
        create_topics(THREE.model_copy(update={"min_insync": 4}))


# On Apache Kafka


@pytest.fixture
def settings(safe):
    return Settings(**safe.scram(), prefix=f"t{uuid.uuid4().hex[:8]}-")


@pytest.fixture
def whodid(settings, monkeypatch):
    """Runs a command; standard output, standard error and status."""
    for name, value in environment(settings).items():
        if name.startswith("WHODID_"):
            monkeypatch.setenv(name, value)
    register("topics")

    def run(*words, status=0):
        result = CliRunner().invoke(app, ["topics", *words])
        assert result.exit_code == status, result.output
        return result

    return run


def alter(safe, settings, topic, key, value):
    """Set one value of a topic, and wait until the broker tells of it."""
    name = settings.prefix + topic
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    admin = safe.admin()
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[entry])]
    for future in admin.incremental_alter_configs(asked).values():
        future.result()
    wait_until(lambda: topics(settings)[name].config[key] == value)


@pytest.mark.kafka
def test_what_is_missing_is_made_once_and_then_fits(settings, whodid):
    assert {row["state"] for row in json.loads(whodid("list", "--format", "json").stdout)} == {"missing"}
    assert len(json.loads(whodid("create", "--dry-run", "--format", "json").stdout)) == len(catalogue())
    assert topics(settings) == {}
    missing = json.loads(whodid("check", "--format", "json", status=1).stdout)
    assert {row["topic"] for row in missing} == {settings.prefix + name for name in catalogue()}
    made = json.loads(whodid("create", "--format", "json").stdout)
    assert {(row["state"], row["partitions"], row["replication"]) for row in made} == {("there", 4, 1)}
    assert json.loads(whodid("create", "--format", "json").stdout) == []
    assert json.loads(whodid("check", "--format", "json").stdout) == []
    assert "all 20 topics fit" in whodid("check").stderr


@pytest.mark.kafka
def test_what_would_lose_data_stops_a_process_and_what_would_not_is_warned_of(safe, settings, whodid, caplog):
    ensure_topics(settings)
    alter(safe, settings, "records", "retention.ms", "60000")
    ensure_topics(settings)
    assert "retention.ms is 60000, expected 259200000 or more: kafka-configs" in caplog.text
    alter(safe, settings, "state-by-actor", "cleanup.policy", "compact,delete")
    with pytest.raises(Permanent, match=r"state-by-actor: cleanup.policy is compact,delete, expected compact"):
        ensure_topics(settings)
    told = json.loads(whodid("check", "--format", "json", status=1).stdout)
    assert [(row["what"], row["fatal"]) for row in told] == [("retention.ms", False), ("cleanup.policy", True)]
    assert "kafka-configs $KAFKA" in whodid("check", status=1).stdout


@pytest.mark.kafka
def test_a_process_that_may_not_make_topics_says_who_does(safe, settings):
    only = settings.model_copy(update={"create_topics": False})
    with pytest.raises(Permanent, match=r"topic t\w+-prompts: it is missing, expected there: whodid topics create"):
        ensure_topics(only)
    assert topics(settings) == {}
    admin = safe.admin()
    for future in admin.create_topics([NewTopic(settings.prefix + "entries", 3, 1)]).values():
        future.result()
    create_topics(settings)
    with pytest.raises(Permanent, match="the number of partitions is 3, expected 4"):
        ensure_topics(only)
