"""Templates that somebody wrote become texts: Jinja2 in its sandbox, within bounds."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.kit.failures import Invalid

#: Characters of a template and of what comes out of it, and seconds that it may take.
TEMPLATE, OUTPUT, SECONDS = 64 * 1024, 1024 * 1024, 2.0


def _environment() -> ImmutableSandboxedEnvironment:
    # What comes out is no HTML: whoever writes JSON says `tojson`.
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    made.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=True)
    # Makes as long a text as it is told to.
    del made.globals["lipsum"]
    return made


_ENVIRONMENT = _environment()


def compiled(template: str) -> Any:  # noqa: ANN401
    """A template. Raises Invalid, naming the line."""
    if len(template) > TEMPLATE:
        raise Invalid("template", f"at most {TEMPLATE} characters", f"{len(template)} characters")
    try:
        return _ENVIRONMENT.from_string(template)
    except TemplateError as error:
        raise Invalid(f"template line {getattr(error, 'lineno', 0)}", f"Jinja2 ({error.message})") from error


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """What a template makes of some values. Raises Invalid: a value that is not there, too long, too slow."""
    ends = time.monotonic() + SECONDS
    parts: list[str] = []
    size = 0
    try:
        for part in compiled(template).generate(values):
            parts.append(part)
            size += len(part)
            if size > OUTPUT or time.monotonic() > ends:
                raise Invalid("template", f"a text of at most {OUTPUT} characters within {SECONDS:g} s")
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise Invalid("template", f"one that can be filled in ({type(error).__name__}: {error})"[:500]) from error
    return "".join(parts)
