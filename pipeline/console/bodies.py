"""The body of a request, bounded, becomes the fields of a form or a JSON object."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from pipeline.kit.failures import Invalid

#: Bytes of a body, and fields of a form.
BYTES, _FIELDS = 64 * 1024, 40


async def form(request: Request, most: int = BYTES) -> dict[str, str]:
    """The fields of a form of at most so many bytes. Raises Invalid."""
    data = await _read(request, "form", most)
    try:
        return dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError as error:
        raise Invalid("form", f"at most {_FIELDS} fields") from error


async def body(request: Request) -> dict[str, Any]:
    """The JSON object. Raises Invalid."""
    data = await _read(request, "body", BYTES)
    try:
        given = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid("body", f"JSON ({error})") from error
    if not isinstance(given, dict):
        raise Invalid("body", "a JSON object", given)
    return given


async def _read(request: Request, name: str, most: int) -> bytes:
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise Invalid(name, f"at most {most} bytes")
    return data
