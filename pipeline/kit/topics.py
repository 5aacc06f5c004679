"""Topics are data: `schemas/topics.yaml` becomes names, partitions and settings."""

from __future__ import annotations

import zlib
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from pipeline.kit.config import Settings

PUBLIC = ("prompts", "tool-calls", "token-issuance", "cloud-audit")


class Topic(BaseModel):
    """One entry of `schemas/topics.yaml`."""

    model_config = ConfigDict(extra="forbid")

    about: str
    access: Literal["public", "internal"]
    key: str
    value: str
    retention_hours: int | None = None
    group: str | None = None
    compact: bool = False
    dead_letter: str | None = None


@cache
def catalogue() -> dict[str, Topic]:
    """Every topic by its name without prefix."""
    text = files("schemas").joinpath("topics.yaml").read_text(encoding="utf-8")
    return {name: Topic.model_validate(entry) for name, entry in yaml.safe_load(text).items()}


def full_name(settings: Settings, topic: str) -> str:
    """The topic's name in Kafka. Raises KeyError for a topic that is not in the catalogue."""
    if topic not in catalogue():
        raise KeyError(topic)
    return settings.prefix + topic


def kafka_config(settings: Settings, topic: Topic) -> dict[str, str]:
    """Topic settings in Kafka's own names."""
    config = {"max.message.bytes": str(settings.transport_limit)}
    if settings.replication > 1:
        config["min.insync.replicas"] = str(settings.min_insync or settings.replication - 1)
    if topic.compact:
        # Not `compact,delete`: faust#176, recovery waits for ever when a changelog's start was deleted.
        config["cleanup.policy"] = "compact"
    if topic.retention_hours is not None:
        config["retention.ms"] = str(topic.retention_hours * 3_600_000)
    return config


def partition_of(key: str, partitions: int) -> int:
    """The partition that owns a key; the same in every process and for every joined topic."""
    return zlib.crc32(key.encode()) % partitions
