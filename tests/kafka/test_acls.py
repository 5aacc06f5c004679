"""Each role has its own user at Kafka and the rights that `whodid topics acls` prints, and no others."""

import json
import subprocess
import sys

import pytest
import yaml
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from benchmarks.load import Load
from pipeline.kit.acls import ROLES, acls, commands, strimzi
from pipeline.kit.admin import create_topics, ensure_topics, lag
from pipeline.kit.clients import consumer_config, producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.kit.topics import catalogue, full_name
from tests.flow.harness import environment, send, timeline

#: Topics in which the pipeline works, and others in which rights are only tried.
WORKED, TRIED = "worked-", "tried-"
EVENTS = 200


def test_every_name_is_one_of_the_catalogue_and_every_topic_has_a_writer():
    named = {name for role in ROLES.values() for name in (*role.reads, *role.writes)}
    assert named == set(catalogue())
    written = {name for role in ROLES.values() for name in role.writes}
    assert written == set(catalogue())


def test_commands_and_users_say_every_right_once():
    for name in ROLES:
        rights = acls(Settings(prefix="x-"), name)
        assert len(rights) == len(set(rights))
        lines = list(commands(rights, "User:it's"))
        assert sum(line.count("--topic ") + line.count("--group ") for line in lines) == len(rights)
        assert all(""""User:it'"'"'s""" in line or "'User:it'\"'\"'s'" in line for line in lines)
        told = yaml.safe_load(strimzi(rights, "it"))["spec"]["authorization"]["acls"]
        assert sum(len(one["operations"]) for one in told) == len(rights)


def settings_of(safe, role, prefix, home):
    return Settings(
        **safe.scram(user=f"whodid-{role}", password=f"secret-of-{role}"), prefix=prefix, data_dir=home,
        clickhouse=f"chdb://{home}/store", session_timeout=6, create_topics=role == "topics",
        hash_key="0123456789abcdef",
    )  # fmt: skip


@pytest.fixture(scope="module")
def governed(safe):
    """A user for each role, with its rights in both places."""
    bindings = []
    for role in ROLES:
        safe.user(f"whodid-{role}", f"secret-of-{role}")
        for prefix in (WORKED, TRIED):
            bindings += [
                AclBinding(
                    ResourceType[one.resource.upper()], one.name, ResourcePatternType[one.pattern.upper()],
                    f"User:whodid-{role}", "*", OPERATIONS[one.operation], AclPermissionType.ALLOW,
                )
                for one in acls(Settings(prefix=prefix), role)
            ]  # fmt: skip
    admin = safe.admin()
    for future in admin.create_acls(bindings).values():
        future.result()
    return safe


OPERATIONS = {
    "Describe": AclOperation.DESCRIBE, "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS, "Create": AclOperation.CREATE,
    "Alter": AclOperation.ALTER, "AlterConfigs": AclOperation.ALTER_CONFIGS, "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
}  # fmt: skip


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_the_pipeline_works_with_a_user_and_the_least_rights_for_each_role(governed, tmp_path):
    create_topics(settings_of(governed, "topics", WORKED, tmp_path))
    send(settings_of(governed, "send", WORKED, tmp_path), Load(EVENTS))
    children = {}
    for role in ("normalize", "correlate", "store"):
        command = [sys.executable, "-m", "pipeline", "run", role, "--until-idle", "4", "--summary", "json"]
        told = environment(settings_of(governed, role, WORKED, tmp_path))
        children[role] = subprocess.Popen(command, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    counts = {}
    for role, child in children.items():
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, (role, err)
        assert "AUTHORIZATION" not in err.upper(), (role, err)
        counts |= json.loads(out.splitlines()[-1])["counts"]
    assert counts["records"] == EVENTS
    rows = timeline(settings_of(governed, "store", WORKED, tmp_path))
    assert len(rows) == counts["events"]
    console = settings_of(governed, "console", WORKED, tmp_path)
    assert set(lag(console, f"{WORKED}whodid-normalize").values()) == {0}


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_a_role_may_write_what_it_writes_read_what_it_reads_and_nothing_else(governed, tmp_path):
    create_topics(settings_of(governed, "topics", TRIED, tmp_path))
    every = Producer(producer_config(Settings(**governed.scram())))
    for name in catalogue():
        every.produce(TRIED + name, b"x", b"k", partition=0)
    assert every.flush(30) == 0
    for role, said in ROLES.items():
        settings = settings_of(governed, role, TRIED, tmp_path)
        ensure_topics(settings)
        assert written(settings) == set(said.writes), role
        assert readable(settings) == set(said.reads), role


def written(settings):
    """Topics that take a message."""
    taken = set()
    producer = Producer(producer_config(settings))
    for name in catalogue():
        producer.produce(
            full_name(settings, name), b"x", b"k", partition=0,
            on_delivery=lambda error, message: error or taken.add(message.topic().removeprefix(settings.prefix)),
        )  # fmt: skip
    assert producer.flush(30) == 0
    return taken


def readable(settings):
    """Topics that give one."""
    consumer = Consumer({**consumer_config(settings, "none"), "enable.partition.eof": True})
    consumer.assign([TopicPartition(full_name(settings, name), 0, 0) for name in catalogue()])
    given, refused = set(), set()
    while given | refused != set(catalogue()):
        message = consumer.poll(20)
        assert message is not None, "neither given nor refused"
        if message.error() and message.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            continue
        name = message.topic().removeprefix(settings.prefix)
        if message.error() is None:
            given.add(name)
        elif message.error().code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            refused.add(name)
    consumer.close()
    return given


@pytest.mark.kafka
def test_a_role_cannot_join_the_group_of_another_nor_make_topics(governed, tmp_path):
    settings = settings_of(governed, "send", TRIED, tmp_path)
    consumer = Consumer(consumer_config(settings, "whodid-normalize"))
    consumer.subscribe([full_name(settings, "prompts")])
    error = consumer.poll(20).error()
    consumer.close()
    assert error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(Permanent, match="cannot be created"):
        create_topics(settings.model_copy(update={"prefix": "elsewhere-"}))
