"""A Query becomes its canonical text; parsed again it is the same Query."""

from __future__ import annotations

import datetime
import re

from pipeline.query.fields import FIELDS, RANKS
from pipeline.query.tree import (
    ANYWHERE,
    Ago,
    And,
    At,
    Between,
    Compared,
    Is,
    Like,
    Node,
    Not,
    Or,
    Query,
    Term,
    Value,
    Within,
)  # fmt: skip

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
#: What needs no quotes.
_BARE = re.compile(r"[A-Za-z0-9_./@+=#%,;:&$!~^-]+", re.ASCII)
_UNITS = (("w", 7 * 86_400), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def render(query: Query) -> str:
    """The canonical text."""
    return "" if query.node is None else _either(query.node)


def _either(node: Node) -> str:
    if isinstance(node, Or):
        return _listed(node) or " or ".join(map(_each, node.parts))
    return _each(node)


def _each(node: Node) -> str:
    return " ".join(map(_factor, node.parts)) if isinstance(node, And) else _factor(node)


def _factor(node: Node) -> str:
    if isinstance(node, Not):
        return "-" + _factor(node.part)
    if isinstance(node, Term):
        return term(node)
    if isinstance(node, Or) and (several := _listed(node)):
        return several
    return f"({_either(node)})"


def _listed(node: Or) -> str:
    """Values of one field."""
    names = {part.field if isinstance(part, Term) else ANYWHERE for part in node.parts}
    if len(names) > 1 or ANYWHERE in names:
        return ""
    (name,) = names
    values = [_value(name, part.value) for part in node.parts if isinstance(part, Term)]
    return f"{name}:({' or '.join(values)})"


def term(one: Term) -> str:
    """One term."""
    if one.field == ANYWHERE:
        return _value(ANYWHERE, one.value)
    return f"{one.field}:{_value(one.field, one.value)}"


def _value(name: str, value: Value) -> str:
    if isinstance(value, Is):
        return _text(name, value.value)
    if isinstance(value, Like):
        # A colon in a word would make a field of what is before it.
        special = r'\\[*?\\]|[\s()"]|^[-<>]' + ("" if name else "|:")
        return re.sub(special, _taken, value.pattern)
    if isinstance(value, Compared):
        ranked = name and FIELDS[name].type == "rank"
        return value.how + (RANKS[int(value.bound) - 1] if ranked else _number(value.bound))
    if isinstance(value, Between):
        low, high = _number(value.low), _number(value.high)
        return low if low == high else f"{low}..{high}"
    return value.network if isinstance(value, Within) else _time(value)


def _taken(found: re.Match[str]) -> str:
    """What stands for itself in a pattern already, or is made to."""
    return found[0] if found[0][0] == "\\" and len(found[0]) == 2 else "\\" + found[0]


def _text(name: str, text: str) -> str:
    keyword = text.lower() in ("and", "or", "not")
    # A word without a field may hold no colon, and begin with no dash.
    plain = _BARE.fullmatch(text) and not keyword and (name or not (":" in text or text.startswith("-")))
    if plain and not (name and FIELDS[name].type == "address" and "/" in text):
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """The very text, whatever is in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")


def _time(value: Ago | At) -> str:
    if isinstance(value, At):
        return (_EPOCH + datetime.timedelta(microseconds=value.microseconds)).isoformat().replace("+00:00", "Z")
    seconds = value.microseconds // 1_000_000
    for unit, size in _UNITS:
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size}{unit}"
    return "0s"
