"""Texts become fingerprints: keyed hashes of their tokens, made before anything is masked or shortened.

Which argument came from where is decided by `pipeline.correlate.origins`, at the session
(docs/decisions/0003-origin-by-fingerprints.md).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from pipeline.normalize.context import Context
from pipeline.normalize.mask import mask_text
from schemas.event import Argument

#: Tokens kept of a text and of one argument; leaves kept of one call's arguments.
TEXT_TOKENS, ARGUMENT_TOKENS, LEAVES = 4096, 64, 64
#: Characters of a text that are looked at.
LOOKED_AT = 200_000
_PIECE = re.compile(r"[^\s\"'`<>(){}\[\],;|]+")
#: Punctuation and currency signs around a value are not part of it.
_AROUND = ".:!?-*#=€$£¥"
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"[\d.,' -]*\d")


def tokens(text: str, context: Context, limit: int = TEXT_TOKENS) -> list[int]:
    """Distinct 63-bit keyed fingerprints of a text's tokens, in order of appearance, at most `limit`.

    A token is a word, and each whole e-mail address, URL, path, identifier or number that words are part of.
    """
    if not text:
        return []
    plain = text[:LOOKED_AT]
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain)
    distinct: dict[str, None] = {}
    for token in _tokens(plain.casefold()):
        distinct[token] = None
        if len(distinct) >= limit:
            break
    return [_fingerprint(token, context.key) for token in distinct]


@lru_cache(maxsize=65_536)
def _fingerprint(token: str, key: bytes) -> int:
    """Words come again and again, so most are looked up."""
    return (
        int.from_bytes(hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8, key=key).digest(), "big") >> 1
    )


def _tokens(text: str) -> Iterator[str]:
    for raw in _PIECE.findall(text):
        piece = raw.strip(_AROUND)
        if piece.isalnum():
            if len(piece) >= 3 or piece.isdigit():
                yield piece
        elif _NUMBER.fullmatch(piece):
            yield re.sub(r"\D", "", piece)
        elif piece:
            if len(piece) >= 3:
                yield piece
            for word in _WORD.findall(piece):
                if len(word) >= 3 or word.isdigit():
                    yield word


def arguments(value: object, context: Context) -> list[Argument]:
    """The leaves of a tool call's arguments with path, masked text and fingerprints; at most LEAVES of them."""
    found: list[Argument] = []
    for path, leaf in _leaves(value, ""):
        if len(found) >= LEAVES:
            break
        text = leaf if isinstance(leaf, str) else _plain(leaf)
        if text:
            shown = mask_text(text[: context.text_limit], context)
            found.append(Argument(path, shown, tokens(text, context, ARGUMENT_TOKENS)))
    return found


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, value


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
