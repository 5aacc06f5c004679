"""The one list of what is measured: names, kinds, units, labels and meanings. docs/metrics.md is made of it.

Out:    Measured; `ALL` of them, and `COUNTERS` by the name that `Metrics.add` takes
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]
#: Counters of the hot path, as `Metrics.add` and `whodid status` call them.
Name = Literal[
    "records", "events", "ignored", "rejected", "bugs", "batches", "replayed_batches", "gaps", "lost_batches",
    "duplicates", "entries", "findings", "alerts", "delivered", "delivery_retries", "delivery_failures",
    "decisions_refused", "scoring_us", "checkpoints", "held_dropped", "recalled", "recalls_incomplete", "rows",
    "store_retries", "leaves", "heads",
]  # fmt: skip


class Measured(NamedTuple):
    """One metric."""

    #: Without `whodid_`, unit and `_total`.
    base: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    #: What a counter's number is multiplied by to be in its unit.
    scale: float = 1.0
    #: Upper bounds of a histogram.
    buckets: tuple[float, ...] = ()

    @property
    def family(self) -> str:
        """Its name, without the suffix that says of which kind a sample is."""
        return f"whodid_{self.base}" + (f"_{self.unit}" if self.unit else "")

    @property
    def samples(self) -> tuple[str, ...]:
        """Names under which Prometheus has it."""
        suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
        return tuple(self.family + suffix for suffix in suffixes[self.kind])


def _count(base: str, meaning: str, unit: str = "", scale: float = 1.0) -> Measured:
    return Measured(base, "counter", meaning, unit=unit, scale=scale)


COUNTERS: dict[Name, Measured] = {
    "records": _count("records", "Native records that were read from the public topics."),
    "events": _count("events", "Events that they became."),
    "ignored": _count("ignored_records", "Records that say nothing of what anybody did; kept as evidence."),
    "rejected": _count("rejected_records", "Records and messages that became dead letters."),
    "bugs": _count("bugs", "Faults of the program: the record is a dead letter, the trace is in the log."),
    "batches": _count("batches", "Messages that the stateful stages have taken."),
    "replayed_batches": _count("replayed_batches", "Messages that came again after a restart, and changed nothing."),
    "gaps": _count("gaps", "Times that a message was passed over and fetched again."),
    "lost_batches": _count("lost_batches", "Messages that Kafka had deleted before they were read. They are lost."),
    "duplicates": _count("duplicate_events", "Events that had come before, and changed nothing."),
    "entries": _count("entries", "Rows of the timeline that were made, revisions among them."),
    "findings": _count("findings", "Findings and their revisions."),
    "alerts": _count("alerts", "Alerts that were opened."),
    "delivered": _count("delivered_alerts", "News of alerts that a destination took."),
    "delivery_retries": _count("delivery_retries", "Attempts to tell a destination that failed and are made again."),
    "delivery_failures": _count("delivery_failures", "News of alerts that became dead letters: nobody was told."),
    "decisions_refused": _count("refused_decisions", "Decisions about alerts that could not be: a second close."),
    "scoring_us": _count("scoring", "Processor time that detections took.", "seconds", 1e-6),
    "checkpoints": _count("checkpoints", "Checkpoints of a partition's state that are with the broker."),
    "held_dropped": _count("dropped_held_events", "Unattributed events that can no longer be revised."),
    "recalled": _count("recalled_events", "Events that were fetched from the store for a credential that came late."),
    "recalls_incomplete": _count("incomplete_recalls", "Fetches of these that did not have all."),
    "rows": _count("rows", "Rows that the store has."),
    "store_retries": _count("store_failures", "Writes that failed and are made again."),
    "leaves": _count("evidence_leaves", "Leaves of the evidence log."),
    "heads": _count("evidence_heads", "Signed heads of the evidence log."),
}  # fmt: skip

DEAD_LETTERS = Measured("dead_letters", "counter", "Dead letters by the stage that made them.", ("stage",))
DELIVERIES = Measured(
    "deliveries", "counter", "What became of telling a destination: delivered, retry, or failed (a dead letter).",
    ("destination", "outcome"),
)  # fmt: skip
SOURCE_RECORDS = Measured("source_records", "counter", "Records that were understood, by their format.", ("format",))
SOURCE_HEARD = Measured(
    "source_last_record_timestamp", "gauge", "When a record of a format was read last, seconds since 1970.",
    ("format",), "seconds",
)  # fmt: skip
SOURCE_EVENT = Measured(
    "source_last_event_timestamp", "gauge", "The latest event time that a format has told of, seconds since 1970.",
    ("format",), "seconds",
)  # fmt: skip
LAG = Measured(
    "consumer_lag", "gauge", "Messages that a group has not committed yet.", ("group", "topic", "partition"), "messages"
)
LAG_ASKED = Measured(
    "consumer_lag_timestamp", "gauge", "When the broker last said how far the groups are, seconds since 1970.",
    unit="seconds",
)  # fmt: skip
ASSIGNED = Measured("assigned_partitions", "gauge", "Partitions that a role of this process has.", ("role", "topic"))
CHECKPOINT_AGE = Measured(
    "checkpoint_age", "gauge", "How long the oldest input of a topic waits for its checkpoint; 0 if none waits.",
    ("topic",), "seconds",
)  # fmt: skip
WATERMARK_DELAY = Measured(
    "watermark_delay", "gauge", "How far the event time up to which all has been heard is behind now, at most.",
    unit="seconds",
)  # fmt: skip
STATE_VALUES = Measured("state_values", "gauge", "Values in the state of this process's partitions.", ("topic",))
STATE_BYTES = Measured("state", "gauge", "Bytes of these as of their last checkpoint.", ("topic",), "bytes")
MODEL_TIME = Measured(
    "model_timestamp", "gauge", "When the file of a model in use was last written, seconds since 1970.",
    ("model", "version"), "seconds",
)  # fmt: skip
STORE_WRITE = Measured(
    "store_write", "histogram", "What a write took: of the timeline, or of the rest (findings, records, inventory).",
    ("part",), "seconds", buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)  # fmt: skip
HEAD_OVERDUE = Measured(
    "evidence_head_overdue", "gauge", "How long a head is due of a log that has grown; 0 if none is.", unit="seconds"
)
TROUBLE = Measured("trouble", "gauge", "1 for each part of the process that says that something is wrong.", ("part",))
LOOP_AGE = Measured("loop_age", "gauge", "How long ago a loop of this process last came round.", ("part",), "seconds")
READY = Measured("ready", "gauge", "1 if /readyz says so, else 0.")
ROLE = Measured("role", "gauge", "1 for each role of this process.", ("role",))
BUILD = Measured("build_info", "gauge", "1; its labels say what runs.", ("version", "python"))
HTTP = Measured(
    "http_request", "histogram", "What the desk took to answer, by method and class of the status.",
    ("method", "status"), "seconds", buckets=(0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0),
)  # fmt: skip

ALL: tuple[Measured, ...] = (
    *COUNTERS.values(), DEAD_LETTERS, DELIVERIES, SOURCE_RECORDS, SOURCE_HEARD, SOURCE_EVENT, LAG, LAG_ASKED, ASSIGNED,
    CHECKPOINT_AGE, WATERMARK_DELAY, STATE_VALUES, STATE_BYTES, MODEL_TIME, STORE_WRITE, HEAD_OVERDUE, TROUBLE,
    LOOP_AGE, READY, ROLE, BUILD, HTTP,
)  # fmt: skip
