"""Text becomes a Query. A library does the parsing: lark, LALR(1), so that time grows with the length of the text."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken, VisitError

from pipeline.query import reading
from pipeline.query.fault import Fault
from pipeline.query.fields import ANYWHERE_HINT, FIELDS, HAS, nearest
from pipeline.query.reading import begins, ends
from pipeline.query.tree import ANYWHERE, Is, Like, Node, Not, Query, Term, Value, all_of, any_of

#: Characters of a query, terms in it, and how deep they may be nested.
LENGTH, TERMS, DEPTH = 4096, 200, 16


def parse(text: str) -> Query:
    """The query that a text says; an empty one asks for everything. Raises Fault."""
    if len(text) > LENGTH:
        raise Fault(text, LENGTH + 1, 1, f"at most {LENGTH} characters")
    if text != text.encode("utf-8", "replace").decode():
        at = next(at for at, letter in enumerate(text, 1) if "\ud800" <= letter <= "\udfff")
        raise Fault(text, at, 1, "valid Unicode")
    try:
        node: Node | None = _Made(text).transform(_parser().parse(text))
    except VisitError as error:
        if isinstance(error.orig_exc, Fault):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        raise _fault(text, error) from None
    query = Query(node)
    _check(text, query)
    return query


@cache
def _parser() -> Lark:
    grammar = files("pipeline.query").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=False, maybe_placeholders=False)


class _Made(Transformer[Token, Any]):
    """Nodes out of lark's tree."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def start(self, parts: list[Node]) -> Node | None:
        """The whole."""
        return parts[0] if parts else None

    def either(self, parts: list[Node]) -> Node:
        """One of them."""
        return any_of(parts)

    def each(self, parts: list[Node]) -> Node:
        """All of them."""
        return all_of(parts)

    def negated(self, parts: list[Node]) -> Node:
        """Not that."""
        (part,) = parts
        return part.part if isinstance(part, Not) else Not(part)

    def word(self, parts: list[Token]) -> Node:
        """A word that names no field."""
        (token,) = parts
        self._apart(token)
        return Term(ANYWHERE, reading.word(self._text, token), *_place(token))

    def empty(self, parts: list[Token]) -> Node:
        """A field without a value."""
        name = self._named(parts[0])
        raise Fault(self._text, ends(parts[0]) + 1, 1, f"a value right behind the colon, e.g. {FIELDS[name].example}")

    def field(self, parts: list[Any]) -> Node:
        """A field with a value, or several of which one is to hold."""
        name = self._named(parts[0])
        terms: list[Node] = []
        for tokens in parts[1:]:
            # The whole, beginning with the field: it is what somebody sees that is told of the term.
            column, length = begins(parts[0]) + 1, ends(tokens[-1]) - begins(parts[0])
            value = self._value(name, tokens)
            # `error:*` asks whether there is an error at all.
            given = Term("has", Is(name), column, length) if value == Like("*") and name in HAS else None
            terms.append(given or Term(name, value, column, length))
        return any_of(terms)

    def value(self, parts: list[Token]) -> list[Token]:
        """A comparison, perhaps, and a text."""
        if len(parts) == 2 and ends(parts[0]) != begins(parts[1]):
            raise Fault(self._text, ends(parts[0]) + 1, 1, f"a number right behind {parts[0]}")
        self._apart(parts[-1])
        return parts

    def _value(self, name: str, tokens: list[Token]) -> Value:
        how = str(tokens[0]) if len(tokens) == 2 else ""
        return reading.value(self._text, FIELDS[name], how, tokens[-1])

    def _named(self, token: Token) -> str:
        name = token[:-1].lower().replace("_", "-")
        if name not in FIELDS:
            meant = nearest(name, list(FIELDS))
            raise Fault(self._text, *_place(token, -1), f"a field ({ANYWHERE_HINT})", f"{meant}:" if meant else "")
        return name

    def _apart(self, token: Token) -> None:
        """Refuse what looks like one value and is two."""
        following = self._text[ends(token) : ends(token) + 1]
        if following == '"' or (token.type == "QUOTED" and following and following not in " \t\r\n\f\v)"):
            raise Fault(self._text, ends(token) + 1, 1, "a blank, as quotes go around a whole value")


def _place(token: Token, more: int = 0) -> tuple[int, int]:
    return begins(token) + 1, ends(token) - begins(token) + more


def _fault(text: str, error: UnexpectedInput) -> Fault:
    if isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        return Fault(text, len(text) + 1, 0, _wanted(error))
    at = error.pos_in_stream or 0
    if isinstance(error, UnexpectedCharacters):
        if text[at] == '"':
            return Fault(text, at + 1, len(text) - at, "a closing quote for what begins")
        if text[at] == "\\":
            return Fault(text, at + 1, 1, "a character behind the backslash")
        return Fault(text, at + 1, 1, _wanted(error))
    length = len(error.token) if isinstance(error, UnexpectedToken) else 1
    return Fault(text, at + 1, length, _wanted(error))


def _wanted(error: UnexpectedInput) -> str:
    names = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    if "VALUE" in names:
        return "a value" + (" or )" if "_CLOSE" in names else "")
    if "_CLOSE" in names:
        return "a closing ), a field or a word"
    return "a field such as actor:, or a word"


def _check(text: str, query: Query) -> None:
    terms = list(query.terms())
    if len(terms) > TERMS:
        raise Fault(text, terms[TERMS].column, terms[TERMS].length, f"at most {TERMS} terms")
    ahead: list[tuple[Node, int]] = [] if query.node is None else [(query.node, 1)]
    while ahead:
        node, depth = ahead.pop()
        if depth > DEPTH:
            raise Fault(text, 1, len(text), f"at most {DEPTH} levels of ( ) and not")
        if isinstance(node, Not):
            ahead.append((node.part, depth + 1))
        elif not isinstance(node, Term):
            ahead.extend((part, depth + 1) for part in node.parts)
