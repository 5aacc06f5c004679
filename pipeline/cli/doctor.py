"""The command `doctor`: everything around whodid is looked at, and each line that is not well says what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer

from pipeline.cli.main import app
from pipeline.cli.tables import Column, grid
from pipeline.console.inert import json_inert
from pipeline.run.doctor import examined
from pipeline.run.looked import Line


class Format(StrEnum):
    """How lines are printed."""

    TABLE = "table"
    JSON = "json"


_COLUMNS = (
    Column("", lambda row: row["state"], whole=True),
    Column("What", lambda row: row["part"], whole=True),
    Column("How it is", lambda row: row["said"], weight=3),
    Column("What to do", lambda row: row["fix"], weight=2),
)


@app.command()
def doctor(
    format_: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
) -> None:
    """Look at settings, broker, topics, lag, store, clock, disk, models, destinations, evidence and desk.

    Nothing is changed, and no alert is sent. Ends with 0 if nothing fails, with 3 if only others are away, else with 1.

    Examples:
      whodid doctor
      whodid doctor --format json
    """
    found = list(examined())
    rows = [one._asdict() for one in found]
    if format_ is Format.JSON:
        typer.echo(json_inert(json.dumps(rows, indent=2, ensure_ascii=False)))
    else:
        grid(rows, _COLUMNS, sys.stdout)
    raise typer.Exit(status(found))


def status(found: Iterable[Line]) -> int:
    """The exit status: 3 says that it may be well a little later."""
    failed = [one for one in found if one.state == "fail"]
    if not failed:
        return 0
    return 3 if all(one.away for one in failed) else 1
