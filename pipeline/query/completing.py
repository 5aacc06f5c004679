"""What can come next at a place of a query: fields, then values, which somebody else knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pipeline.query.fields import ANYWHERE_HINT, FIELDS, HAS, Field

#: Proposals at most, and characters of a query that are looked at.
MOST, LENGTH = 20, 4096
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)|[()]|(?:[^\s()"\\]|\\.|\\$)+', re.DOTALL)
_FIELD = re.compile(r"(-*)([A-Za-z][A-Za-z0-9_-]*):(.*)", re.DOTALL)
_TIMES = ("15m", "1h", "24h", "7d", "30d")
_SAFE = re.compile(r"[A-Za-z0-9_./@+=#%,;:&$!~^-]+", re.ASCII)
__all__ = ["ANYWHERE_HINT", "LENGTH", "MOST", "Completion", "Proposal", "Values", "complete"]


class Values(Protocol):
    """Who knows which values of a field there are."""

    def __call__(self, field: str, prefix: str, limit: int) -> Sequence[str]:
        """Values that begin with a prefix, or at least have it in them, the best first."""


class Proposal(NamedTuple):
    """What could stand there, and what it means."""

    text: str
    meaning: str = ""


class Completion(NamedTuple):
    """Proposals, each for the characters of the text from `begin` (from 0) up to `end`."""

    begin: int
    end: int
    proposals: list[Proposal]


def complete(text: str, cursor: int, values: Values) -> Completion:
    """What can come next where the cursor is (0 is before the first character). Never fails."""
    cursor = max(0, min(cursor, len(text), LENGTH))
    begin, token, within = _under(text[:cursor])
    if within:
        return Completion(begin, cursor, _values(FIELDS[within], token, values))
    if found := _FIELD.fullmatch(token):
        name = found[2].lower().replace("_", "-")
        if name in FIELDS:
            return Completion(begin + found.start(3), cursor, _values(FIELDS[name], found[3], values))
        return Completion(begin, cursor, [])
    bare = token.lstrip("-")
    begin += len(token) - len(bare)
    if bare.startswith('"'):
        return Completion(begin, cursor, [])
    return Completion(begin, cursor, _fields(bare.lower().replace("_", "-")))


def _under(text: str) -> tuple[int, str, str]:
    """What the text ends in: where it begins, the token (empty behind a blank), and the field whose list it is in."""
    within, begin, token = "", len(text), ""
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece == "(":
            named = _FIELD.fullmatch(token) if token and begin + len(token) == found.start() else None
            within = named[2].lower() if named and not named[3] and named[2].lower() in FIELDS else within
        elif piece == ")":
            within = ""
        glued = piece.startswith('"') and token.endswith(":") and begin + len(token) == found.start()
        begin, token = (begin, token + piece) if glued else (found.start(), piece)
    if begin + len(token) < len(text) or token in ("(", ")"):
        return len(text), "", within
    return begin, token, within


def _fields(prefix: str) -> list[Proposal]:
    starts = [one for one in FIELDS.values() if one.name.startswith(prefix)]
    inside = [one for one in FIELDS.values() if prefix in one.name and one not in starts]
    return [Proposal(f"{one.name}:", one.meaning) for one in (*starts, *inside)][: MOST if prefix else len(FIELDS)]


def _values(field: Field, given: str, values: Values) -> list[Proposal]:
    how = re.match(r"[<>]=?", given)
    head = how[0] if how and field.type in ("number", "rank") else ""
    prefix = re.sub(r"\\(.)", r"\1", given[len(head) :].removeprefix('"'), flags=re.DOTALL)
    fixed = HAS if field.type == "has" else _TIMES if field.type == "time" else field.values
    if field.type == "number":
        fixed = () if prefix else ((">0.8", ">0.5") if field.name == "risk" else ("<0.7", ">0.9"))
    known = [one for one in fixed if one.startswith(prefix.lower())]
    if field.type in ("name", "word", "address") and len(known) < MOST:
        known += [one for one in values(field.name, prefix, MOST) if one not in known]
    return [Proposal(head + _quoted(one)) for one in known[:MOST]]


def _quoted(value: str) -> str:
    if _SAFE.fullmatch(value.lstrip("<>")) and value.lower() not in ("and", "or", "not"):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
