"""Sigma's rules, as pySigma parses them, become Rules and Correlations that can be evaluated.

In:     what YAML had: a rule's mapping, or only its `detection`
Out:    Rules (one event is enough) and Correlations (several events within a time)
Fails:  Invalid, which names the field and the fix

Source: Sigma specification 2.1 (rules and correlation rules). pySigma (LGPL 2.1) is a dependency.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

from sigma.correlations import SigmaCorrelationRule, SigmaCorrelationType, SigmaExtendedCorrelationCondition
from sigma.exceptions import SigmaError
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine
from sigma.rule import SigmaRule
from sigma.rule.detection import SigmaDetections

from pipeline.kit.failures import Invalid
from pipeline.score.definition import Definition
from pipeline.score.rules import mapping
from pipeline.score.rules.mapping import View
from pipeline.score.rules.matching import Test, both, compiled, expression
from schemas.finding import Tactic

#: Characters of a condition, brackets inside brackets, stars in a pattern of names, and texts of one rule.
MOST_CONDITION, MOST_BRACKETS, MOST_STARS = 4096, 8, 8
#: Regular expressions, and texts that become one, of one rule.
MOST_EXPRESSIONS = 200
#: Events, values or rules that a correlation may ask for.
MOST_LEAST = 1000
#: How sure a rule of this severity is taken to be.
SCORES = {"low": 0.3, "medium": 0.5, "high": 0.8, "critical": 0.95}
_LEVELS = {"informational": "low", "low": "low", "medium": "medium", "high": "high", "critical": "critical"}
_TECHNIQUE = re.compile(r"(attack|atlas)\.((?:aml\.)?t\d{4}(?:\.\d{3})?)", re.IGNORECASE)
_COUNTS = {SigmaCorrelationType.EVENT_COUNT: "event_count", SigmaCorrelationType.VALUE_COUNT: "value_count"}
_ORDERS = {SigmaCorrelationType.TEMPORAL: "temporal", SigmaCorrelationType.TEMPORAL_ORDERED: "temporal_ordered"}


class _Quiet(RegexEngine):
    """RE2 within our bounds, which says what is wrong in its error only."""

    def compile(self, pattern: str, flags: int = 0) -> Any:  # noqa: ANN401
        letters = "".join(letter for flag, letter in _FLAGS.items() if flags & flag)
        return expression(f"(?{letters})" * bool(letters) + pattern)

    @property
    def error(self) -> type[Exception]:
        return ValueError


_FLAGS = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
_POLICY = SigmaPolicy(regex_engine=_Quiet())


class Rule(NamedTuple):
    """A rule that one event is enough for."""

    name: str
    definition: Definition
    test: Test
    view: View
    #: What other rules may call it: its Sigma name and id.
    known_as: tuple[str, ...] = ()


class Correlation(NamedTuple):
    """A rule over several events."""

    name: str
    definition: Definition
    known_as: tuple[str, ...]
    #: event_count, value_count, temporal or temporal_ordered.
    kind: str
    #: Rules that it is about, by what they may be called.
    rules: tuple[str, ...]
    #: Microseconds.
    timespan: int
    group_by: tuple[str, ...]
    #: By alias, and by rule: the name of the field there.
    aliases: dict[str, dict[str, str]]
    #: Events, values or rules that are enough.
    least: int
    #: Fields whose values are counted.
    counted: tuple[str, ...]
    #: Whether the rules that it is about are found by themselves too.
    generate: bool


def detection(given: dict[str, Any], view: View, file: str) -> Test:
    """The detection of a rule, as a test. Raises Invalid."""
    return both([*([view.concerns] if view.concerns else []), _checked(given, view, file)])


def rule(given: dict[str, Any], name: str, file: str) -> Rule | Correlation:
    """One document of a Sigma file. Raises Invalid."""
    if "correlation" in given:
        return _correlation(given, name, file)
    source = given.get("logsource")
    if not isinstance(source, dict):
        raise Invalid(f"{file}: logsource", "a mapping with product and service", source)
    parsed = _parsed(lambda: SigmaRule.from_dict(_without_detection(given)), file)
    try:
        view = mapping.view(*(str(source.get(key) or "") for key in ("product", "service", "category")))
    except Invalid as error:
        raise _in_file(error, file) from error
    test = detection(_mapping(given.get("detection"), f"{file}: detection"), view, file)
    return Rule(name, _definition(given, parsed, name, file), test, view, _known_as(given))


def _checked(given: dict[str, Any], view: View, file: str) -> Test:
    if "timeframe" in given or "aggregation" in given:
        raise Invalid(f"{file}: detection", "no `timeframe` or `aggregation` (write a correlation rule)")
    conditions = given.get("condition")
    several = conditions if isinstance(conditions, list) else [conditions]
    for one in several:
        _bounded(one, f"{file}: condition")
    if any(name.count("*") > MOST_STARS or len(name) > 100 for name in given):
        raise Invalid(f"{file}: detection", "names of at most 100 characters")
    if _expressions(given) > MOST_EXPRESSIONS:
        raise Invalid(
            f"{file}: detection", f"at most {MOST_EXPRESSIONS} regular expressions and texts with several stars"
        )
    found: SigmaDetections = _parsed(lambda: SigmaDetections.from_dict(given, policy=_POLICY), file)
    if len(found.parsed_condition) != 1:
        raise Invalid(f"{file}: condition", "one condition", f"{len(found.parsed_condition)} conditions")
    tree = _parsed(lambda: found.parsed_condition[0].parsed, file)
    try:
        return compiled(tree, view.getter)
    except Invalid as error:
        raise _in_file(error, file) from error


def _expressions(given: Any, key: str = "") -> int:  # noqa: ANN401
    """How many expressions a detection has to be compiled to."""
    if isinstance(given, dict):
        return sum(_expressions(value, str(name)) for name, value in given.items())
    if isinstance(given, list):
        return sum(_expressions(value, key) for value in given)
    text = str(given)
    return int("re" in key.split("|")[1:] or "?" in text or text.strip("*").count("*") > 0)


def _bounded(condition: object, field: str) -> None:
    """Refuse what a parser that goes down into brackets would spend long on."""
    if not isinstance(condition, str) or not condition.strip():
        raise Invalid(field, "a text such as `selection and not filter`", condition)
    depth = deepest = 0
    for letter in condition:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    nots = len(re.findall(r"\bnot\s+not\s+not\b", condition))
    if len(condition) > MOST_CONDITION or deepest > MOST_BRACKETS or nots:
        raise Invalid(field, f"at most {MOST_CONDITION} characters, and {MOST_BRACKETS} brackets inside one another")
    if max((word.count("*") for word in condition.split()), default=0) > MOST_STARS:
        raise Invalid(field, f"at most {MOST_STARS} stars in a pattern")


def _parsed(parse: Callable[[], Any], file: str) -> Any:  # noqa: ANN401
    try:
        return parse()
    except SigmaError as error:
        raise Invalid(f"{file}: rule", f"Sigma: {str(error)[:300]}") from error
    except Invalid:
        raise
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError, AssertionError) as error:
        # pySigma takes some shapes for granted that a file need not have.
        raise Invalid(
            f"{file}: rule", f"the shape of a Sigma rule ({type(error).__name__}: {str(error)[:200]})"
        ) from error


def _in_file(error: Invalid, file: str) -> Invalid:
    raised = Invalid(f"{file}: {error.field}", "")
    raised.args = (f"{file}: {error}",)
    return raised


def _without_detection(given: dict[str, Any]) -> dict[str, Any]:
    """For what stands around a detection: that itself is read apart, after it was found to be within bounds."""
    return {**given, "detection": {"selection": {"action": "x"}, "condition": "selection"}}


def _definition(given: dict[str, Any], parsed: Any, name: str, file: str) -> Definition:  # noqa: ANN401
    level = str(given.get("level") or "medium").lower()
    tags = [match[2].upper() for match in map(_TECHNIQUE.fullmatch, map(str, given.get("tags") or [])) if match]
    harmless = [
        str(text) for text in _listed(given.get("falsepositives")) if str(text).lower() not in ("unknown", "none")
    ]
    links = [str(text) for text in _listed(given.get("references"))]
    title = " ".join(str(parsed.title).split())[:200]
    made = Definition(
        title=title,
        why=" ".join(str(given.get("description") or title).split())[:2000],
        severity=_LEVELS.get(level, "medium"),  # type: ignore[arg-type]
        sentence=_sentence(title, "correlation" in given),
        runbook=[*(f"May be harmless: {text}"[:1000] for text in harmless), *(f"See {link}"[:1000] for link in links)],
    )
    tactics = [str(tag).lower().removeprefix("attack.").replace("_", "-") for tag in given.get("tags") or []]
    # The tags of others are theirs: they need not be in our catalogue.
    tactic = next((one for one in get_args(Tactic) if one in tactics), "")
    return made.model_copy(update={"frameworks": sorted(set(tags)), "tactic": tactic})


def _sentence(title: str, several: bool) -> str:
    plain = title.replace("{", "{{").replace("}", "}}")
    return (
        f"{plain}: {{count}} events, the last {{action}} by {{actor}}"
        if several
        else f"{plain}: {{action}} by {{actor}}"
    )


def _correlation(given: dict[str, Any], name: str, file: str) -> Correlation:
    parsed: SigmaCorrelationRule = _parsed(lambda: SigmaCorrelationRule.from_dict(given), file)
    kind = {**_COUNTS, **_ORDERS}.get(parsed.type)
    if kind is None:
        known = ", ".join({**_COUNTS, **_ORDERS}.values())
        raise Invalid(f"{file}: correlation.type", f"one of {known}", parsed.type.name.lower())
    rules = tuple(reference.reference for reference in parsed.rules or ())
    if not rules or len(rules) > 32 or not all(isinstance(one, str) for one in rules):
        raise Invalid(f"{file}: correlation.rules", "1 to 32 names or ids of rules")
    least, counted = _least(parsed, file)
    if (least > len(rules) and kind in _ORDERS.values()) or (kind == "temporal_ordered" and least < len(rules)):
        raise Invalid(f"{file}: correlation.condition", f"gte: {len(rules)}, as many as there are rules, or none")
    return Correlation(
        name, _definition(given, parsed, name, file), _known_as(given), kind, rules,
        parsed.timespan.seconds * 1_000_000, tuple(parsed.group_by or ()),
        {alias.alias: {ref.reference: str(field) for ref, field in alias.mapping.items()} for alias in parsed.aliases},
        least, counted, bool(parsed.generate),
    )  # fmt: skip


def _least(parsed: SigmaCorrelationRule, file: str) -> tuple[int, tuple[str, ...]]:
    condition = parsed.condition
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        raise Invalid(f"{file}: correlation.condition", "a mapping such as {gte: 2}", condition.expression)
    op, count = condition.op.name.lower(), condition.count
    if op not in ("gt", "gte") or int(count) != count or not 0 <= count <= MOST_LEAST:
        expected = f"gt or gte and a whole number up to {MOST_LEAST} (fewer are known only when the time is over)"
        raise Invalid(f"{file}: correlation.condition", expected, {op: count})
    counted = condition.fieldref
    return max(1, int(count) + (op == "gt")), tuple([counted] if isinstance(counted, str) else counted or ())


def _known_as(given: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(given[key]) for key in ("name", "id") if given.get(key))


def _mapping(given: object, field: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Invalid(field, "a mapping with selections and a condition", given)
    return given


def _listed(given: object) -> list[Any]:
    return given if isinstance(given, list) else [] if given is None else [given]
