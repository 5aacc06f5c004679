"""Topics as they are in Kafka and as they must be become what does not fit, each with what to do about it.

In:     the catalogue and the settings; what a broker says of a topic
Out:    Misfit, of which some would lose or corrupt data and others are only worth knowing
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.kit.topics import Topic, catalogue, kafka_config


@dataclass(frozen=True)
class Found:
    """A topic as a broker tells of it."""

    partitions: int
    #: Copies of the partition that has fewest.
    replication: int
    #: Its settings in Kafka's names; empty of a broker that does not tell.
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Misfit:
    """One thing that does not fit."""

    #: Full name of the topic.
    topic: str
    what: str
    found: str
    wanted: str
    #: A command or a setting that mends it.
    fix: str
    #: Whether data would be lost or corrupted, or could not be written: nothing starts on it.
    fatal: bool

    def __str__(self) -> str:
        return f"topic {self.topic}: {self.what} is {self.found}, expected {self.wanted}: {self.fix}"


#: Says what does not fit of one topic: full name, entry of the catalogue, what was found, settings.
Rule = Callable[[str, Topic, Found, Settings], Iterator[Misfit]]


def misfits(settings: Settings, found: Mapping[str, Found]) -> list[Misfit]:
    """What does not fit, of all topics of the catalogue. `found` is by full name; what is not in it is missing."""
    told: list[Misfit] = []
    for short, topic in catalogue().items():
        name = settings.prefix + short
        if name not in found:
            told.append(Misfit(name, "it", "missing", "there", "whodid topics create", fatal=True))
            continue
        for rule in _RULES:
            told += rule(name, topic, found[name], settings)
    return told


def _partitions(name: str, topic: Topic, found: Found, settings: Settings) -> Iterator[Misfit]:
    if topic.group == "joined" and found.partitions != settings.partitions:
        fix = (
            f"set WHODID_PARTITIONS={found.partitions}, or use another WHODID_PREFIX, or stop all workers and delete "
            "the topics of the group 'joined'"
        )
        what = "the number of partitions"
        yield Misfit(name, what, str(found.partitions), str(settings.partitions), fix, fatal=True)


def _replicas(name: str, _topic: Topic, found: Found, settings: Settings) -> Iterator[Misfit]:
    least = _number(found.config.get("min.insync.replicas"), 1)
    if found.replication < least:
        fix = f"{_alter(name, 'min.insync.replicas', str(found.replication))}, or give it {least} copies"
        yield Misfit(
            name, "the number of copies", str(found.replication), f"min.insync.replicas ({least}) or more, or nothing "
            "can be written", fix, fatal=True,
        )  # fmt: skip
    elif found.replication < settings.replication:
        fix = f"kafka-reassign-partitions $KAFKA with {settings.replication} replicas each, or set WHODID_REPLICATION"
        wanted = f"{settings.replication} (WHODID_REPLICATION)"
        yield Misfit(name, "the number of copies", str(found.replication), wanted, fix, fatal=False)
    elif found.replication == least > 1:
        fix = _alter(name, "min.insync.replicas", str(least - 1))
        wanted = f"less than the {found.replication} copies, or one broker away stops it"
        yield Misfit(name, "min.insync.replicas", str(least), wanted, fix, fatal=False)


def _cleanup(name: str, topic: Topic, found: Found, _settings: Settings) -> Iterator[Misfit]:
    policy = found.config.get("cleanup.policy")
    wanted = "compact" if topic.compact else "delete"
    if policy is not None and policy != wanted:
        why = "it is a changelog: what is deleted of it is lost state" if topic.compact else "its messages have no keys"
        yield Misfit(
            name, "cleanup.policy", policy, f"{wanted} ({why})", _alter(name, "cleanup.policy", wanted), fatal=True
        )


def _least(name: str, topic: Topic, found: Found, settings: Settings) -> Iterator[Misfit]:
    """What must be as much as we ask for, or more; -1 is no limit."""
    for key, wanted in kafka_config(settings, topic).items():
        value = found.config.get(key)
        if key == "cleanup.policy" or value is None or _number(value, 0) >= int(wanted) or value == "-1":
            continue
        # What is too large for a public topic, its sender is told of; what is too large for ours would stop a stage.
        fatal = key == "max.message.bytes" and topic.access == "internal"
        yield Misfit(name, key, value, f"{wanted} or more", _alter(name, key, wanted), fatal)


def _losing(name: str, _topic: Topic, found: Found, _settings: Settings) -> Iterator[Misfit]:
    """What lets a broker throw away what it has acknowledged, or what nobody has read yet."""
    for key, wanted in (("unclean.leader.election.enable", "false"), ("retention.bytes", "-1")):
        value = found.config.get(key)
        if value is not None and value != wanted:
            yield Misfit(name, key, value, wanted, _alter(name, key, wanted), fatal=False)


_RULES: tuple[Rule, ...] = (_partitions, _replicas, _cleanup, _least, _losing)


def possible(settings: Settings) -> None:
    """Raise Invalid when no topic could be made so that it can be written."""
    if settings.min_insync > settings.replication:
        raise Invalid(
            "WHODID_MIN_INSYNC", f"at most WHODID_REPLICATION ({settings.replication}), or nothing can be written",
            settings.min_insync,
        )  # fmt: skip


def _alter(name: str, key: str, value: str) -> str:
    # What $KAFKA stands for (`--bootstrap-server …`) whoever runs it knows; docs/kafka.md says it.
    return f"kafka-configs $KAFKA --alter --entity-type topics --entity-name {name} --add-config {key}={value}"


def _number(text: str | None, default: int) -> int:
    try:
        return default if text is None else int(text)
    except ValueError:
        return default
