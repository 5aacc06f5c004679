"""Sigma's condition tree becomes closures: whether an Entry fits, and what its action alone says of that.

Source: Sigma specification 2.1, appendix modifiers. Texts are compared without case, `*` and `?` stand for anything and
for one character; several values of a field are alternatives; what is not there fits nothing but `null` and `exists:
false`. Regular expressions are RE2's, which take time that is linear in the text.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import re2
from sigma import types
from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.conditions import ConditionValueExpression as Keyword

from pipeline.kit.failures import Invalid
from pipeline.score.rules import fields
from pipeline.score.rules.fields import Getter, Value
from schemas.entry import Entry

#: Parts that one rule's condition may have, and levels of nesting.
MOST_PARTS, MOST_DEPTH = 5_000, 64
#: Bytes that RE2 may use for one expression: a larger one is refused.
_EXPRESSION_MEMORY = 1 << 17
#: Sets of needs that are remembered of one condition.
_MOST_NEEDS = 8
Fits = Callable[[Value], bool]


#: A field that format, kind and action alone say, and a text that it must be.
Need = tuple[Getter, str]


class Test(NamedTuple):
    """A condition, or a part of one."""

    #: Whether an Entry fits.
    holds: Callable[[Entry], bool]
    #: The same by its format, kind and action alone; None where they do not say.
    early: Callable[[Entry], bool | None]
    #: Of each of these sets at least one must hold. Rules are found by one of them.
    needs: tuple[frozenset[Need], ...] = ()


def folded(value: Value) -> str:
    """A value as texts are compared."""
    return value.lower() if type(value) is str else str(value)


def compiled(tree: Any, getter: Callable[[str], Getter]) -> Test:  # noqa: ANN401  (pySigma's tree)
    """A condition as pySigma parsed it, with fields looked up by `getter`. Raises Invalid."""
    return _Compiler(getter).node(tree, 0)


def both(tests: Iterable[Test]) -> Test:
    """What fits all of these."""
    parts = list(tests)
    return parts[0] if len(parts) == 1 else _all(parts)


def fixed(fits: Callable[[Entry], bool]) -> Test:
    """A test that format, kind and action alone decide."""
    return Test(fits, fits)


class _Compiler:
    def __init__(self, getter: Callable[[str], Getter]) -> None:
        self._getter = getter
        self._parts = 0

    def node(self, tree: Any, depth: int) -> Test:  # noqa: ANN401
        self._parts += 1
        if self._parts > MOST_PARTS or depth > MOST_DEPTH:
            raise Invalid("condition", f"at most {MOST_PARTS} parts and {MOST_DEPTH} levels of nesting")
        if isinstance(tree, ConditionFieldEqualsValueExpression):
            return self._leaf(tree.field, tree.value)
        if isinstance(tree, Keyword):
            return _keyword(tree.value)
        if isinstance(tree, ConditionNOT):
            return _not(self.node(tree.args[0], depth + 1))
        if isinstance(tree, ConditionAND | ConditionOR):
            parts = [self.node(part, depth + 1) for part in tree.args]
            return _all(parts) if isinstance(tree, ConditionAND) else _any(parts)
        raise Invalid("condition", "and, or, not, names of detections", type(tree).__name__)

    def _leaf(self, name: str, value: types.SigmaType) -> Test:
        found = self._getter(name)
        if isinstance(value, types.SigmaFieldReference):
            return _same(found, self._getter(value.field), value)
        if isinstance(value, types.SigmaNull) or (isinstance(value, types.SigmaString) and not value.s):
            return _test(found, lambda entry: not found.of(entry))
        if isinstance(value, types.SigmaExists):
            wanted = bool(value)
            return _test(found, lambda entry: bool(found.of(entry)) is wanted)
        fits = fitting(value, name)
        test = _test(found, lambda entry: any(map(fits, found.of(entry))))
        return test._replace(needs=_needs(found, value)) if found.static else test


def fitting(value: types.SigmaType, name: str) -> Fits:
    """Whether one value of a field fits what a rule wants there. Raises Invalid, naming the field."""
    if isinstance(value, types.SigmaExpansion):
        parts = [fitting(part, name) for part in value.values]
        return lambda text: any(part(text) for part in parts)
    if isinstance(value, types.SigmaString):
        return _text(value, name)
    if isinstance(value, types.SigmaTimestampPart):
        return _moment(value)
    made = {
        types.SigmaNumber: _number, types.SigmaBool: _bool, types.SigmaRegularExpression: _regex,
        types.SigmaCIDRExpression: _network, types.SigmaCompareExpression: _compared,
    }.get(type(value))  # fmt: skip
    if made is None:
        raise Invalid(name, "a text, number, expression, network or comparison", type(value).__name__)
    return made(value, name)  # type: ignore[operator, no-any-return]


def _test(found: Getter, holds: Callable[[Entry], bool]) -> Test:
    return Test(holds, holds if found.static else _unknown)


def _needs(found: Getter, value: types.SigmaType) -> tuple[frozenset[Need], ...]:
    if type(value) is not types.SigmaString or len(value.s) != 1 or not isinstance(value.s[0], str):
        return ()
    return (frozenset({(found, folded(value.s[0]))}),)


def _unknown(entry: Entry) -> None:
    """Its action alone does not say."""


def _not(part: Test) -> Test:
    holds, early = part.holds, part.early

    def earlier(entry: Entry) -> bool | None:
        said = early(entry)
        return None if said is None else not said

    return Test(lambda entry: not holds(entry), earlier)


def _all(parts: list[Test]) -> Test:
    holds, early = [part.holds for part in parts], [part.early for part in parts]
    needs = tuple(need for part in parts for need in part.needs)[:_MOST_NEEDS]
    return Test(lambda entry: all(one(entry) for one in holds), lambda entry: _decided(early, entry, False), needs)


def _any(parts: list[Test]) -> Test:
    holds, early = [part.holds for part in parts], [part.early for part in parts]
    least = [min(part.needs, key=len) for part in parts if part.needs]
    needs = (frozenset[Need]().union(*least),) if len(least) == len(parts) else ()
    return Test(lambda entry: any(one(entry) for one in holds), lambda entry: _decided(early, entry, True), needs)


def _decided(early: list[Callable[[Entry], bool | None]], entry: Entry, by: bool) -> bool | None:
    """One part that is `by` decides; all that are not, decide too."""
    open_ = False
    for one in early:
        said = one(entry)
        if said is by:
            return by
        open_ = open_ or said is None
    return None if open_ else not by


def _keyword(value: types.SigmaType) -> Test:
    if isinstance(value, types.SigmaString) and not isinstance(value, types.SigmaCasedString):
        # A keyword is looked for anywhere in a text.
        value = value if value.startswith(_MANY) else _MANY + value
        value = value if value.endswith(_MANY) else value + _MANY
    fits = fitting(value, "keyword")
    return Test(lambda entry: any(map(fits, fields.every(entry))), _unknown)


def _same(one: Getter, other: Getter, how: types.SigmaFieldReference) -> Test:
    compare = str.__eq__
    if how.starts_with or how.ends_with:
        contains = how.starts_with and how.ends_with
        compare = str.__contains__ if contains else str.startswith if how.starts_with else str.endswith  # type: ignore[assignment]

    def holds(entry: Entry) -> bool:
        wanted = [folded(value) for value in other.of(entry)]
        return any(compare(folded(value), part) for value in one.of(entry) for part in wanted)

    return Test(holds, holds if one.static and other.static else _unknown)


_MANY, _ONE = types.SpecialChars.WILDCARD_MULTI, types.SpecialChars.WILDCARD_SINGLE


def _text(wanted: types.SigmaString, name: str) -> Fits:
    if any(isinstance(part, types.Placeholder) for part in wanted.s):
        raise Invalid(name, "no placeholder (the modifier `expand` needs values that are not in the rule)")
    cased = isinstance(wanted, types.SigmaCasedString)
    fold: Callable[[Value], str] = str if cased else folded
    parts = [part if isinstance(part, types.SpecialChars) else fold(str(part)) for part in wanted.s]
    match parts:
        case [str(text)]:
            return lambda value: fold(value) == text
        case [str(text), types.SpecialChars.WILDCARD_MULTI]:
            return lambda value: fold(value).startswith(text)
        case [types.SpecialChars.WILDCARD_MULTI, str(text)]:
            return lambda value: fold(value).endswith(text)
        case [types.SpecialChars.WILDCARD_MULTI, str(text), types.SpecialChars.WILDCARD_MULTI]:
            return lambda value: text in fold(value)
    special = {_MANY: ".*", _ONE: "."}
    shape = "(?s)" + "".join(
        special[part] if isinstance(part, types.SpecialChars) else re2.escape(part) for part in parts
    )
    pattern = _expression(shape, name)
    return lambda value: pattern.fullmatch(fold(value)) is not None


def _regex(wanted: types.SigmaRegularExpression, name: str) -> Fits:
    flags = "".join(sorted(wanted.sigma_to_re_flag[flag] for flag in wanted.flags))
    pattern = _expression(f"(?{flags})" * bool(flags) + str(wanted.regexp), name)
    return lambda value: pattern.search(str(value)) is not None


def _expression(shape: str, name: str) -> Any:  # noqa: ANN401  (re2 has no types)
    try:
        return expression(shape)
    except ValueError as error:
        raise Invalid(
            name, f"an expression that RE2 takes, without look-around and back references: {error}"
        ) from error


def expression(shape: str) -> Any:  # noqa: ANN401
    """An expression of RE2. Raises ValueError, and says nothing on standard error."""
    try:
        return re2.compile(shape, _OPTIONS)
    except re2.error as error:
        told = error.args[0]
        raise ValueError(told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)) from error


def _options() -> Any:  # noqa: ANN401
    found = re2.Options()
    found.max_mem, found.log_errors = _EXPRESSION_MEMORY, False
    return found


_OPTIONS = _options()


def _number(wanted: types.SigmaNumber, name: str) -> Fits:
    number = wanted.number
    return lambda value: _figure(value) == number


def _bool(wanted: types.SigmaBool, name: str) -> Fits:
    text = "true" if wanted.boolean else "false"
    return lambda value: folded(value) == text


def _compared(wanted: types.SigmaCompareExpression, name: str) -> Fits:
    number, op = wanted.number.number, wanted.op.name
    compare: dict[str, Callable[[float], bool]] = {
        "LT": lambda found: found < number, "LTE": lambda found: found <= number,
        "GT": lambda found: found > number, "GTE": lambda found: found >= number,
        "NEQ": lambda found: found != number,
    }  # fmt: skip
    if isinstance(wanted.number, types.SigmaTimestampPart) or op not in compare:
        raise Invalid(name, "a comparison with a number", op)
    fits = compare[op]

    def holds(value: Value) -> bool:
        found = _figure(value)
        return found is not None and fits(found)

    return holds


def _figure(value: Value) -> float | int | None:
    if not isinstance(value, str):
        return value
    try:
        return int(value) if len(value) < 20 and value.isascii() and value.lstrip("-").isdigit() else float(value)
    except ValueError:
        return None


def _network(wanted: types.SigmaCIDRExpression, name: str) -> Fits:
    network = wanted.network

    def holds(value: Value) -> bool:
        found = _address(str(value))
        return found is not None and found.version == network.version and found in network

    return holds


@lru_cache(4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _moment(wanted: types.SigmaTimestampPart) -> Fits:
    """A part of a time in microseconds, in UTC."""
    number, part = wanted.number, wanted.timestamp_part.name.lower()

    def holds(value: Value) -> bool:
        if type(value) is str:
            return False
        try:
            moment = datetime.datetime.fromtimestamp(float(value) / 1e6, datetime.UTC)
        except (OverflowError, ValueError, OSError):
            return False
        return bool((moment.isocalendar().week if part == "week" else getattr(moment, part)) == number)

    return holds
