"""What can be set of a cluster of ClickHouse servers: which it is, and how sure a write is."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from pipeline.kit.config.option import option


class ClusterFields(BaseSettings):
    """See docs/decisions/0023-one-schema-two-shapes.md."""

    clickhouse_cluster: str = option(
        "clickhouse.cluster", "",
        "The cluster of shards and replicas that the tables are made on, as the servers' configuration (or a macro of "
        "theirs) calls it; empty = one server.",
        example="{cluster}", pattern=r"^(\{\w{1,60}\}|[\w.-]{0,60})$",
    )  # fmt: skip
    clickhouse_quorum: str = option(
        "clickhouse.quorum", "auto",
        "On a cluster, how many replicas have a block before its offset is committed; `auto` = the majority of them. "
        "With fewer alive nothing is written, and nothing is lost: Kafka has it.",
        example="1", pattern=r"^(auto|[1-9])$",
    )  # fmt: skip
