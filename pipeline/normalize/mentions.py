"""What an event names: keyed fingerprints of the values in a tool call's arguments, or in a cloud request.

A tool call and the API requests that it makes name the same things (`read_file(bucket, key)` and `s3:GetObject`), so
`pipeline.correlate` finds the one by the other. Whole values only, and the parts of a command line, a URL or an ARN
that are names by themselves; words are not. Like other fingerprints they are made before anything is masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipeline.normalize.context import Context
from pipeline.normalize.origin import fingerprint
from schemas.event import MENTIONS, Event

#: Characters a value may have to be a name; leaves of a request that are looked at.
NAME, LEAVES = 512, 16
_PIECE = re.compile(r"[^\s\"'`<>(){}\[\],;|=]+")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]+)/?([^?#]*)")


def mentions(values: Iterable[str], context: Context) -> list[int]:
    """Distinct fingerprints, longest value first, at most MENTIONS."""
    found: set[str] = set()
    for value in values:
        found.update(_names(value.strip().casefold()))
    chosen = sorted(found)
    chosen.sort(key=len, reverse=True)
    # One size when packed, so that what follows a record's id is found from the end (`schemas.event.content_of`).
    return [fingerprint(name, context.key) | 1 << 62 for name in chosen[:MENTIONS]]


def by_resources(event: Event, context: Context) -> None:
    """For cloud events whose normalizer knows no better: what they name is what they touch."""
    if event.resources and not event.mentions and event.kind in ("cloud_audit", "token_issuance"):
        event.mentions = mentions(event.resources, context)


def strings(value: object, depth: int = 3) -> Iterator[str]:
    """The texts in a structure, without its field names."""
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner, depth - 1)
    elif depth and isinstance(value, list):
        for inner in value[:LEAVES]:
            yield from strings(inner, depth - 1)


def _names(value: str) -> list[str]:
    names = [value] if 3 <= len(value) <= NAME else []
    if value.isalnum():
        return names
    pieces = _PIECE.findall(value if names else value[: 8 * NAME])
    if len(pieces) > 1:
        names += filter(_is_name, pieces)
    # Few values have one of these, and looking for a colon is cheap.
    for piece in pieces if ":" in value else ():
        if piece.startswith("arn:"):
            names += _parts(piece.split(":", 5)[-1])
        elif (url := _URL.match(piece)) is not None:
            names += [part for part in url.groups() if len(part) >= 3]
    return names


def _parts(tail: str) -> list[str]:
    """`function:name` and `bucket/path`: what is left of an ARN, with and without its first part."""
    return [part for part in (tail, *re.split("[:/]", tail, maxsplit=1)) if len(part) >= 3]


def _is_name(piece: str) -> bool:
    """A word in a sentence is no name; what has a digit, a dot, a slash or a dash in it may be one."""
    return 4 <= len(piece) <= NAME and not piece.isalpha()
