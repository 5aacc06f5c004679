"""The `whodid` command and what its commands share."""

from __future__ import annotations

import logging
import os
import sys
from enum import StrEnum
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from pipeline.kit import logs
from pipeline.kit.config import Settings, faults, place
from pipeline.kit.failures import Failure, Invalid, Permanent


class Summary(StrEnum):
    """How a command sums up what it did."""

    JSON = "json"


#: What a command ends with, in every case.
EXIT_CODES = {
    0: "done",
    1: "a role or a step failed, or what was checked is not so",
    2: "wrong usage: an option, an argument, a setting or a given file",
    3: "something that is needed is away: store, desk, broker, destination",
    4: "nothing found",
    130: "interrupted",
}

app = typer.Typer(
    name="whodid",
    help="Who or what acted, for whom, with which token, because of which prompt, and how sure we are.",
    epilog="Exit codes: "
    + " · ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    + ". Every field of --format json is in docs/cli.md.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"whodid {metadata.version('whodid')}")
        raise typer.Exit


@app.callback()
def common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_version, is_eager=True)
    ] = False,
    config: Annotated[Path | None, typer.Option(help="The file of settings, instead of WHODID_CONFIG.")] = None,
) -> None:
    """Settings come from a file (docs/configuration.md) and from WHODID_… variables, which win over it.

    Options of a command win over both.
    """
    if config is not None:
        os.environ[place.VARIABLE] = str(config)
    given = faults.effective().get("log_format")
    form: logs.Format = "json" if given is not None and given.value == "json" else "text"
    logs.begin(form, logging.INFO if verbose else logging.WARNING)
    # Faust reports that a timer of 20 ms is late whenever a checkpoint takes longer: that is no news.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)
    if not verbose:
        logging.getLogger("aiokafka").setLevel(logging.ERROR)


def settings_from(**given: object) -> Settings:
    """Settings with the options that were given. Raises Misconfigured: wrong ones end the command with status 2."""
    options = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**options)  # type: ignore[arg-type]
    except ValidationError as error:
        raise faults.misconfigured(error, options) from error


def fail(message: str, status: int = 1) -> None:
    """Say what went wrong on standard error and end."""
    typer.echo(f"whodid: {message}", err=True)
    raise typer.Exit(status)


def main() -> None:
    """Run the command; failures become one line and an exit code."""
    register(next((word for word in sys.argv[1:] if not word.startswith("-")), ""))
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Invalid as failure:
        typer.echo(f"whodid: {failure}", err=True)
        sys.exit(2)
    except Permanent as failure:
        typer.echo(f"whodid: {failure}", err=True)
        sys.exit(1)
    except Failure as failure:
        typer.echo(f"whodid: {failure}", err=True)
        sys.exit(3)


#: Modules of commands, and the commands that each has a part in.
MODULES = {
    "alerts": "alerts", "aliases": "aliases", "backup": "store", "cases": "cases views", "chaos": "chaos",
    "config": "config", "coverage": "coverage", "detections": "train evaluate", "doctor": "doctor",
    "drift": "drift train evaluate", "evidence": "evidence verify",
    "findings": "finding findings", "grants": "store", "incident": "reconstruct", "inputs": "investigate",
    "inventory": "identities sessions credentials", "keys": "keys reads", "measure": "simulate evaluate",
    "outputs": "timeline event status dead-letters", "processes": "up demo run", "producers": "producers",
    "replay": "replay", "respond": "respond", "retention": "retention holds erase", "rules": "rules",
    "searching": "search tail export", "sending": "send", "sources": "sources", "store": "store", "tiers": "store",
    "topics": "topics",
}  # fmt: skip


def register(command: str = "") -> None:
    """Take in the modules that register a command; all of them, which takes seconds, for what is none."""
    wanted = [module for module, commands in MODULES.items() if command in commands.split()]
    for module in wanted or MODULES:
        import_module(f"pipeline.cli.{module}")
