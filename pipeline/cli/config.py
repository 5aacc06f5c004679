"""The command `config`: what is set and where that comes from, whether it is right, and what each setting means."""

from __future__ import annotations

import difflib
import json
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from pipeline.cli.main import app, fail, settings_from
from pipeline.cli.tables import Column, grid, pairs
from pipeline.console.inert import json_inert
from pipeline.kit.config import Settings
from pipeline.kit.config.faults import effective
from pipeline.run import config_page
from pipeline.run.configured import all_faults, explained, rows

commands = typer.Typer(help="Settings: docs/configuration.md has them all.", no_args_is_help=True)
app.add_typer(commands, name="config")


class Format(StrEnum):
    """How settings are printed."""

    TABLE = "table"
    JSON = "json"
    TOML = "toml"


Shown = Annotated[Format, typer.Option("--format", help="table, json, or toml: a file of settings.")]
Plain = Annotated[Format, typer.Option("--format", help="table or json.")]
_COLUMNS = (
    Column("Setting", lambda row: row["place"], whole=True),
    Column("Value", lambda row: str(row["value"]), weight=3),
    Column("From", lambda row: row["where"] or row["source"], weight=2),
)


@commands.command()
def show(format_: Shown = Format.TABLE) -> None:
    """Print every setting with its value, and whether that is a default or where it comes from; of secrets `***`.

    Examples:
      whodid config show
      whodid config show --format toml > whodid.toml
    """
    found = list(rows(settings_from(), effective()))
    if format_ is Format.TABLE:
        grid(found, _COLUMNS, sys.stdout)
    elif format_ is Format.JSON:
        typer.echo(json_inert(json.dumps(found, indent=2, ensure_ascii=False)))
    else:
        typer.echo(config_page.toml(found), nl=False)


@commands.command()
def check() -> None:
    """Say everything that is wrong with the settings and the files that they name; status 2 if anything is.

    Nothing is asked of a broker or a store: `whodid doctor` does that.

    Example: WHODID_CONFIG=whodid.toml whodid config check
    """
    found = all_faults()
    for fault in found:
        typer.echo(f"whodid: {fault}", err=True)
    if found:
        raise typer.Exit(2)
    given = effective()
    typer.echo(f"{len(given)} of {len(Settings.options())} settings are given, and what they say holds.")


@commands.command()
def explain(
    key: Annotated[str, typer.Argument(help="A setting, by its name, its place in the file or its variable.")] = "",
    format_: Plain = Format.TABLE,
) -> None:
    """Print what a setting means: its unit, default, variable, place in the file, an example; without one, all names.

    Examples:
      whodid config explain grace
      whodid config explain WHODID_HASH_KEY --format json
    """
    known = Settings.options()
    if not key:
        for option in known.values():
            typer.echo(option.place)
        return
    names = {name: one for one in known.values() for name in (one.name, one.place, one.variable)}
    if key not in names:
        near = difflib.get_close_matches(key, list(names), 3, 0.5)
        fail(f"no setting {key!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""), 4)
    said: dict[str, Any] = explained(names[key])
    if format_ is Format.JSON:
        typer.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        pairs([(name, value) for name, value in said.items() if value not in ("", False)], sys.stdout)
