"""Values that are written in another way, so that they are not recognised: base64, hexadecimal, percent signs.

Only what is text once decoded counts. Nothing is decoded twice over more than DEPTH levels: input is hostile.
"""

from __future__ import annotations

import base64
import binascii
import re
from itertools import islice
from urllib.parse import unquote

#: Pieces of a text that are tried, their greatest length, and levels of encoding that are undone.
PIECES, LENGTH, DEPTH = 32, 8192, 3
_PIECE, _HEX = re.compile(r"[A-Za-z0-9+/_-]{16,}"), re.compile(r"(?:[0-9A-Fa-f]{2})+")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")


def decoded(text: str, depth: int = DEPTH) -> list[str]:
    """What the encoded pieces of a text say; empty if there are none."""
    found = []
    for piece in _pieces(text):
        if plain := unquote(piece) if "%" in piece else _decoded(piece):
            deeper = decoded(plain, depth - 1) if depth > 1 else []
            found += deeper or [plain]
    return found


def _pieces(text: str) -> list[str]:
    pieces = [match[0][:LENGTH] for match in islice(_PIECE.finditer(text), PIECES)]
    if text.count("%") > 1:
        words = (word[:LENGTH] for word in text.split() if "%" in word)
        pieces += islice((word for word in words if len(_PERCENT.findall(word)) > 1), PIECES)
    return pieces


def _decoded(piece: str) -> str:
    if len(piece) % 2 == 0 and _HEX.fullmatch(piece) and (plain := _text(bytes.fromhex(piece))):
        return plain
    urlsafe = b"-_" if "-" in piece or "_" in piece else None
    try:
        return _text(base64.b64decode(piece + "=" * (-len(piece) % 4), altchars=urlsafe))
    except (binascii.Error, ValueError):
        return ""


def _text(data: bytes) -> str:
    """The bytes as text if that is what they are: printable, and mostly letters, digits and spaces."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    if len(text) < 8 or not text.replace("\n", " ").replace("\t", " ").isprintable():
        return ""
    plain = sum(character.isalnum() or character in " .,@/:-_" for character in text)
    return text if text.isascii() and plain >= 0.9 * len(text) else ""
