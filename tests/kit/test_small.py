"""Settings, outbox, topics, metrics: the small things everybody relies on."""

import stat

import pytest
from pydantic import ValidationError

from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics
from pipeline.kit.outbox import FULL, Outbox
from pipeline.kit.topics import PUBLIC, catalogue, full_name, kafka_config, partition_of


def test_settings_come_from_the_environment_and_say_what_is_wrong(monkeypatch):
    monkeypatch.setenv("WHODID_PARTITIONS", "12")
    assert Settings().partitions == 12
    monkeypatch.setenv("WHODID_PARTITIONS", "0")
    with pytest.raises(ValidationError, match="partitions"):
        Settings()
    monkeypatch.delenv("WHODID_PARTITIONS")
    with pytest.raises(ValidationError, match="http://user:secret@clickhouse:8123/whodid"):
        Settings(clickhouse="mysql://x")


def test_the_hash_key_is_made_once_and_only_the_owner_can_read_it(tmp_path):
    first = Settings(data_dir=tmp_path).hashing_key
    assert len(first) >= 16
    assert Settings(data_dir=tmp_path).hashing_key == first
    assert stat.S_IMODE((tmp_path / "hash.key").stat().st_mode) == 0o600
    assert Settings(data_dir=tmp_path, hash_key="given-by-hand").hashing_key == b"given-by-hand"


def test_each_store_has_heads_of_its_own_and_one_in_memory_has_none(tmp_path):
    def place(clickhouse, **more):
        return Settings(data_dir=tmp_path, clickhouse=clickhouse, **more).evidence_place

    assert place("http://ch:8123/whodid") == str(tmp_path / "evidence")
    assert place(f"chdb://{tmp_path}/clickhouse") == str(tmp_path / "evidence")
    assert place("chdb:///elsewhere/store") == "/elsewhere/store.evidence"
    assert place("chdb://memory") == ""
    assert place("chdb://memory", evidence="/heads") == "/heads"
    assert place("http://ch:8123/whodid", evidence="s3://bucket/prefix") == "s3://bucket/prefix"
    assert place("http://ch:8123/whodid", evidence="off") == ""


def test_the_key_that_signs_is_in_the_data_directory_unless_it_is_named(tmp_path):
    assert Settings(data_dir=tmp_path).evidence_key_file == tmp_path / "evidence.key"
    assert Settings(data_dir=tmp_path, evidence_key=tmp_path / "k.pem").evidence_key_file == tmp_path / "k.pem"
    with pytest.raises(ValidationError, match="head_every"):
        Settings(head_every=0)


def test_an_outbox_sends_full_batches_at_once_and_the_rest_when_flushed():
    sent = []
    outbox = Outbox(lambda topic, partition, items: sent.append((topic, partition, list(items))))
    for n in range(FULL + 3):
        outbox.add("t", 1, n)
    outbox.add("t", 0, "x")
    assert sent == [("t", 1, list(range(FULL)))]
    outbox.flush()
    outbox.flush()
    assert sent[1:] == [("t", 1, [FULL, FULL + 1, FULL + 2]), ("t", 0, ["x"])]


def test_a_key_has_the_same_partition_in_every_process_and_all_partitions_are_used():
    assert partition_of("credential:aws:ASIAEXAMPLE", 4) == 3
    assert {partition_of(f"k{n}", 4) for n in range(100)} == {0, 1, 2, 3}


def test_topics_that_nobody_declared_do_not_exist():
    with pytest.raises(KeyError):
        full_name(Settings(), "utils")
    assert full_name(Settings(prefix="x-"), "entries") == "x-entries"
    assert set(PUBLIC) == {name for name, topic in catalogue().items() if topic.access == "public"}


def test_changelogs_are_compacted_and_never_deleted():
    for name, topic in catalogue().items():
        assert kafka_config(Settings(), topic).get("cleanup.policy") == (
            "compact" if name.startswith("state-") else None
        )


def test_health_turns_red_and_green_again():
    metrics = Metrics()
    metrics.trouble("store", "away")
    assert metrics.troubles == {"store": "away"}
    metrics.trouble("store", "")
    assert metrics.troubles == {}
    metrics.add("rows", 2)
    metrics.add("rows", 0)
    assert metrics.counts == {"rows": 2}
