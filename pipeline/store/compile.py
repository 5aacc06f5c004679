"""A Query becomes a condition of ClickHouse SQL, whose values are all parameters.

In:     Query, what names mean, what time it is
Out:    Compiled: a condition on a row of `entries`, and where its rows can be looked up
Fails:  Invalid for a question about contents by somebody who may not see them

No character of a query is ever part of the SQL: fields choose among the expressions below, values are parameters.
`pipeline.query.matching` says the same of things in memory; `tests/store/test_search.py` holds one against the other.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.query.fields import FIELDS, RANKS
from pipeline.query.matching import folded, moment, regex
from pipeline.query.tree import (
    ANYWHERE,
    And,
    Between,
    Compared,
    Is,
    Node,
    Not,
    Or,
    Query,
    Term,
    Value,
    Within,
)  # fmt: skip
from pipeline.store.pivots import EARLIEST, LATEST
from pipeline.store.risk import RISK

#: Columns of each field: single values, and lists of values.
_SINGLE: dict[str, tuple[str, ...]] = {
    "actor": ("actor",), "human": ("human",), "session": ("session",), "credential": ("credential", "issued"),
    "used-token": ("credential",), "chain": (), "caused-by": ("tool_call", "tool_call_event", "prompt_event"),
    "action": ("action",), "tool": ("tool",), "resource": (), "outcome": ("outcome",), "kind": ("kind",),
    "actor-kind": ("actor_kind",), "format": ("format",), "producer": ("producer",), "account": ("account",),
    "region": ("region",), "address": ("address",), "user-agent": ("user_agent",), "policy": ("policy",),
    "error": ("error",),
    "link": ("link",), "unbound": ("unbound",), "origin": (), "event": ("event_id",), "trace": ("trace",),
    "request": ("request",), "text": ("text",),
}  # fmt: skip
_LISTED: dict[str, tuple[str, ...]] = {
    "used-token": ("credential_chain",), "chain": ("credential_chain", "on_behalf_of"), "resource": ("resources",),
    "origin": ("arguments.origin",),
}  # fmt: skip
#: Where a word without a field is looked for; the second are contents.
_EVERYWHERE = (
    ("actor", "actor_name", "human", "session", "credential", "action", "tool", "address", "user_agent"),
    ("text", "error"),
)
_EVERYWHERE_LISTED: tuple[tuple[str, ...], tuple[str, ...]] = (("resources",), ("arguments.value",))
#: Fields that look into contents: errors quote what was asked for.
CONTENT = ("text", "error")
#: Fields of which `pivots` knows where their rows are.
_PIVOTS = ("event", "session", "credential", "address", "human", "actor")
#: Fields whose plain values are compared as they are.
_NAMED = tuple(name for name, one in FIELDS.items() if one.type in ("name", "address"))
_FINDINGS = ("risk", "severity", "detection")
_BY_FINDING = "SELECT arrayJoin(f.entries) FROM findings AS f FINAL WHERE f.suppressed = '' AND {condition}"
_AMOUNT_OF_FINDING = """
SELECT least({{most:UInt32}}, sum(length(f.entries))) FROM findings AS f FINAL WHERE f.suppressed = '' AND {condition}
"""
_KEYS_OF_FINDING = "key IN (SELECT sipHash64('event', arrayJoin(f.entries)) FROM findings AS f FINAL WHERE f.suppressed = '' AND {condition})"  # noqa: E501


class Located(NamedTuple):
    """Where all rows that can match are: a condition on `pivots`."""

    sql: str
    #: A query for about how many there are, at most `{most:UInt32}`.
    amount: str
    #: Whether they are few to look up for each row that is found, however many there are.
    direct: bool = True


class Compiled(NamedTuple):
    """A condition on rows of `entries`, with its parameters; times are within `since` and `last`, both included."""

    sql: str
    parameters: dict[str, Any]
    since: int
    last: int
    located: tuple[Located, ...]
    #: Whether these, and times, are all that is asked: whatever is found there matches, unless it has been revised.
    alone: bool


class Meaning(NamedTuple):
    """What a query is asked with: its time, other names of identities, and whether contents may be looked into."""

    now: int
    names: Mapping[str, Sequence[str]] = {}
    content: bool = True


def compiled(query: Query, meaning: Meaning) -> Compiled:
    """The condition of a query. Raises Invalid."""
    made = _Compiler(meaning)
    sql = made.node(query.node) if query.node is not None else "1"
    since, last = EARLIEST, LATEST
    located: list[Located] = []
    for node in query.conjuncts:
        if isinstance(node, Term) and node.field == "since":
            since = max(since, moment(node.value, meaning.now))
        elif isinstance(node, Term) and node.field == "until":
            last = min(last, moment(node.value, meaning.now) - 1)
        elif found := made.located(node):
            located.append(found)
    times = sum(isinstance(node, Term) and node.field in ("since", "until") for node in query.conjuncts)
    alone = times + 1 == len(query.conjuncts) and any(one.direct for one in located)
    return Compiled(sql, made.parameters, since, last, tuple(located), alone)


class _Compiler:
    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning
        self.parameters: dict[str, Any] = {}

    def given(self, value: Any, of: str = "String") -> str:  # noqa: ANN401
        """The parameter of a value."""
        name = f"q{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{of}}}"

    def node(self, node: Node) -> str:
        """The condition of any part."""
        if isinstance(node, Not):
            return f"NOT {self.node(node.part)}"
        if isinstance(node, And):
            return "(" + " AND ".join(map(self.node, node.parts)) + ")"
        if isinstance(node, Or):
            return "(" + " OR ".join(self._gathered(node)) + ")"
        return f"({self.term(node)})"

    def _gathered(self, node: Or) -> list[str]:
        """Values of one name at once."""
        exact: dict[str, list[str]] = {}
        others: list[Node] = []
        for part in node.parts:
            if isinstance(part, Term) and isinstance(part.value, Is) and part.field in _NAMED:
                exact.setdefault(part.field, []).append(part.value.value)
            else:
                others.append(part)
        return [f"({self._names(name, values)})" for name, values in exact.items()] + [self.node(one) for one in others]

    def term(self, term: Term) -> str:
        """The condition of one term."""
        name, value = term.field, term.value
        if name in CONTENT and not self._meaning.content:
            raise Invalid("q", f"no {name}: at column {term.column}, since contents are not yours to see")
        if special := self._SPECIAL.get(name):
            return special(self, name, value)
        if name == "unbound" and value in (Is("true"), Is("false")):
            return "unbound != ''" if value == Is("true") else "unbound = ''"
        if isinstance(value, Is) and name in _NAMED:
            return self._names(name, [value.value])
        return self._any(_SINGLE[name], _LISTED.get(name, ()), name, value)

    def _names(self, name: str, values: Sequence[str]) -> str:
        """A name is one of these, or of the others of their identities."""
        wanted = self.given(self._resolved(name, values), "Array(String)")
        tests = [f"{column} IN {wanted}" for column in _SINGLE[name]]
        tests += [f"hasAny({column}, {wanted})" for column in _LISTED.get(name, ())]
        if "" in values and not _SINGLE[name]:
            tests.append(" AND ".join(f"empty({column})" for column in _LISTED[name]))
        return " OR ".join(tests)

    def _resolved(self, name: str, values: Sequence[str]) -> list[str]:
        found = [other for value in values for other in (value, *(self._meaning.names.get(value, ())))]
        return list(dict.fromkeys(found if name in ("actor", "human") else values))

    def _any(self, single: Sequence[str], listed: Sequence[str], name: str, value: Value) -> str:
        """One of the columns fits; no value at all is an empty one."""
        test = self._test(name, value)
        tests = [test.format(column=column) for column in single]
        tests += [f"arrayExists(one -> {test.format(column='one')}, {column})" for column in listed]
        if not single and listed and name != ANYWHERE:
            none = " AND ".join(f"empty({column})" for column in listed)
            empty = test.format(column="''")
            tests.append(f"({none} AND {empty})")
        return " OR ".join(tests)

    def _test(self, name: str, value: Value) -> str:
        """The condition of one text, which is put in for `{column}`."""
        if isinstance(value, Within):
            return self._within(value)
        if isinstance(value, Is):
            wanted = self.given(folded(value.value))
            if name in (ANYWHERE, "text"):
                return f"positionCaseInsensitive({{column}}, {_braced(wanted)}) > 0"
            if name != "action" or "." not in value.value:
                return f"lower({{column}}) = {_braced(wanted)}"
        return f"match(lower({{column}}), {_braced(self.given(regex(name, value)))})"

    def _within(self, value: Within) -> str:
        version = ipaddress.ip_network(value.network).version
        network = _braced(self.given(value.network))
        none = "'0.0.0.0'" if version == 4 else "'::'"
        ours = f"isIPv{version}String({{column}})"
        return f"({ours} AND isIPAddressInRange(if({ours}, {{column}}, {none}), {network}))"

    def _anywhere(self, name: str, value: Value) -> str:
        upto = 2 if self._meaning.content else 1
        single = [column for columns in _EVERYWHERE[:upto] for column in columns]
        listed = [column for columns in _EVERYWHERE_LISTED[:upto] for column in columns]
        return self._any(single, listed, ANYWHERE, value)

    def _when(self, name: str, value: Value) -> str:
        bound = self.given(moment(value, self._meaning.now), "Int64")
        return f"time {'>=' if name == 'since' else '<'} fromUnixTimestamp64Micro({bound}, 'UTC')"

    def _number(self, column: str, value: Value) -> str:
        if isinstance(value, Between):
            low, high = self.given(value.low, "Float64"), self.given(value.high, "Float64")
            return f"{column} >= {low} AND {column} <= {high}"
        if not isinstance(value, Compared):
            raise TypeError(f"no number: {value!r}")
        return f"{column} {value.how} {self.given(value.bound, 'Float64')}"

    def _has(self, name: str, value: Value) -> str:
        if not isinstance(value, Is):
            raise TypeError(f"no field: {value!r}")
        name = value.value
        if name in _FINDINGS:
            return f"identity(event_id) IN ({_BY_FINDING.format(condition='1')})"
        if name == "confidence":
            return "confidence > 0"
        tests = [f"{column} != ''" for column in _SINGLE[name]]
        tests += [f"arrayExists(one -> one != '', {column})" for column in _LISTED.get(name, ())]
        return " OR ".join(tests)

    def _of_finding(self, name: str, value: Value) -> str:
        if name == "risk" and isinstance(value, Between) and value.low > 0:
            above = self._of_finding(name, Compared(">", value.high))
            return f"{self._of_finding(name, Compared('>=', value.low))} AND NOT {above}"
        holds, condition = self._finding(name, value)
        # Not as a part of the table's key: that would hold every granule against every id.
        return f"identity(event_id) {'IN' if holds else 'NOT IN'} ({_BY_FINDING.format(condition=condition)})"

    def _finding(self, name: str, value: Value) -> tuple[bool, str]:
        """A condition on findings, and whether the entries of those match, or all others."""
        if name == "risk":
            return self._risk(value)
        if isinstance(value, Compared):
            ranks = ", ".join(f"'{one}'" for one in RANKS)
            return True, self._number(f"indexOf([{ranks}], toString(f.severity))", value)
        return True, self._test(name, value).format(column=f"toString(f.{name})")

    def _risk(self, value: Value) -> tuple[bool, str]:
        """The risk of an entry is the highest, and 0 without findings."""
        if isinstance(value, Between):
            # From 0 on: all but what is above.
            return False, f"{RISK} > {self.given(value.high, 'Float64')}"
        if not isinstance(value, Compared):
            raise TypeError(f"no risk: {value!r}")
        bound = self.given(value.bound, "Float64")
        if value.how == ">" or (value.how == ">=" and value.bound > 0):
            return True, f"{RISK} {value.how} {bound}"
        return False, "0" if value.how == ">=" else f"{RISK} {'>=' if value.how == '<' else '>'} {bound}"

    _SPECIAL: dict[str, Callable[[_Compiler, str, Value], str]] = {
        ANYWHERE: _anywhere, "since": _when, "until": _when, "has": _has, "confidence": _number,
        **dict.fromkeys(_FINDINGS, _of_finding),
    }  # fmt: skip

    def located(self, node: Node) -> Located | None:
        """Where all rows are of which a part holds; None if nothing knows."""
        terms = [part for part in (node.parts if isinstance(node, Or) else (node,)) if isinstance(part, Term)]
        name = terms[0].field if terms else ANYWHERE
        if len(terms) != len(node.parts if isinstance(node, Or) else (node,)) or {one.field for one in terms} != {name}:
            return None
        if name in _FINDINGS:
            return self._located_by_finding(terms)
        values = [one.value.value for one in terms if isinstance(one.value, Is) and one.value.value]
        if name not in _PIVOTS or len(values) != len(terms):
            return None
        wanted = self._resolved(name, values)
        pivot = self.given(name)
        if len(wanted) == 1:
            return _located(f"key = sipHash64({pivot}, {self.given(wanted[0])})")
        keys = f"(SELECT sipHash64({pivot}, arrayJoin({self.given(wanted, 'Array(String)')})))"
        return _located(f"key IN {keys}")

    def _located_by_finding(self, terms: Sequence[Term]) -> Located | None:
        found = []
        for one in terms:
            value = (
                Compared(">=", one.value.low) if isinstance(one.value, Between) and one.field == "risk" else one.value
            )
            found.append(self._finding(one.field, value))
        if not all(holds for holds, _ in found):
            return None
        condition = " OR ".join(f"({condition})" for _, condition in found)
        amount = _AMOUNT_OF_FINDING.format(condition=f"({condition})")
        return Located(_KEYS_OF_FINDING.format(condition=f"({condition})"), amount, False)


def _located(condition: str) -> Located:
    return Located(condition, f"SELECT count() FROM (SELECT 1 FROM pivots WHERE {condition} LIMIT {{most:UInt32}})")  # noqa: S608


def _braced(parameter: str) -> str:
    """As it is after `format`."""
    return "{" + parameter + "}"
