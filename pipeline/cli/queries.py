"""Queries on the command line: what is wrong with one is pointed at, and rows are held against one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Annotated

import typer

from pipeline.cli.reader import Shape
from pipeline.query import Fault, Query, parse, render
from pipeline.query.facts import fields, values_of
from pipeline.query.matching import check, matches
from pipeline.query.tree import Is, Term, both

QueryOption = Annotated[
    str, typer.Option("--query", "-q", help="Only what matches, e.g. 'risk:>0.8 -actor:ci-*' (docs/query.md).")
]
#: Rows that are held against a query, so that a rare one ends.
_LOOKED_AT = 100_000


def read(text: str, keys: Mapping[str, tuple[str, ...]] | None = None) -> Query:
    """The query that a text says; a faulty one is pointed at, and ends the command with status 2.

    With `keys`, it may name only what those say something of.
    """
    try:
        query = parse(text)
        if keys is not None:
            check(query, fields(keys), text)
    except Fault as fault:
        typer.echo(f"whodid: {fault}\n  " + fault.pointed().replace("\n", "\n  "), err=True)
        raise typer.Exit(2) from fault
    return query


def held(
    text: str, keys: Mapping[str, tuple[str, ...]], limit: int, rows: Callable[[int], Iterator[Shape]]
) -> Iterator[Shape]:
    """Rows that match, at most `limit`; of the first 100,000 where there is a query."""
    if not text:
        return rows(limit)
    query = read(text, keys)
    return islice((row for row in rows(_LOOKED_AT) if matches(query, values_of(row, keys))), limit)


def narrowed(text: str, given: Mapping[str, str]) -> str:
    """A query and the values of some fields, as one query."""
    query = read(text)
    for name, value in given.items():
        if value:
            said = Query(Term(name, Is(value))) if name not in ("since", "until") else read(f'{name}:"{value}"')
            query = both(said, query)
    return render(query)
