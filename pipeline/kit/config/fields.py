"""Everything that can be set: one flat list of fields, each with its place in the file, its unit and its meaning.

Add a field here, and a line in `tests/kit/test_options.py` says which test sets it; docs/configuration.md is made of it
(`make schemas`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from pipeline.kit.config.clickhouse import ClickHouseFields
from pipeline.kit.config.cluster import ClusterFields
from pipeline.kit.config.kafka import KafkaFields
from pipeline.kit.config.option import option

_HOME = Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser() / "whodid"


class Fields(ClusterFields, ClickHouseFields, KafkaFields):
    """Durations in seconds, sizes in bytes."""

    data_dir: Path = option(
        "process.data_dir", _HOME,
        "Where the embedded store, keys and process state live.",
        shown="~/.local/share/whodid", example="/var/lib/whodid",
    )  # fmt: skip

    ops_host: str = option(
        "process.ops_host", "127.0.0.1",
        "Address at which a process tells of its metrics and its health, without asking who wants to know "
        "(docs/observability.md); loopback until told otherwise.",
        example="10.0.0.7",
    )  # fmt: skip
    ops_port: int | None = option(
        "process.ops_port", None,
        "The port of that; 0 takes a free one, without one there is no such listener.",
        example="9464", ge=0, le=65535,
    )  # fmt: skip

    log_format: Literal["text", "json"] = option(
        "process.log_format", "text",
        "How a process logs on standard error: `text`, or `json`, an object a line (docs/observability.md).",
        example="json",
    )  # fmt: skip

    traces: str = option(
        "process.traces", "",
        "Where spans of the pipeline itself go (OTLP over HTTP, needs the extra `otel`); empty = none are made.",
        example="http://127.0.0.1:4318/v1/traces",
    )  # fmt: skip
    trace_share: float = option(
        "process.trace_share", 0.01,
        "Share of the batches and requests that are traced, from their beginning to their end.",
        ge=0, le=1,
    )  # fmt: skip

    grace: float = option(
        "correlation.grace", 5.0,
        "Event time that an event of unknown credential waits for its issuance before it is shown unattributed.",
        unit="s", ge=0,
    )  # fmt: skip
    late_window: float = option(
        "correlation.late_window", 7 * 86400.0,
        "Event time for which unattributed events are kept for revision.",
        unit="s", ge=0,
    )  # fmt: skip
    late_limit: int = option(
        "correlation.late_limit", 2000,
        "How many of them a link key keeps.",
        unit="events", ge=64,
    )  # fmt: skip
    idle_after: float = option(
        "correlation.idle_after", 1.0,
        "An input partition that is read to its end and silent this long holds no watermark back.",
        unit="s", gt=0,
    )  # fmt: skip
    checkpoint_every: float = option(
        "correlation.checkpoint_every", 1.0,
        "Time between checkpoints of a partition's state.",
        unit="s", gt=0,
    )  # fmt: skip

    drift_budget: float = option(
        "drift.budget", 0.05,
        "Share of harmless agent sessions that may be found to drift, with a severity of low or above; a fifth of "
        "it is for medium and above, a twenty-fifth for high.",
        gt=0, lt=1,
    )  # fmt: skip
    drift_model: Path | None = option(
        "drift.model", None,
        "A model file, if not the one that comes with the program.",
        example="/etc/whodid/drift.json",
    )  # fmt: skip
    tool_chains: Path | None = option(
        "drift.tool_chains", None,
        "A file of declared tool chains (docs/drift.md).",
        example="/etc/whodid/chains.yml",
    )  # fmt: skip

    rules: Path | None = option(
        "detections.rules", None,
        "A folder with rules of one's own and Sigma's (docs/rules.md).",
        example="/etc/whodid/rules",
    )  # fmt: skip
    exceptions: Path | None = option(
        "detections.exceptions", None,
        "A file that says what is known to be harmless (docs/rules.md).",
        example="/etc/whodid/exceptions.yml",
    )  # fmt: skip
    alert_budget: float = option(
        "detections.alert_budget", 0.001,
        "False alarms per active identity-day that a detection of misuse may raise: 0.001 is one in a thousand "
        "days.",
        gt=0, lt=1,
    )  # fmt: skip
    baselines: Path | None = option(
        "detections.baselines", None,
        "A file of baselines, if not the one that comes with the program.",
        example="/etc/whodid/baselines.json",
    )  # fmt: skip

    alerts: Path | None = option(
        "alerts.file", None,
        "A file that says who is told of alerts, how, and what is to be done about them (docs/alerts.md).",
        example="/etc/whodid/alerts.yml",
    )  # fmt: skip

    evidence: str = option(
        "evidence.place", "",
        "Where signed heads of the evidence are published, once and for all: a directory, or "
        "`s3://bucket/prefix`; empty = `data_dir/evidence`, or beside an embedded store elsewhere; `off` = "
        "nothing is logged, nothing can be proven.",
        example="s3://audit-heads/whodid",
    )  # fmt: skip
    evidence_key: Path | None = option(
        "evidence.key", None,
        "The private key that signs them (Ed25519, PEM); default: made once and kept in `data_dir`.",
        example="/etc/whodid/evidence.key",
    )  # fmt: skip
    head_every: float = option(
        "evidence.head_every", 10.0,
        "Time between two heads of a log that grows.",
        unit="s", gt=0,
    )  # fmt: skip

    # By `whodid retention apply` (docs/retention.md).
    keep_timeline: int = option(
        "retention.timeline", 0,
        "How long entries of the timeline are kept, by event time; 0 = for ever.",
        unit="days", example="400", ge=0,
    )  # fmt: skip
    keep_records: int = option(
        "retention.records", 0,
        "How long raw records are kept, by event time; 0 = for ever.",
        unit="days", example="400", ge=0,
    )  # fmt: skip
    keep_findings: int = option(
        "retention.findings", 0,
        "How long findings, alerts and what was told of them are kept; 0 = for ever.",
        unit="days", example="400", ge=0,
    )  # fmt: skip
    keep_dead_letters: int = option(
        "retention.dead_letters", 0,
        "How long dead letters are kept; 0 = for ever.",
        unit="days", example="400", ge=0,
    )  # fmt: skip
    keep_audit: int = option(
        "retention.audit", 0,
        "How long who read what and who signed in is kept; 0 = for ever.",
        unit="days", example="400", ge=0,
    )  # fmt: skip

    producers: Path | None = option(
        "producers.file", None,
        "A file that says who may send which records, and what becomes of those that nobody signed "
        "(docs/producers.md).",
        example="/etc/whodid/producers.yaml",
    )  # fmt: skip
    producer: str = option(
        "producers.name", "",
        "Who sends from here: what `whodid send` sends is signed in this name.",
        example="okta-bridge",
    )  # fmt: skip
    producer_key: Path | None = option(
        "producers.key", None,
        "The private key that it is signed with (Ed25519, PEM; `whodid producers make`).",
        example="/etc/whodid/okta-bridge.pem",
    )  # fmt: skip

    host: str = option(
        "desk.host", "127.0.0.1",
        "HTTP address of collector and console; loopback until told otherwise.",
        example="::",
    )  # fmt: skip
    port: int = option(
        "desk.port", 8470,
        "HTTP port of collector and console; 0 takes a free one.",
        ge=0, le=65535,
    )  # fmt: skip
    public_url: str = option(
        "desk.public_url", "",
        "Where people find the console when a reverse proxy stands before it.",
        example="https://whodid.example.com",
    )  # fmt: skip
    proxies: str = option(
        "desk.proxies", "",
        "The addresses of such proxies, with commas: what they say of a client's address and of https is "
        "believed.",
        example="10.0.0.5",
    )  # fmt: skip
    session_life: float = option(
        "desk.session_life", 12 * 3600.0,
        "A session of a browser ends after so long.",
        unit="s", ge=60, le=30 * 86400,
    )  # fmt: skip
    request_rate: float = option(
        "desk.request_rate", 50.0,
        "Requests that a person, a key or an address may make, and four times as many at once.",
        unit="requests a second", gt=0,
    )  # fmt: skip
    api_key: str = option(
        "desk.api_key", "",
        "The key with which commands ask a desk (docs/access.md).",
        secret=True, example="whodid_…",
    )  # fmt: skip

    oidc_issuer: str = option(
        "oidc.issuer", "",
        "An identity provider (OpenID Connect), as it calls itself.",
        example="https://idp.example.com/realms/soc",
    )  # fmt: skip
    oidc_client_id: str = option(
        "oidc.client_id", "",
        "Which client of it the desk is.",
        example="whodid",
    )  # fmt: skip
    oidc_client_secret: str = option(
        "oidc.client_secret", "",
        "That client's secret; without one it is a public client.",
        secret=True,
    )  # fmt: skip
    oidc_scope: str = option(
        "oidc.scope", "openid email profile",
        "What the provider is asked for.",
    )  # fmt: skip
    oidc_groups_claim: str = option(
        "oidc.groups_claim", "groups",
        "The claim with somebody's groups.",
    )  # fmt: skip
    oidc_roles: str = option(
        "oidc.roles", "",
        "The role of each group. No group, no entry.",
        example="soc-leads=admin; soc=analyst",
    )  # fmt: skip

    text_limit: int = option(
        "content.text_limit", 2048,
        "How much of a prompt, answer, result or argument is kept in the timeline (the record keeps more).",
        unit="bytes", ge=0,
    )  # fmt: skip
    content: str = option(
        "content.keep", "full",
        "How much of what was said is kept: `full` (without secrets), `masked` (without personal data too) or "
        "`hash`; for some formats another way.",
        example="full; claude-code=hash; aws.*=masked",
    )  # fmt: skip
    hash_key: str = option(
        "content.hash_key", "",
        "Key of the hashes that stand for secrets and values, and of cookies; empty = made once and kept in "
        "`data_dir`.",
        secret=True, example="32 characters drawn at random",
    )  # fmt: skip
    message_limit: int = option(
        "kafka.message_limit", 16 * 1024 * 1024,
        "Largest message taken; larger ones become dead letters.",
        unit="bytes", ge=1024,
    )  # fmt: skip

    @field_validator("traces")
    @classmethod
    def _collector(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise ValueError("expected http://… or https://…, e.g. http://127.0.0.1:4318/v1/traces")
        return url

    @field_validator("public_url", "oidc_issuer")
    @classmethod
    def _known_site(cls, url: str) -> str:
        parts = urlsplit(url)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if url and not (parts.scheme == "https" or (parts.scheme == "http" and local and parts.netloc)):
            raise ValueError("expected https://…, e.g. https://whodid.example.com")
        return url.rstrip("/")
