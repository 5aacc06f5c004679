"""What each role does at Kafka becomes the access that it needs there, and no more.

One table (`ROLES`), out of which come the lists of `whodid topics acls`, docs/kafka.md, and a test in which each role
has exactly these rights.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from pipeline.kit.config import Settings
from pipeline.kit.topics import PUBLIC, catalogue

CHANGELOGS = tuple(name for name, topic in catalogue().items() if topic.compact)
#: Groups of the destinations of alerts begin so, each ends with the name of one.
ALERT_GROUPS = "whodid-alert-"


class Role(NamedTuple):
    """What a role does at Kafka; names are without prefix."""

    about: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    #: Groups that it is a member of, and groups whose offsets it asks for. A name that ends with `-` stands for all
    #: that begin so.
    groups: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    #: Whether it makes topics and changes them.
    makes: bool = False


ROLES: dict[str, Role] = {
    "normalize": Role(
        "reads what producers sent, and does not run ahead of the correlators", PUBLIC,
        ("events-by-credential", "events-by-actor", "records", "dead-letters"), ("whodid-normalize",),
        ("whodid-correlate",),
    ),
    "correlate": Role(
        "keeps its state in its changelogs; what was decided about an alert becomes an event of its own",
        ("events-by-credential", "events-by-actor", "steps", "entries", "findings", *CHANGELOGS),
        (
            "events-by-credential", "events-by-actor", "steps", "entries", "findings", "alerts", "recalls",
            "cloud-audit", "dead-letters", *CHANGELOGS,
        ),
        ("whodid-correlate",),
    ),
    "store": Role(
        "writes the store, signs heads, and gives back what is recalled",
        ("entries", "steps", "findings", "alerts", "deliveries", "records", "dead-letters", "recalls"),
        ("tree-heads", "events-by-credential"), ("whodid-store", "whodid-recall"),
    ),
    "alert": Role(
        "tells of alerts, a group for each destination", ("alerts",), ("deliveries", "dead-letters", "findings"),
        (ALERT_GROUPS,),
    ),
    "console": Role(
        "what is decided becomes a finding, who read what an event; shows how far each group is", (),
        ("findings", "cloud-audit"), (), ("whodid-normalize", "whodid-correlate", "whodid-store", ALERT_GROUPS),
    ),
    "collect": Role("takes events over HTTP", (), (*PUBLIC, "dead-letters")),
    "send": Role(
        "`whodid send`, and `dead-letters replay` of what came from producers or was to be told", (),
        (*PUBLIC, "alerts", "dead-letters"),
    ),
    "topics": Role("`whodid topics create`, for whoever sets an installation up", makes=True),
}  # fmt: skip


class Acl(NamedTuple):
    """One right: everything of a name, or what begins with it."""

    resource: str
    name: str
    pattern: str
    operation: str


def acls(settings: Settings, role: str) -> list[Acl]:
    """What a role may do, with full names. Every role sees that topics are there and fit. Raises KeyError."""
    said = ROLES[role]
    found = [_topic(settings, name, operation) for name in catalogue() for operation in ("Describe", "DescribeConfigs")]
    if said.makes:
        found += [_topic(settings, name, each) for name in catalogue() for each in ("Create", "Alter", "AlterConfigs")]
    found += [_topic(settings, name, "Read") for name in said.reads]
    found += [_topic(settings, name, "Write") for name in said.writes]
    found += [_group(settings, name, "Read") for name in said.groups]
    found += [_group(settings, name, "Describe") for name in said.asks]
    return found


def commands(found: list[Acl], principal: str) -> Iterator[str]:
    """The same as commands of Kafka's own tool: one for each kind of right."""
    kinds: dict[tuple[str, str, str], list[str]] = {}
    for acl in found:
        kinds.setdefault((acl.resource, acl.pattern, acl.operation), []).append(acl.name)
    for (resource, pattern, operation), names in kinds.items():
        words = ["kafka-acls", "--add", "--allow-principal", principal, "--operation", operation]
        words += ["--resource-pattern-type", pattern]
        words += [word for name in names for word in (f"--{resource}", name)]
        # Where the cluster is, and who asks, is for whoever runs it to say.
        yield shlex.join(words) + " $KAFKA"


def strimzi(found: list[Acl], user: str) -> str:
    """The same as a KafkaUser of the Strimzi operator."""
    rules: dict[tuple[str, str, str], list[str]] = {}
    for acl in found:
        rules.setdefault((acl.resource, acl.name, acl.pattern), []).append(acl.operation)
    listed = [
        {"resource": {"type": resource, "name": name, "patternType": pattern}, "operations": operations}
        for (resource, name, pattern), operations in rules.items()
    ]
    told: dict[str, Any] = {
        "apiVersion": "kafka.strimzi.io/v1beta2", "kind": "KafkaUser", "metadata": {"name": user},
        "spec": {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": listed}},
    }  # fmt: skip
    return yaml.safe_dump(told, sort_keys=False)


def _topic(settings: Settings, name: str, operation: str) -> Acl:
    return Acl("topic", settings.prefix + name, "literal", operation)


def _group(settings: Settings, name: str, operation: str) -> Acl:
    return Acl("group", settings.prefix + name, "prefixed" if name.endswith("-") else "literal", operation)
