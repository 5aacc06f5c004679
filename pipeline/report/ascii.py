"""Values become JSON in ASCII: no character of it can command a terminal, turn a line around or break a reader."""

from __future__ import annotations

import json
from typing import Any

from pipeline.alert.plain import valid


def line(value: Any) -> str:  # noqa: ANN401  (what JSON may be)
    """One line, without the line's end."""
    return _inert(json.dumps(valid(value), separators=(",", ":"), allow_nan=False))


def page(value: Any) -> str:  # noqa: ANN401
    """Lines for people, with the end of the last one."""
    return _inert(json.dumps(valid(value), indent=1, allow_nan=False)) + "\n"


def _inert(document: str) -> str:
    # The one character of ASCII that JSON leaves as it is, and that is none to look at.
    return document.replace("\x7f", "\\u007f")
