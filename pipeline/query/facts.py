"""What alerts and findings say of the fields of the language: objects as they travel, or as the API shows them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.query.matching import ValueOf
from pipeline.query.tree import ANYWHERE

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
#: Keys of an alert, and of a finding, that say something of a field.
ALERT: Mapping[str, tuple[str, ...]] = {
    "actor": ("actor",), "actor-kind": ("actor_kind",), "human": ("human",), "session": ("session",),
    "credential": ("credentials",), "policy": ("policies",), "action": ("actions",), "resource": ("resources",),
    "account": ("accounts",), "address": ("addresses",), "detection": ("detections",), "severity": ("severity",),
    "risk": ("risk",), "event": ("entries",), "since": ("last",), "until": ("last",),
    ANYWHERE: ("title", "sentence", "actor", "human", "session", "credentials", "actions", "resources", "addresses",
               "detections"),
}  # fmt: skip
FINDING: Mapping[str, tuple[str, ...]] = {
    "actor": ("actor",), "actor-kind": ("actor_kind",), "human": ("human",), "session": ("session",),
    "credential": ("credential",), "policy": ("policy",), "action": ("action",), "resource": ("resources",),
    "account": ("account",), "address": ("address",), "detection": ("detection",), "severity": ("severity",),
    "event": ("entries",), "since": ("time",), "until": ("time",),
    ANYWHERE: ("title", "sentence", "actor", "human", "session", "credential", "action", "resources", "address",
               "detection"),
}  # fmt: skip


def fields(keys: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Fields that can be asked for."""
    return sorted(set(keys) - {ANYWHERE})


def values_of(row: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]]) -> ValueOf:
    """What a row says. Of a field that it has nothing of it says nothing."""

    def value_of(field: str) -> Sequence[str | float]:
        found: list[str | float] = []
        for key in keys.get(field, ()):
            value = row.get(key, "")
            found.extend(value if isinstance(value, list | dict) else [value])
        return [_moment(one) for one in found] if field == "since" else found

    return value_of


def _moment(value: str | float) -> float:
    if not isinstance(value, str):
        return value
    try:
        return (datetime.datetime.fromisoformat(value) - _EPOCH) // datetime.timedelta(microseconds=1)
    except (ValueError, TypeError):
        return 0
