"""How much of what was said is kept, source by source: all, without personal data, or hashes only.

`full` keeps texts, without their secrets; `masked` replaces personal data as well; `hash` keeps no text of a prompt, an
answer, a result or an argument, and no record: keyed hashes in their place still show what came again. Fingerprints are
made before, so where an argument came from is found in every mode. Who acted is kept in all of them.
"""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase
from typing import Literal, cast, get_args

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.mask import changed
from pipeline.normalize.personal import mask_personal
from schemas.event import DELEGATION, RENEWS, RESTORES, REVOKES, SIGNS_ON, UNKNOWN, Event

Mode = Literal["full", "masked", "hash"]
MODES: tuple[Mode, ...] = get_args(Mode)
#: Attributes that link, or that we made.
_LINKING = frozenset({DELEGATION, REVOKES, RESTORES, RENEWS, SIGNS_ON, UNKNOWN})


class Modes:
    """Which mode holds for which format."""

    def __init__(self, stated: str, formats: list[str]) -> None:
        """`stated`: `full`, or `masked; claude-code=hash; aws.*=full`: later ones win. Raises Invalid for others."""
        self._of: dict[str, Mode] = dict.fromkeys(formats, "full")
        for part in filter(None, (one.strip() for one in stated.split(";"))):
            pattern, _, mode = part.rpartition("=")
            chosen = [name for name in formats if fnmatchcase(name, pattern.strip() or "*")]
            if mode.strip() not in MODES:
                raise Invalid("WHODID_CONTENT", "full, masked or hash, or FORMAT=full|masked|hash with ; between", part)
            if not chosen:
                raise Invalid("WHODID_CONTENT", "a format (" + ", ".join(formats) + ")", pattern.strip())
            self._of.update(dict.fromkeys(chosen, cast("Mode", mode.strip())))
        #: Whether any source keeps less than all.
        self.any = any(mode != "full" for mode in self._of.values())

    def of(self, name: str) -> Mode:
        """The mode of a format."""
        return self._of[name]


def reduce(event: Event, mode: Mode, context: Context) -> None:
    """Take out of an event, in place, what its mode does not keep."""
    if mode == "masked":
        event.text, event.error = mask_personal(event.text, context), mask_personal(event.error, context)
        for argument in event.arguments:
            argument.value = mask_personal(argument.value, context)
        for name, value in event.attributes.items():
            if name not in _LINKING:
                event.attributes[name] = mask_personal(value, context)
    elif mode == "hash":
        event.text = hashed(event.text, context)
        if event.kind in ("prompt", "tool_call"):
            event.error = hashed(event.error, context)
        for argument in event.arguments:
            argument.value = hashed(argument.value, context)


def reduced(value: bytes, mode: Mode, context: Context) -> bytes:
    """What is kept of a record as evidence."""
    if mode == "masked":
        return changed(value, lambda _, text: mask_personal(text, context))
    if mode == "hash":
        return msgspec.json.encode({"content": hashed(value.decode("utf-8", "replace"), context), "bytes": len(value)})
    return value


def hashed(text: str, context: Context) -> str:
    """What stands for a text that is not kept; the same text, the same hash."""
    if not text:
        return ""
    mark = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8, key=context.key).hexdigest()
    return f"<content:{mark}:{len(text)} characters>"
