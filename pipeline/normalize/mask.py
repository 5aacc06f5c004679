"""Secrets in texts and raw records become keyed hashes: the same secret stays recognisable, its value is gone.

What they look like is said in `secrets.py`. A record is first searched as bytes for hints of all kinds at once, in one
pass: few have any, and this runs on every record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import re2

from pipeline.normalize.context import Context
from pipeline.normalize.secrets import HINT, NAMES, RECORD_HINT, SHAPES, Shape

_text_hint = re2.compile(HINT).search
_hints = re2.Set.SearchSet()
for _shape in SHAPES:
    _hints.Add(_shape.hint)
_hints.Compile()
_record_hint = re2.compile(RECORD_HINT.encode()).search
#: What stands in a field that must not be taken for a secret: a hash that a vendor made, and one of ours.
_MARK = "<secret:[a-z-]{1,24}:[0-9a-f]{12}>"
_HASHED = re2.compile(f"(?:hmac-)?sha256:[0-9A-Za-z+/=_-]+|{_MARK}")
_LABEL = re2.compile(_MARK)
#: What may be left of a header: its scheme beside a secret that has a shape.
_SCHEME = re2.compile(f"[A-Za-z-]{{1,16}} {_MARK}")
#: Characters of a text that is a secret by the name of its field.
_SHORTEST = 6
#: Characters of a name that are looked at.
_LONGEST_NAME = 40
_SEPARATORS = str.maketrans("", "", "_- .")


def harmless(value: bytes) -> bool:
    """Whether no text in a JSON document can hold a secret, so that none has to be searched."""
    return _record_hint(value) is None


def mask_text(text: str, context: Context) -> str:
    """The text with every known secret replaced by its kind and keyed hash."""
    if not context.masking or not _text_hint(text):
        return text
    for shape in _hinted(text):
        text = str(shape.found.sub(lambda match, kind=shape.kind: _masked(match, kind, context), text))
    return text


def _hinted(text: str) -> list[Shape]:
    """The kinds of secrets that a text has a hint of, found in one pass; all of them if that took too much memory."""
    return [SHAPES[number] for number in sorted(_hints.Match(text))] or SHAPES


def mask_field(name: str, text: str, context: Context) -> str:
    """The same of a text that has a name, which may say that all of it is a secret."""
    if not context.masking:
        return text
    if len(text) < _SHORTEST:
        return text
    kind, masked = _kind_by(name[:_LONGEST_NAME]), mask_text(text, context)
    if kind is None or _HASHED.fullmatch(text):
        return masked
    # One that has a shape too is to be the same wherever it stands; of a header, the scheme may be seen.
    shown = _LABEL.fullmatch(masked) or (kind == "header" and _SCHEME.fullmatch(masked))
    return masked if shown else label(kind, text.encode("utf-8", "replace"), context)


@lru_cache(maxsize=4096)
def _kind_by(name: str) -> str | None:
    """What a text is by the name of its field alone. Records of a format have the same names again and again."""
    return NAMES.get(name.lower().translate(_SEPARATORS))


def mask_bytes(value: bytes, context: Context) -> bytes:
    """The same for a raw record, JSON or not. Without secrets the very same object is returned."""
    if not context.masking or harmless(value):
        return value
    try:
        return changed(value, lambda name, text: mask_field(name, text, context))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        plain = value.decode("latin-1")
        masked = mask_text(plain, context)
        return value if masked == plain else masked.encode("latin-1")


def changed(value: bytes, change: Callable[[str, str], str]) -> bytes:
    """A JSON document in which each text, keys among them, is changed; the very same object if nothing changes.

    `change` is given the name under which a text stands (empty: it is itself a name, or has none) and the text. Raises
    what decoding raises if it is none.
    """
    found = msgspec.json.decode(value)
    result = _walk(found, "", change)
    return value if result == found else msgspec.json.encode(result)


def _walk(found: Any, name: str, change: Callable[[str, str], str]) -> Any:
    if isinstance(found, str):
        return change(name, found)
    if isinstance(found, list):
        return [_walk(inner, name, change) for inner in found]
    if isinstance(found, dict):
        return {change("", key): _walk(inner, key, change) for key, inner in found.items()}
    return found


def preview(text: str, context: Context) -> str:
    """Masked, and shortened to what an Event keeps."""
    # Masked with some room behind the cut, so that no secret is cut in half and escapes its pattern.
    shown = mask_text(text[: context.text_limit + 4096], context)
    return shown if len(shown) <= context.text_limit else shown[: context.text_limit] + "…"


def _masked(match: re2._Match[str], kind: str, context: Context) -> str:
    whole = str(match[0])
    group = next((number for number in range(1, match.re.groups + 1) if match[number]), 0)
    secret = str(match[group]).lstrip(" \n\t\"'=:").rstrip(" \n\t\"'")
    if not secret or _HASHED.fullmatch(secret):
        return whole
    at = whole.index(secret, match.start(group) - match.start(0))
    return whole[:at] + label(kind, secret.encode("utf-8", "replace"), context) + whole[at + len(secret) :]


def without(value: bytes, names: frozenset[str], context: Context) -> bytes:
    """A JSON document in which what stands under these names is replaced; the very same bytes if nothing does."""
    if b"\\u" not in value and not any(name.encode() in value for name in names):
        return value
    found = msgspec.json.decode(value)
    hidden = _without(found, names, context)
    return value if hidden == found else msgspec.json.encode(hidden)


def _without(found: Any, names: frozenset[str], context: Context) -> Any:
    if isinstance(found, list):
        return [_without(inner, names, context) for inner in found]
    if not isinstance(found, dict):
        return found
    return {
        name: label("field", msgspec.json.encode(inner), context)
        if name in names and inner not in (None, "")
        else _without(inner, names, context)
        for name, inner in found.items()
    }


def label(kind: str, secret: bytes, context: Context) -> str:
    """What stands in a secret's place: its kind and keyed hash; what stands there already stays."""
    if secret.startswith(b"<secret:") and _LABEL.fullmatch(stands := secret.decode("utf-8", "replace")):
        return stands
    return f"<secret:{kind}:{hashlib.blake2b(secret, digest_size=6, key=context.key).hexdigest()}>"
