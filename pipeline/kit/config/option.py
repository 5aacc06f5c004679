"""A field of the settings says what it means, its unit, where it stands in the file, and whether it is a secret.

In:     the name of a field
Out:    Option: all that help, errors and docs/configuration.md say of it
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic.fields import FieldInfo

PREFIX = "WHODID_"
#: What is appended to the name of a secret for the file that holds it.
FILE = "_file"
#: What is shown instead of a secret.
HIDDEN = "***"


def option(
    place: str, default: Any, meaning: str, *, unit: str = "", example: str = "", secret: bool = False,  # noqa: ANN401
    address: bool = False, shown: str = "", **bounds: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401  # fmt: skip
    """A field; `place` is its table and key in the file, `shown` stands for a default that each machine has its own of.

    A secret that is an `address` is one for the sake of the password in it.
    """
    said: dict[str, Any] = {
        "place": place,
        "unit": unit,
        "example": example,
        "secret": secret,
        "address": address,
        "shown": shown,
    }
    return Field(default, description=meaning, repr=not secret, json_schema_extra=said, **bounds)


@dataclass(frozen=True)
class Option:
    """One setting, as it is told of."""

    name: str
    place: str
    meaning: str
    unit: str
    example: str
    secret: bool
    address: bool
    default: str
    #: Of which type it is, in words.
    type: str
    #: Whether it names a file or a folder, and whether it may be left out.
    path: bool
    optional: bool

    @property
    def variable(self) -> str:
        """Its variable in the environment."""
        return PREFIX + self.name.upper()

    @property
    def table(self) -> str:
        """Its table in the file."""
        return self.place.partition(".")[0]

    @property
    def key(self) -> str:
        """Its key in that table."""
        return self.place.partition(".")[2]


def options(fields: Mapping[str, FieldInfo]) -> dict[str, Option]:
    """All settings by name, in the order in which they are declared."""
    return {name: _option(name, field) for name, field in fields.items()}


def hidden(option: Option, value: object) -> object:
    """A value as it may be shown: of a secret that is set nothing, of an address all but its password."""
    if not option.secret or not value:
        return value
    return without_password(str(value)) if option.address else HIDDEN


def without_password(address: str) -> str:
    """An address without its password, nor what a query says. Whatever stands before the last `@` may be a password."""
    scheme, _, rest = address.partition("://")
    user, at, host = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    shown = f"{scheme}://{name}{colon}{HIDDEN if colon else ''}{at}{host}"
    return re.sub(r"([?&][^=&]*=)[^&]*", rf"\1{HIDDEN}", shown)


def _option(name: str, field: FieldInfo) -> Option:
    said = field.json_schema_extra
    if not isinstance(said, dict):
        raise TypeError(f"{name}: expected a field that `option` has made")
    words = str(field.annotation) if not isinstance(field.annotation, type) else field.annotation.__name__
    path = "Path" in words
    return Option(
        name=name, place=str(said["place"]), meaning=field.description or "", unit=str(said["unit"]),
        example=str(said["example"]), secret=bool(said["secret"]), address=bool(said["address"]),
        default=str(said["shown"]) or _told(field.default), type=_type(words), path=path, optional="None" in words,
    )  # fmt: skip


def _type(words: str) -> str:
    if "Path" in words:
        return "path"
    return {"int": "whole number", "float": "number", "bool": "true or false"}.get(words.partition(" ")[0], "text")


def _told(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, Path):
        return default.as_posix()
    return f"{default:g}" if isinstance(default, float) else str(default)
