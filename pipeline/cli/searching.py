"""Commands that search: `search`, `tail`, `export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import views
from pipeline.cli.main import app, fail
from pipeline.cli.queries import read
from pipeline.cli.stored import Place, stored
from pipeline.console.exporting import FORMATS, MOST, Format

QueryText = Annotated[str, typer.Argument(help="The query (docs/query.md); in quotes, so that the shell leaves it.")]
Exact = Annotated[bool, typer.Option("--exact", help="Actors and humans under this very name only.")]


@app.command()
@stored
def search(
    place: Place,
    query: QueryText = "",
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 100,
    earliest: Annotated[bool, typer.Option("--earliest", help="The earliest first, and not the latest.")] = False,
    exact: Exact = False,
) -> None:
    """Print the entries that a query finds, latest first, with how we know.

    Examples:
      whodid search 'actor:invoice-bot action:s3.* risk:>0.8 -outcome:success since:2h'
      whodid search 'caused-by:call-17 or used-token:aws:ASIAEXAMPLE' --format json
      whodid search '"quarterly report" kind:prompt' --limit 20
    """
    read(query)
    with place.reader() as source:
        count = views.timeline(source.search(query, limit, earliest=earliest, exact=exact), place.view, sys.stdout)
    if not count:
        typer.echo("whodid: search: nothing found", err=True)
        raise typer.Exit(4)


@app.command()
@stored
def tail(place: Place, query: QueryText = "", exact: Exact = False) -> None:
    """Print new and revised entries that a query finds, one JSON object a line, as they are written; Ctrl-C ends it.

    Examples:
      whodid tail 'outcome:denied'
      whodid tail 'human:ana@example.com -action:s3.Get*'
    """
    read(query)
    with place.reader() as source:
        for row in source.follow(query, exact):
            views.timeline([row], "jsonl", sys.stdout)
            sys.stdout.flush()


@app.command()
@stored
def export(
    place: Place,
    query: QueryText = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; its ending names the format")] = None,
    exact: Exact = False,
) -> None:
    """Write the entries that a query finds into a file, oldest first: .jsonl, .csv or .parquet; at most 500,000.

    Examples:
      whodid export 'session:conv-7f3a' -o session.csv
      whodid export 'since:7d risk:>0.5' -o week.parquet
    """
    read(query)
    named = output.suffix.removeprefix(".") if output else "jsonl"
    if named not in FORMATS:
        fail("export: expected a file that ends in " + ", ".join(f".{one}" for one in FORMATS), 2)
    format_: Format = next(one for one in FORMATS if one == named)
    with place.reader() as source:
        pieces = source.export(query, format_, exact)
        if output is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            return
        try:
            with output.open("wb") as file:
                size = sum(map(file.write, pieces))
        except OSError as error:
            fail(f"export: {output}: {error.strerror}")
    typer.echo(f"whodid: wrote {output}: {size:,} bytes, at most {MOST:,} entries", err=True)
