"""Whether a query holds for something that is in memory: an alert, an entry.

Texts are compared as the store compares them (`pipeline.store.compile`): case is that of ASCII letters, a `?` is one
character, and a dot in an action is a colon too.
"""

from __future__ import annotations

import ipaddress
import operator
import time
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

import re2

from pipeline.query.fault import Fault
from pipeline.query.fields import FIELDS, nearest, rank
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

#: What something says of a field (`ANYWHERE`: all its texts), by the field's name; nothing is an empty sequence.
#: Numbers are numbers; `since` is the time in microseconds since 1970.
ValueOf = Callable[[str], Sequence[str | float]]
_HOW: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


def matches(query: Query, value_of: ValueOf, now: int | None = None) -> bool:
    """Whether it holds. `now` in microseconds since 1970 is what `since:2h` counts from."""
    moment = time.time_ns() // 1000 if now is None else now
    return query.node is None or _holds(query.node, value_of, moment)


def check(query: Query, known: Collection[str], text: str) -> None:
    """Raises Fault for a field that is not among those."""
    for term in query.terms():
        if term.field == "has" and isinstance(term.value, Is) and term.value.value not in known:
            raise Fault(text, term.column, term.length, "has: with one of " + ", ".join(sorted(known)))
        if term.field not in (ANYWHERE, "has") and term.field not in known:
            meant = nearest(term.field, sorted(known))
            raise Fault(text, term.column, term.length, "one of " + ", ".join(sorted(known)), meant)


def _holds(node: Node, value_of: ValueOf, now: int) -> bool:
    if isinstance(node, And):
        return all(_holds(part, value_of, now) for part in node.parts)
    if isinstance(node, Or):
        return any(_holds(part, value_of, now) for part in node.parts)
    if isinstance(node, Not):
        return not _holds(node.part, value_of, now)
    return _term(node, value_of, now)


def _term(term: Term, value_of: ValueOf, now: int) -> bool:
    name, value = term.field, term.value
    if name == "has" and isinstance(value, Is):
        return any(one not in ("", 0) for one in value_of(value.value))
    if name in ("since", "until"):
        bound = moment(value, now)
        at = float(value_of("since")[0]) if value_of("since") else 0.0
        return at >= bound if name == "since" else at < bound
    given = value_of(name)
    if isinstance(value, Compared | Between):
        return any(_within(value, _number(one)) for one in given)
    if isinstance(value, Within):
        return any(_inside(str(one), value.network) for one in given)
    if name == "unbound" and value in (Is("true"), Is("false")):
        return (value == Is("true")) == any(given)
    # What says nothing says an empty text; but a finding that is not there has no name.
    texts = [str(one) for one in given] or ([] if name in ("detection", "severity") else [""])
    return any(_fits(name, value, one) for one in texts)


def moment(value: Value, now: int) -> int:
    """A time of a query in microseconds since 1970."""
    if isinstance(value, Ago):
        return now - value.microseconds
    if not isinstance(value, At):
        raise TypeError(f"no time: {value!r}")
    return value.microseconds


def _fits(name: str, value: Value, text: str) -> bool:
    if isinstance(value, Is):
        within = name in (ANYWHERE, "text")
        if within:
            return folded(value.value) in folded(text)
        if FIELDS[name].type in ("name", "address"):
            return value.value == text
        if name != "action":
            return folded(value.value) == folded(text)
    return _pattern(regex(name, value)).search(folded(text)) is not None


def regex(name: str, value: Value) -> str:
    """An expression of RE2 that finds a folded text; `Is` as well as `Like`."""
    if isinstance(value, Is):
        parts = [_literal(name, value.value)]
    elif isinstance(value, Like):
        parts = [_part(name, one) for one in _split(value.pattern)]
    else:
        raise TypeError(f"no text: {value!r}")
    inner = "".join(parts)
    return f"(?s){inner}" if name == ANYWHERE else f"(?s)^{inner}$"


def _split(pattern: str) -> list[str]:
    """A pattern character by character, wildcards with a backslash before them if they are none."""
    found: list[str] = []
    for letter in pattern:
        if found and found[-1] == "\\":
            found[-1] += letter
        else:
            found.append(letter)
    return found


def _part(name: str, one: str) -> str:
    if one in ("*", "?"):
        return ".*" if one == "*" else "."
    return _literal(name, one.removeprefix("\\") or one)


def _literal(name: str, text: str) -> str:
    escaped: str = re2.escape(folded(text))
    return escaped.replace("\\.", "[.:]") if name == "action" else escaped


@lru_cache(maxsize=512)
def _pattern(expression: str) -> Any:  # noqa: ANN401  (re2 has no types)
    return re2.compile(expression)


def folded(text: str) -> str:
    """The text with small ASCII letters, as `lower` of ClickHouse makes it."""
    return text.encode("utf-8", "replace").lower().decode()


def _number(given: str | float) -> float:
    return float(rank(given)) if isinstance(given, str) else float(given)


def _within(value: Compared | Between, number: float) -> bool:
    if isinstance(value, Between):
        return value.low <= number <= value.high
    return _HOW[value.how](number, value.bound)


def _inside(text: str, network: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address in _network(network)


@lru_cache(maxsize=512)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)
