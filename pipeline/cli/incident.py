"""The command that begins with one clue: `reconstruct`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.cli import incident_views
from pipeline.cli.main import app, fail
from pipeline.cli.reader import Reader
from pipeline.cli.stored import Place, stored
from pipeline.kit.failures import Invalid
from pipeline.reconstruct.clue import KINDS
from pipeline.report.content import ROLES


@app.command()
@stored
def reconstruct(
    place: Place,
    clue: Annotated[
        str, typer.Argument(help="A token, access key, address, resource, alert, finding, session, identity or event.")
    ] = "",
    kind: Annotated[str, typer.Option(help="What the clue is: " + ", ".join(KINDS) + ".")] = "",
    since: Annotated[str, typer.Option(help="ISO 8601 time. Without a clue: the span that is asked for.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601 time.")] = "",
    cutoff: Annotated[float, typer.Option(help="What is less sure does not belong.", min=0.01, max=1)] = 0.5,
    out: Annotated[Path | None, typer.Option(help="Write a bundle: a folder, or a file that ends in .zip.")] = None,
    role: Annotated[
        str, typer.Option(help="What of contents the bundle has: that of a " + ", ".join(ROLES) + ".")
    ] = "analyst",
) -> None:
    """Tell who did what from one clue: where it began, what followed, what is hurt, what cannot be known.

    A bundle has the report (HTML, Markdown), timelines (JSON lines, Timesketch, OCSF), the graph, and what proves it.

    Examples:
      whodid reconstruct AKIAIOSFODNN7EXAMPLE
      whodid reconstruct 203.0.113.66 --kind address --cutoff 0.7
      whodid reconstruct --since 2026-01-31T08:00 --until 2026-01-31T12:00 --format json
      whodid reconstruct 9a5aa9ccd6e5b773b54629e5c5c65d22 --out incident.zip --role responder
    """
    given = {"clue": clue, "kind": kind, "since": since, "until": until, "cutoff": str(cutoff), "role": role}
    given = {name: value for name, value in given.items() if value}
    with place.reader() as source:
        try:
            if out is not None:
                name = _packed(source, given, out)
                typer.echo(f"incident {name} in {out}")
                return
            row = source.incident(given)
        except Invalid as failure:
            fail(str(failure), 4 if failure.field == "clue" and clue else 2)
        except OSError as error:
            fail(f"{error.filename or out}: {error.strerror or error}", 1)
    incident_views.incident(row, place.view, sys.stdout)


def _packed(source: Reader, given: dict[str, str], out: Path) -> str:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reconstructing", total=None)
        return source.bundle(
            given, out, lambda name, number, of: bar.update(task, description=name, completed=number, total=of)
        )
