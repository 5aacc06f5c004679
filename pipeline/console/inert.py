"""Text that somebody else wrote becomes text that can be shown: nothing in it moves a cursor or turns a line around."""

from __future__ import annotations

import re
import unicodedata

# Controls, format characters (direction overrides, zero width), surrogates, private use, line separators.
_HOSTILE_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_PLAIN = re.compile(r"[ -~]*")


def inert(text: str) -> str:
    r"""The text with each invisible or commanding character written out, e.g. ESC as ``\x1b``."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(written(char) if unicodedata.category(char) in _HOSTILE_CATEGORIES else char for char in text)


def brief(text: str, most: int = 300) -> str:
    """As `inert`, and no longer than so many characters of the text: browsers lay out a megabyte for minutes."""
    return inert(text) if len(text) <= most else inert(text[:most]) + "…"


def written(char: str) -> str:
    r"""A character as an escape: ``\n``, ``\x1b``, ``\u202e``, ``\U000e0001``."""
    return char.encode("ascii", "backslashreplace").decode() if ord(char) > 0xFF else repr(char)[1:-1]


def json_inert(document: str) -> str:
    r"""A JSON document in which such characters stand as ``\u…`` escapes; it means the same. Its own line ends stay."""
    if document.isascii() and "\x7f" not in document:
        return document
    return "".join(
        _json_escape(char) if char != "\n" and unicodedata.category(char) in _HOSTILE_CATEGORIES else char
        for char in document
    )


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
