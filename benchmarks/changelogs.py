"""Somebody outside reads the changelogs: how many values the state of each hop has, of which sort, and how large."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

from confluent_kafka import Message

from benchmarks.outside import Outside
from pipeline.app import CHANGELOGS
from pipeline.kit.config import Settings
from pipeline.kit.state import unpacked
from pipeline.kit.topics import full_name


class Changelogs(Outside):
    """Reads all of them."""

    def __init__(self, settings: Settings) -> None:
        self._names = {full_name(settings, name): name for name in CHANGELOGS.values()}
        super().__init__(settings, "changelogs", self._names)
        #: Size of each value, and of each segment, by changelog and partition.
        self._values: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        self._segments: dict[tuple[str, int], dict[bytes, int]] = defaultdict(dict)
        self._lock = threading.Lock()

    def sizes(self) -> dict[str, dict[str, int]]:
        """By changelog: values, their bytes, those of the fullest partition, and the bytes that the changelog keeps."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for (name, _), values in self._values.items():
                one = found.setdefault(name, {"values": 0, "bytes": 0, "changelog": 0, "fullest": 0})
                size = sum(values.values())
                one["values"] += len(values)
                one["bytes"] += size
                one["fullest"] = max(one["fullest"], size)
            for (name, _), segments in self._segments.items():
                found[name]["changelog"] += sum(segments.values())
        return found

    def sorts(self) -> dict[str, dict[str, int]]:
        """Number of values by changelog and by prefix of their keys."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        with self._lock:
            for (name, _), values in self._values.items():
                found[name].update(key.partition("/")[0] for key in values)
        return {name: dict(counts) for name, counts in found.items()}

    def _read(self, message: Message) -> None:
        place = self._names[message.topic()], message.partition()
        with self._lock:
            self._take(place, message.key() or b"", message.value())

    def _take(self, place: tuple[str, int], key: bytes, value: bytes | None) -> None:
        if not value:
            self._segments[place].pop(key, None)
            return
        self._segments[place][key] = len(value)
        values = self._values[place]
        for name, data in unpacked(value).changes.items():
            if data is None:
                values.pop(name, None)
            else:
                values[name] = len(data)
