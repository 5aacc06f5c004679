"""The commands `store`: what is done to the store itself."""

from __future__ import annotations

import typer

from pipeline.cli.main import app

commands = typer.Typer(help="The store: its tables, and whether this program fits them.", no_args_is_help=True)
app.add_typer(commands, name="store")
