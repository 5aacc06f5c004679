"""What can be set of ClickHouse: where it is, how one connects and who one is, and who makes its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import field_validator
from pydantic_settings import BaseSettings

from pipeline.kit.config.option import option

Migrate = Literal["auto", "never"]


class ClickHouseFields(BaseSettings):
    """See docs/clickhouse.md. Whether they fit each other is seen by `pipeline.store.connection`."""

    clickhouse: str = option(
        "clickhouse.url", "chdb://memory",
        "`chdb:///absolute/path` or `chdb://memory` (embedded), or `http(s)://user:password@host:port/database`; of a "
        "server that has replicas several `host:port`, with commas: the first that answers is taken.",
        secret=True, address=True, example="https://whodid:…@clickhouse:8443/whodid",
    )  # fmt: skip
    clickhouse_password: str = option(
        "clickhouse.password", "",
        "The password, if it is not in the address.",
        secret=True,
    )  # fmt: skip
    clickhouse_ca: Path | None = option(
        "clickhouse.ca", None,
        "Authorities that may have signed the server's certificate (PEM); default: those that come with the program.",
        example="/etc/whodid/clickhouse-ca.pem",
    )  # fmt: skip
    clickhouse_certificate: Path | None = option(
        "clickhouse.certificate", None,
        "Our own certificate with its chain (PEM), for mutual TLS; without a password it also says who one is.",
        example="/etc/whodid/store.pem",
    )  # fmt: skip
    clickhouse_key: Path | None = option(
        "clickhouse.key", None,
        "Its private key (PEM, not encrypted).",
        example="/etc/whodid/store.key",
    )  # fmt: skip
    clickhouse_server_name: str = option(
        "clickhouse.server_name", "",
        "The name in the server's certificate, if it is another than the host in the address.",
        example="clickhouse.example.com",
    )  # fmt: skip
    clickhouse_migrate: Migrate = option(
        "clickhouse.migrate", "auto",
        "`auto`: a process brings the tables up to date when it starts. `never`: it only checks them, and needs no "
        "right to: `whodid store migrate` does it.",
        example="never",
    )  # fmt: skip

    @field_validator("clickhouse")
    @classmethod
    def _known_store(cls, dsn: str) -> str:
        if not dsn.startswith(("chdb://", "http://", "https://", "clickhouse://", "clickhouses://")):
            raise ValueError("expected chdb://…, http://… or https://…, e.g. http://user:secret@clickhouse:8123/whodid")
        return dsn
