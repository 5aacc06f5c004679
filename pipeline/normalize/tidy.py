"""Every field of an Event becomes short and free of secrets, also those that the normalizers take as they are.

Identifiers are masked like texts: equal ones stay equal, so that they still link.
"""

from __future__ import annotations

import hashlib

from pipeline.normalize.context import Context
from pipeline.normalize.mask import mask_field, mask_text
from schemas.event import Event

#: Bytes of a record that may hold a field longer than LONGEST characters.
LONG_RECORD, LONGEST = 4096, 2048
#: Fields that are ours, or are masked and shortened where they are made.
_OURS = frozenset(
    (
        "event_id",
        "kind",
        "time",
        "format",
        "record_id",
        "phase",
        "outcome",
        "text",
        "tokens",
        "arguments",
        "argument_tokens",
        "mentions",
    )
)
_TEXTS = tuple(
    name for name in Event.__struct_fields__ if name not in _OURS | {"issued_expires", "resources", "attributes"}
)


def tidy(event: Event, context: Context) -> None:
    """Mask and shorten in place."""
    for name in _TEXTS:
        if value := getattr(event, name):
            setattr(event, name, _short(value, context))
    event.event_id = _short(event.event_id, context)
    event.resources = [_short(resource, context) for resource in event.resources]
    event.attributes = {
        _short(name, context): _cut(mask_field(name.rpartition(".")[2], value, context))
        for name, value in event.attributes.items()
    }


def _short(text: str, context: Context) -> str:
    return _cut(mask_text(text, context))


def _cut(text: str) -> str:
    """What is cut ends in a hash of the whole, so that different identifiers stay different."""
    if len(text) <= LONGEST:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{text[: LONGEST - 40]}…{digest}"
