r"""What stands behind a field becomes a value of the field's type.

A bare text may have wildcards; `\` takes the character behind it as it is. In quotes nothing is a wildcard, and `\` is
needed before a quote and before itself only.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable

from lark import Token

from pipeline.query.fault import Fault
from pipeline.query.fields import HAS, RANKS, Field, nearest, rank
from pipeline.query.tree import Ago, At, Between, Compared, Comparison, Is, Like, Value, Within

#: Wildcards of one pattern.
WILDCARDS = 8
#: Longest time that can be asked back for, in microseconds: a hundred years.
_LONGEST = 100 * 366 * 86_400 * 1_000_000
#: Years that the store can tell apart (DateTime64).
_EARLIEST, _LATEST = 1901, 2298
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?|\.\d{1,9}", re.ASCII)
_BACK = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_HOW: dict[str, Comparison] = {">": ">", ">=": ">=", "<": "<", "<=": "<="}


def begins(token: Token) -> int:
    """Where a token begins in the text, from 0."""
    return token.start_pos or 0


def ends(token: Token) -> int:
    """Where the text behind it begins."""
    return token.end_pos or 0


class _Place:
    """A text of the query, and faults in it."""

    def __init__(self, text: str, token: Token) -> None:
        self._text, self._token = text, token
        self.quoted = token.type == "QUOTED"
        self._bare = str(token)

    def fault(self, expected: str, meant: str = "") -> Fault:
        """What is said of it."""
        begin = begins(self._token)
        return Fault(self._text, begin + 1, ends(self._token) - begin, expected, meant)

    def plain(self) -> str:
        """Without escapes."""
        inner = self._bare[1:-1] if self.quoted else self._bare
        return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)

    def textual(self) -> Is | Like:
        """A text, or a pattern if it is bare and has wildcards."""
        wild = [] if self.quoted else re.findall(r"[*?]", re.sub(r"\\.", "", self._bare, flags=re.DOTALL))
        if not wild:
            return Is(self.plain())
        pattern = re.sub(r"\\(.)", _escaped, self._bare, flags=re.DOTALL)
        pattern = re.sub(r"(?<!\\)((?:\\\\)*)\*+", r"\1*", pattern)
        if len(re.findall(r"[*?]", re.sub(r"\\.", "", pattern, flags=re.DOTALL))) > WILDCARDS:
            raise self.fault(f"at most {WILDCARDS} wildcards in a value")
        return Like(pattern)


def _escaped(found: re.Match[str]) -> str:
    """Only what would be a wildcard keeps its backslash."""
    return found[0] if found[1] in "*?\\" else found[1]


def word(text: str, token: Token) -> Is | Like:
    """What is looked for everywhere."""
    place = _Place(text, token)
    found = place.textual()
    if found in (Is(""), Like("*")):
        raise place.fault("something to look for")
    return found


def value(text: str, field: Field, how: str, token: Token) -> Value:
    """What is asked of a field; `how` is a comparison or empty. Raises Fault."""
    place = _Place(text, token)
    if how and field.type not in ("number", "rank"):
        raise place.fault(f"no comparison, since {field.name} is no number (quote what begins with {how})")
    return _READERS[field.type](place, field, how)


def _textual(place: _Place, field: Field, how: str) -> Value:
    return place.textual()


def _choice(place: _Place, field: Field, how: str) -> Value:
    found = place.textual()
    if isinstance(found, Is):
        given = found.value.lower()
        for known in field.values:
            if given.replace("_", "-") == known.replace("_", "-"):
                return Is(known)
        raise place.fault("one of " + ", ".join(field.values), nearest(given, field.values))
    return found


def _rank(place: _Place, field: Field, how: str) -> Value:
    found = _choice(place, field, how)
    if how:
        if not isinstance(found, Is):
            raise place.fault("one of " + ", ".join(RANKS))
        return Compared(_HOW[how], float(rank(found.value)))
    return found


def _number(place: _Place, field: Field, how: str) -> Value:
    given = place.plain()
    low, dots, high = given.partition("..")
    if dots and not how:
        first, last = _figure(place, field, low), _figure(place, field, high)
        if first > last:
            raise place.fault("a range from the smaller to the greater")
        return Between(first, last)
    figure = _figure(place, field, given)
    return Compared(_HOW[how], figure) if how else Between(figure, figure)


def _figure(place: _Place, field: Field, given: str) -> float:
    if not _NUMBER.fullmatch(given) or float(given) > 1:
        raise place.fault(f"a number from 0 to 1, >0.8, or a range 0.5..0.8, e.g. {field.example}")
    return float(given)


def _address(place: _Place, field: Field, how: str) -> Value:
    given, found = place.plain(), place.textual()
    if "/" not in given or place.quoted or isinstance(found, Like):
        return found
    try:
        return Within(str(ipaddress.ip_network(given, strict=False)))
    except ValueError:
        raise place.fault("a network such as 10.0.0.0/8 or 2001:db8::/32") from None


def _time(place: _Place, field: Field, how: str) -> Value:
    given = place.plain()
    if back := _BACK.fullmatch(given.lower()):
        microseconds = int(back[1]) * _UNITS[back[2]] * 1_000_000
        if microseconds <= _LONGEST:
            return Ago(microseconds)
    try:
        moment = datetime.datetime.fromisoformat(given)
    except ValueError:
        raise place.fault("a time such as 30m, 2h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    if not _EARLIEST <= aware.year <= _LATEST:
        raise place.fault(f"a time in the years {_EARLIEST} to {_LATEST}")
    return At((aware - _EPOCH) // datetime.timedelta(microseconds=1))


def _has(place: _Place, field: Field, how: str) -> Value:
    given = place.plain().lower().replace("_", "-")
    if given not in HAS:
        raise place.fault("a field that may say nothing", nearest(given, HAS))
    return Is(given)


_READERS: dict[str, Callable[[_Place, Field, str], Value]] = {
    "name": _textual, "word": _textual, "choice": _choice, "rank": _rank, "number": _number, "address": _address,
    "time": _time, "has": _has,
}  # fmt: skip
