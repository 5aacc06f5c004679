"""What one process says of itself: counters, health, and how far each group is behind."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaException

from pipeline.alert.file import Alerts
from pipeline.kit.admin import lag
from pipeline.kit.config import Settings
from pipeline.kit.failures import Failure
from pipeline.kit.metrics import Metrics

#: Consumer group of each stage, without prefix.
GROUPS = {"normalize": "whodid-normalize", "correlate": "whodid-correlate", "store": "whodid-store"}


def report(settings: Settings, metrics: Metrics) -> dict[str, Any]:
    """Counters, troubles and lag per stage (messages not yet covered by a commit)."""
    try:
        groups = {**GROUPS, **destinations(settings)}
        behind = {stage: lag(settings, settings.prefix + group) for stage, group in groups.items()}
        troubles = metrics.troubles
    except (KafkaException, Failure) as error:
        behind, troubles = {}, {**metrics.troubles, "kafka": str(error)}
    return {
        "lag": {stage: sum(topics.values()) for stage, topics in behind.items()},
        "lag_by_topic": behind,
        "counts": metrics.counts,
        "troubles": troubles,
    }


def destinations(settings: Settings) -> dict[str, str]:
    """Group of each destination and hook; none while the file of alerts is wrong, which `troubles` tells."""
    try:
        said = Alerts.load(settings.alerts).said
    except Failure:
        return {}
    return {f"alert {one.name}": f"whodid-alert-{one.name}" for one in (*said.destinations, *said.hooks)}
