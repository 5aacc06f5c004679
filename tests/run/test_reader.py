"""When an input partition holds nobody back: read to its end and silent, or nothing is known of it for long."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition

from pipeline.run.normalize import Reader


class Broker:
    """What a consumer knows of a partition out of the answers to its fetches: first and end, -1001 before any."""

    def __init__(self, first: int, end: int) -> None:
        self.known = first, end

    def get_watermark_offsets(self, _partition: TopicPartition, *, cached: bool) -> tuple[int, int]:
        assert cached
        return self.known


NOTHING = -1001, -1001


@pytest.mark.parametrize(
    ("known", "span", "silent", "is_idle"),
    [
        (NOTHING, (-1, 500), 60.0, False),
        ((0, 500), (-1, 500), 60.0, False),
        ((0, 500), (500, 500), 1.0, True),
        ((500, 500), (-1, 500), 1.0, True),
        ((0, 900), (500, 500), 60.0, False),
        ((0, 0), (-1, 0), 1.0, True),
        (NOTHING, (-1, -1), 1.0, False),
        (NOTHING, (-1, -1), 60.0, True),
        ((0, 0), (-1, 0), 0.0, False),
    ],
    ids=[
        "a backlog of which nothing came yet", "a backlog that is known of", "read before", "expired",
        "more has come since", "empty", "unknown", "unknown for long", "heard of just now",
    ],
)  # fmt: skip
def test_who_is_idle(known: tuple[int, int], span: tuple[int, int], silent: float, is_idle: bool) -> None:
    reader = Reader(Broker(*known), TopicPartition("cloud-audit", 0), 0.5, span)  # type: ignore[arg-type]
    reader.heard -= silent
    assert reader.idle is is_idle


def test_who_has_read_on_is_idle_at_the_end() -> None:
    reader = Reader(Broker(0, 10), TopicPartition("cloud-audit", 0), 0.5, (-1, 10))  # type: ignore[arg-type]
    for offset, at_end in ((8, False), (9, True)):
        reader.hear(offset)
        reader.heard -= 1
        assert reader.idle is at_end
