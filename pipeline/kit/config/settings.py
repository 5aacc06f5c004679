"""Fields get their values: the command line wins over the environment, that over the file, that over defaults."""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.kit.config.fields import Fields
from pipeline.kit.config.given import SOURCES, Read
from pipeline.kit.config.option import FILE, PREFIX, Option, options


class Settings(Fields):
    """Everything that can be set. Raises Misconfigured for what nobody knows, ValidationError for a wrong value."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", validate_assignment=True)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource, **_more: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """See pydantic-settings: what comes first wins."""
        return init_settings, *(_Source(settings_cls, read) for read in SOURCES)

    @classmethod
    def options(cls) -> dict[str, Option]:
        """All of them, by name."""
        return options(cls.model_fields)

    def environment(self) -> dict[str, str]:
        """What tells another process the same settings: values, not files that may be read by one of both alone."""
        known = self.options()
        values = {one.variable: getattr(self, name) for name, one in known.items()}
        files = {one.variable + FILE.upper(): "" for one in known.values() if one.secret}
        return {**{name: "" if value is None else str(value) for name, value in values.items()}, **files}

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


class _Source(PydanticBaseSettingsSource):
    """One source of values for pydantic-settings."""

    def __init__(self, settings_cls: type[BaseSettings], read: Read) -> None:
        super().__init__(settings_cls)
        self._read = read

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not asked: all are given at once."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Values by field. Raises Misconfigured."""
        return self._read(Settings.options(), os.environ).checked()
