"""Whether the processes themselves are well: what Prometheus has of them (docs/metrics.md)."""

from __future__ import annotations

from dashboards.panels import SECONDS, SHARE, Board, series, stat

_STATUS = {"Status": "/status"}
_BYTES, _PER_SECOND = "bytes", "ops"

BOARD = Board(
    "operations",
    "whodid / Operations",
    "Whether the processes are well, how far each stage is behind, and what they cost. Runbooks: docs/operations/.",
    {
        "Now": (
            stat(
                "How many processes answer?", "Those that Prometheus knows and that answered when it asked last.",
                'sum(up{job="whodid"})', _STATUS,
            ),
            stat(
                "How many are not ready?", "Without partitions, still reading their state, or in trouble: /readyz.",
                "count(whodid_ready == 0) or vector(0)", _STATUS,
            ),
            stat(
                "How many messages wait?", "Not committed by their group yet, of all groups and topics.",
                "sum(max by (group, topic, partition) (whodid_consumer_lag_messages))", _STATUS,
            ),
            stat(
                "How long is a head overdue?", "Of the evidence log: from when it was to be signed until now.",
                "max(whodid_evidence_head_overdue_seconds)", {"Heads": "/v1/evidence/heads"}, unit=SECONDS,
            ),
        ),
        "Flow": (
            series(
                "How much is read?", "Native records a second, by their format; a line that ends is a silent source.",
                "sum by (format) (rate(whodid_source_records_total[5m]))", {"Coverage": "/coverage"}, unit=_PER_SECOND,
            ),
            series(
                "How far is each group behind?", "Messages that are not committed, by consumer group.",
                "sum by (group) (max by (group, topic, partition) (whodid_consumer_lag_messages))", _STATUS,
            ),
            series(
                "What could not be processed?", "Dead letters a second by the stage that made them.",
                "sum by (stage) (rate(whodid_dead_letters_total[5m]))", {"Dead letters": "/dead-letters"},
                unit=_PER_SECOND,
            ),
            series(
                "Who is told of alerts?", "Attempts a second by destination and what became of them.",
                "sum by (destination, outcome) (rate(whodid_deliveries_total[5m]))", {"Alerts": "/alerts"},
                unit=_PER_SECOND,
            ),
        ),
        "State and time": (
            series(
                "How late is the watermark?", "From the event time up to which all has been heard until now.",
                "max(whodid_watermark_delay_seconds)", _STATUS, unit=SECONDS,
            ),
            series(
                "How long does input wait for its checkpoint?", "By topic; the greatest of all workers.",
                "max by (topic) (whodid_checkpoint_age_seconds)", _STATUS, unit=SECONDS,
            ),
            series(
                "How large is the state?", "Bytes in the partitions of all workers as of a checkpoint, by topic.",
                "sum by (topic) (whodid_state_bytes)", _STATUS, unit=_BYTES,
            ),
            series(
                "Who has which partitions?", "Partitions by process and role; a step is a rebalance.",
                "sum by (instance, role) (whodid_assigned_partitions)", _STATUS,
            ),
        ),
        "Store and processes": (
            series(
                "How long does a write take?", "Nineteen of twenty writes took no longer, by part.",
                "histogram_quantile(0.95, sum by (le, part) (rate(whodid_store_write_seconds_bucket[5m])))", _STATUS,
                unit=SECONDS,
            ),
            series(
                "Which writes failed?", "Writes a second that are made again, by process.",
                "sum by (instance) (rate(whodid_store_failures_total[5m]))", _STATUS, unit=_PER_SECOND,
            ),
            series(
                "How much memory has each process?", "Resident bytes.",
                'max by (instance) (process_resident_memory_bytes{job="whodid"})', _STATUS, unit=_BYTES,
            ),
            series(
                "How busy is each process?", "Processor time a second; one is a core.",
                'sum by (instance) (rate(process_cpu_seconds_total{job="whodid"}[5m]))', _STATUS, unit=SHARE,
            ),
        ),
    },
    measured=True,
)  # fmt: skip
