"""The body of a form becomes its fields."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from pipeline.kit.failures import Invalid

#: Bytes of a form, and its fields.
_BYTES, _FIELDS = 64 * 1024, 40


async def form(request: Request) -> dict[str, str]:
    """The fields. Raises Invalid."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _BYTES:
            raise Invalid("form", f"at most {_BYTES} bytes")
    try:
        return dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError as error:
        raise Invalid("form", f"at most {_FIELDS} fields") from error
