"""What can be set of Kafka: where it is, what topics and groups are like, how one connects and who one is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings

from pipeline.kit.config.option import option

Protocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


class KafkaFields(BaseSettings):
    """See docs/kafka.md. Whether they fit each other is seen by `pipeline.kit.connection`."""

    bootstrap: str = option(
        "kafka.bootstrap", "127.0.0.1:9092",
        "Kafka bootstrap servers, with commas.",
        example="kafka-1:9092,kafka-2:9092",
    )  # fmt: skip
    prefix: str = option(
        "kafka.prefix", "",
        "Put before every topic and group name, so that several installations can share one Kafka.",
        example="staging-",
    )  # fmt: skip
    partitions: int = option(
        "kafka.partitions", 4,
        "Partitions of the topics whodid creates; equal for all that are joined.",
        ge=1, le=1024,
    )  # fmt: skip
    replication: int = option(
        "kafka.replication", 1,
        "Copies of each partition of the topics whodid creates.",
        example="3", ge=1, le=9,
    )  # fmt: skip
    session_timeout: float = option(
        "kafka.session_timeout", 6.0,
        "Kafka group session timeout. The embedded broker makes a group wait half of it before it starts.",
        unit="s", ge=1.0,
    )  # fmt: skip
    min_insync: int = option(
        "kafka.min_insync", 0,
        "Copies of a message that there must be before it is acknowledged; 0 = one less than `replication`, at least "
        "one.",
        example="2", ge=0, le=9,
    )  # fmt: skip
    create_topics: bool = option(
        "kafka.create_topics", True,
        "Whether a process makes the topics that are missing. If not, it only checks them, and needs no right to: "
        "`whodid topics create` makes them.",
    )  # fmt: skip
    instance: str = option(
        "kafka.instance", "",
        "A name of this process that outlives its restarts, and that no other process with the same role has: back "
        "within the session timeout, it goes on with its partitions, and no other member is disturbed. Empty = none.",
        example="worker-1", pattern=r"^[A-Za-z0-9._-]{0,200}$",
    )  # fmt: skip
    kafka_protocol: Protocol = option(
        "kafka.protocol", "plaintext",
        "How Kafka is spoken to: `plaintext`, `ssl`, `sasl_plaintext` (on loopback only) or `sasl_ssl`.",
        example="sasl_ssl",
    )  # fmt: skip
    kafka_mechanism: Mechanism = option(
        "kafka.mechanism", "",
        "How one says who one is: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`; empty without sasl.",
        example="SCRAM-SHA-512",
    )  # fmt: skip
    kafka_username: str = option(
        "kafka.username", "",
        "Who one is, for PLAIN and SCRAM.",
        example="whodid-worker",
    )  # fmt: skip
    kafka_password: str = option(
        "kafka.password", "",
        "Its password.",
        secret=True,
    )  # fmt: skip
    kafka_ca: Path | None = option(
        "kafka.ca", None,
        "Authorities that may have signed the brokers' certificates (PEM); default: those that the system trusts.",
        example="/etc/whodid/kafka-ca.pem",
    )  # fmt: skip
    kafka_certificate: Path | None = option(
        "kafka.certificate", None,
        "Our own certificate with its chain (PEM), for mutual TLS.",
        example="/etc/whodid/worker.pem",
    )  # fmt: skip
    kafka_key: Path | None = option(
        "kafka.key", None,
        "Its private key (PEM).",
        example="/etc/whodid/worker.key",
    )  # fmt: skip
    kafka_key_password: str = option(
        "kafka.key_password", "",
        "The password of that key, if it is encrypted.",
        secret=True,
    )  # fmt: skip
    kafka_token_url: str = option(
        "kafka.token_url", "",
        "Where tokens for OAUTHBEARER come from (OAuth 2.0, client credentials).",
        example="https://idp.example.com/oauth2/token",
    )  # fmt: skip
    kafka_client_id: str = option(
        "kafka.client_id", "",
        "The client that asks for them.",
        example="whodid",
    )  # fmt: skip
    kafka_client_secret: str = option(
        "kafka.client_secret", "",
        "That client's secret.",
        secret=True,
    )  # fmt: skip
    kafka_scope: str = option(
        "kafka.scope", "",
        "The scope that is asked for; empty = none.",
        example="kafka",
    )  # fmt: skip
