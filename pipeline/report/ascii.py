"""Values become JSON in ASCII: no character of it can command a terminal, turn a line around or break a reader."""

from __future__ import annotations

import json
from typing import Any

from pipeline.alert.plain import valid


def line(value: Any) -> str:  # noqa: ANN401  (what JSON may be)
    """One line, without the line's end."""
    return _written(value, separators=(",", ":"))


def page(value: Any) -> str:  # noqa: ANN401
    """Lines for people, with the end of the last one."""
    return _written(value, indent=1) + "\n"


def _written(value: Any, **form: Any) -> str:  # noqa: ANN401
    try:
        document = json.dumps(value, allow_nan=False, **form)
    except ValueError:
        document = json.dumps(valid(value), allow_nan=False, **form)
    if "\\ud" in document:
        # A surrogate, and perhaps a lone one.
        document = json.dumps(valid(value), allow_nan=False, **form)
    # The one character of ASCII that JSON leaves as it is, and that is none to look at.
    return document.replace("\x7f", "\\u007f")
