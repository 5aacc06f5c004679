"""Secrets come out of files or the environment, never out of the configuration, and may change while we run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pipeline.kit.checked import Strict
from pipeline.kit.failures import Transient

#: Bytes of a file that holds a secret.
MOST = 64 * 1024


class Secret(Strict):
    """Where a secret is: `{file: /run/secrets/splunk}` or `{env: SPLUNK_TOKEN}`."""

    file: Path | None = Field(None, strict=False)
    env: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_here(cls, given: Any) -> Any:  # noqa: ANN401  (what YAML may be)
        if isinstance(given, str):
            # The value itself must not get into a message.
            raise ValueError("expected {file: PATH} or {env: NAME}: secrets do not belong into this file")
        return given

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError("expected either {file: PATH} or {env: NAME}")
        return self

    def __str__(self) -> str:
        """Its name, for people; never its value."""
        return f"<secret {self.file or self.env}>"

    def read(self) -> str:
        """Its value as it is now, without blanks around it. Raises Transient while there is none."""
        if self.file is None:
            value = os.environ.get(self.env or "", "")
        else:
            try:
                with self.file.open("rb") as file:
                    value = file.read(MOST).decode()
            except (OSError, UnicodeDecodeError) as error:
                raise Transient(f"{self}: cannot be read: {getattr(error, 'strerror', '') or error}") from error
        if not value.strip():
            raise Transient(f"{self}: is empty")
        return value.strip()
