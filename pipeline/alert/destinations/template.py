"""Any receiver of HTTP, told in words that somebody chose (see `pipeline.alert.templates`).

In:     Notice
Out:    a request whose body is what comes out of the template
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipeline.alert.body import told
from pipeline.alert.destination import Destination, Url
from pipeline.alert.example import example
from pipeline.alert.notice import Notice, notice
from pipeline.alert.plain import inert
from pipeline.alert.secret import Secret
from pipeline.alert.templates import TEMPLATE, Compiled
from pipeline.alert.wire import Refused, Reply, Wire

_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+(; *charset=utf-8)?", re.IGNORECASE)


class Template(Destination):
    """The template stands here or in a file, which is read when the configuration is."""

    kind: Literal["template"]
    url: Url
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    content_type: str = "application/json"
    #: Headers whose values are secrets, e.g. `Authorization`.
    headers: dict[str, Secret] = {}
    template: str | None = Field(None, max_length=TEMPLATE)
    file: Path | None = Field(None, strict=False)

    @field_validator("content_type")
    @classmethod
    def _type(cls, given: str) -> str:
        if not _TYPE.fullmatch(given):
            raise ValueError("expected a media type such as application/json or text/plain")
        return given

    @model_validator(mode="after")
    def _tried(self) -> Template:
        if (self.template is None) == (self.file is None):
            raise ValueError("expected either template or file")
        try:
            text = payload(notice(example(), "nothing", "https://whodid.example.com", example=True), self._compiled)
        except Refused as error:
            raise ValueError(f"expected a template that can say the example: {error}") from error
        if "json" in self.content_type.lower():
            _json(text)
        return self

    @cached_property
    def _compiled(self) -> Compiled:
        if self.file is None:
            return Compiled(self.template or "")
        try:
            with self.file.open("rb") as file:
                return Compiled(file.read(4 * TEMPLATE + 1).decode())
        except (OSError, UnicodeDecodeError) as error:
            said = getattr(error, "strerror", "") or error
            raise ValueError(f"expected a template in {self.file}, which cannot be read: {said}") from error

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        headers = {"Content-Type": self.content_type, "Idempotency-Key": inert(notice.key)}
        headers |= {name: secret.read() for name, secret in self.headers.items()}
        return await wire.request(self.method, self.url, payload(notice, self._compiled), headers)


def payload(notice: Notice, compiled: Compiled) -> bytes:
    """What is sent. Raises Refused."""
    return compiled.render(told(notice)).encode()


def _json(text: bytes) -> None:
    """The example has quotes and backslashes in it: a value that lacks `tojson` shows here."""
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"expected JSON to come out of the template; values need `|tojson` and no quotes around them: {error}"
        ) from error
