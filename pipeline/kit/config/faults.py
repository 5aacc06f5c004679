"""What is wrong with the values of settings, in words: the name, where it stands, what was expected; never a secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipeline.kit.config.given import SOURCES, Misconfigured, Value
from pipeline.kit.config.option import PREFIX
from pipeline.kit.config.settings import Settings


def effective() -> dict[str, Value]:
    """What is given, by field, each by the source that wins. Faults of the sources are left to whoever asks them."""
    found: dict[str, Value] = {}
    for read in reversed(SOURCES):
        found |= read(Settings.options(), os.environ).values
    return found


def misconfigured(error: ValidationError, overrides: Mapping[str, Any]) -> Misconfigured:
    """The same error in words; `overrides` were given on the command line."""
    return Misconfigured(in_words(error, {name: one for name, one in effective().items() if name not in overrides}))


def in_words(error: ValidationError, given: Mapping[str, Value]) -> list[str]:
    """A line for each fault."""
    known = Settings.options()
    found = []
    for fault in error.errors():
        name = ".".join(str(part) for part in fault["loc"])
        option = known.get(name)
        where = given[name].where if name in given else PREFIX + name.upper()
        got = "" if option is not None and option.secret else f", got {fault['input']!r}"
        found.append(f"setting {name} ({where}): {fault['msg']}{got}")
    return found
