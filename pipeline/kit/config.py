"""Settings: the environment (`WHODID_…`) and the command line become one object."""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be set. Durations in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="WHODID_", extra="ignore", validate_assignment=True)

    #: Kafka bootstrap servers.
    bootstrap: str = "127.0.0.1:9092"
    #: Put before every topic and group name, so that several installations can share one Kafka.
    prefix: str = ""
    #: Partitions of the topics whodid creates; equal for all that are joined.
    partitions: int = Field(4, ge=1, le=1024)
    replication: int = Field(1, ge=1, le=9)
    #: Kafka group session timeout. The embedded broker makes a group wait half of it before it starts.
    session_timeout: float = Field(6.0, ge=1.0)

    #: `chdb:///absolute/path` or `chdb://memory` (embedded), or `http(s)://user:password@host:port/database`.
    clickhouse: str = "chdb://memory"
    #: Where the embedded store, keys and process state live.
    data_dir: Path = Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser() / "whodid"

    #: Event time that an event of unknown credential waits for its issuance before it is shown unattributed.
    grace: float = Field(5.0, ge=0)
    #: Event time for which unattributed events are kept for revision, and how many a link key keeps.
    late_window: float = Field(7 * 86400.0, ge=0)
    late_limit: int = Field(2000, ge=64)
    #: An input partition that is read to its end and silent this long holds no watermark back.
    idle_after: float = Field(1.0, gt=0)
    #: Time between checkpoints of a partition's state.
    checkpoint_every: float = Field(1.0, gt=0)

    #: Share of harmless agent sessions that may be found to drift, with a severity of low or above; a fifth of it is
    #: for medium and above, a twenty-fifth for high.
    drift_budget: float = Field(0.05, gt=0, lt=1)
    #: A model file, if not the one that comes with the program; and a file of declared tool chains.
    drift_model: Path | None = None
    tool_chains: Path | None = None

    #: A folder with rules of one's own and Sigma's, and a file that says what is known to be harmless (docs/rules.md).
    rules: Path | None = None
    exceptions: Path | None = None
    #: False alarms per active identity-day that a detection of misuse may raise: 0.001 is one in a thousand days.
    alert_budget: float = Field(0.001, gt=0, lt=1)
    #: A model file, if not the one that comes with the program.
    baselines: Path | None = None

    #: A file that says who is told of alerts, how, and what is to be done about them (docs/alerts.md).
    alerts: Path | None = None

    #: Where signed heads of the evidence are published, once and for all: a directory, or `s3://bucket/prefix`; empty =
    #: `data_dir/evidence`, or beside an embedded store elsewhere; `off` = nothing is logged, nothing can be proven.
    evidence: str = ""
    #: The private key that signs them (Ed25519, PEM); default: made once and kept in `data_dir`.
    evidence_key: Path | None = None
    #: Time between two heads of a log that grows.
    head_every: float = Field(10.0, gt=0)

    #: A file that says who may send which records, and what becomes of those that nobody signed (docs/producers.md).
    producers: Path | None = None
    #: Who sends from here, and its private key (Ed25519, PEM): what `whodid send` sends is signed with it.
    producer: str = ""
    producer_key: Path | None = None

    #: HTTP address of collector and console; loopback until told otherwise.
    host: str = "127.0.0.1"
    port: int = Field(8470, ge=0, le=65535)

    #: Where people find the console when a reverse proxy stands before it, e.g. `https://whodid.example.com`; and the
    #: addresses of such proxies, with commas: what they say of a client's address and of https is believed.
    public_url: str = ""
    proxies: str = ""
    #: An identity provider (OpenID Connect), which client of it the desk is, and what is asked of it.
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_scope: str = "openid email profile"
    #: The claim with somebody's groups, and the role of each: `soc-leads=admin; soc=analyst`. No group, no entry.
    oidc_groups_claim: str = "groups"
    oidc_roles: str = ""
    #: A session of a browser ends after so long.
    session_life: float = Field(12 * 3600.0, ge=60, le=30 * 86400)
    #: Requests a second that a person, a key or an address may make, and four times as many at once.
    request_rate: float = Field(50.0, gt=0)
    #: The key with which commands ask a desk (docs/access.md).
    api_key: str = ""

    #: Bytes of a prompt, answer, result or argument that are kept in the timeline (the record keeps more).
    text_limit: int = Field(2048, ge=0)
    #: How much of what was said is kept: `full` (without secrets), `masked` (without personal data too) or `hash`; for
    #: some formats another way: `full; claude-code=hash; aws.*=masked`.
    content: str = "full"
    #: Largest message taken; larger ones become dead letters.
    message_limit: int = Field(16 * 1024 * 1024, ge=1024)
    #: Key of the hashes that stand for secrets and values; empty = made once and kept in `data_dir`.
    hash_key: str = ""

    @field_validator("clickhouse")
    @classmethod
    def _known_store(cls, dsn: str) -> str:
        if not dsn.startswith(("chdb://", "http://", "https://", "clickhouse://", "clickhouses://")):
            raise ValueError("expected chdb://…, http://… or https://…, e.g. http://user:secret@clickhouse:8123/whodid")
        return dsn

    @field_validator("public_url", "oidc_issuer")
    @classmethod
    def _known_site(cls, url: str) -> str:
        parts = urlsplit(url)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if url and not (parts.scheme == "https" or (parts.scheme == "http" and local and parts.netloc)):
            raise ValueError("expected https://…, e.g. https://whodid.example.com")
        return url.rstrip("/")

    def environment(self) -> dict[str, str]:
        """What tells another process the same settings."""
        given = self.model_dump(exclude_none=True)
        return {f"{self.model_config['env_prefix']}{name.upper()}": str(value) for name, value in given.items()}

    @property
    def evidence_place(self) -> str:
        """Where heads are published; empty if nothing is logged, as of a store in memory unless told otherwise."""
        if self.evidence:
            return "" if self.evidence == "off" else self.evidence
        location = self.clickhouse.removeprefix("chdb://").partition("?")[0]
        if location == self.clickhouse or Path(location) == (self.data_dir / "clickhouse").resolve():
            return str(self.data_dir / "evidence")
        # Each embedded store has heads of its own.
        return f"{location.rstrip('/')}.evidence" if location.startswith("/") else ""

    @property
    def evidence_key_file(self) -> Path:
        """The private key that signs heads."""
        return self.evidence_key or self.data_dir / "evidence.key"

    @property
    def transport_limit(self) -> int:
        """Bytes of a Kafka message: twice what is taken, so that what is too large arrives and gets a dead letter."""
        return 2 * self.message_limit + 1024 * 1024

    @cached_property
    def hashing_key(self) -> bytes:
        """Key for keyed hashes (16 bytes or more). Made once and kept with mode 0600 if none is configured."""
        if self.hash_key:
            return self.hash_key.encode()
        path = self.data_dir / "hash.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return path.read_bytes()
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_hex(16).encode())
        return path.read_bytes()
