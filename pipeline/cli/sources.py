"""The commands `sources`: which logs can be connected, what each tells, and what it makes of somebody's files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pipeline.cli import views
from pipeline.cli.inputs import Files, progress_bar
from pipeline.cli.main import app, fail, settings_from
from pipeline.cli.tables import Column, pairs
from pipeline.cli.views import Format
from pipeline.normalize.formats import FORMATS
from pipeline.normalize.source import LINKS, Source
from pipeline.run.check import TOLD, Checked, check
from pipeline.sources.files import read
from pipeline.sources.streams import find, size

commands = typer.Typer(help="Logs that can be connected, and what each tells.", no_args_is_help=True)
app.add_typer(commands, name="sources")

View = Annotated[Format, typer.Option("--format", help="table, json, jsonl or csv.")]
_LISTED = ("format", "title", "group", "topic", "states", "never")
_CHECKED = ("format", "records", "events", "ignored", "rejected", *LINKS, *TOLD, "unknown_fields")


@commands.command("list")
def listed(view: View = "table") -> None:
    """Print the formats that whodid understands, and which links each states.

    Examples:
      whodid sources list
      whodid sources list --format json
    """
    views.listing([_shape(form.source) for form in FORMATS.values()], view, sys.stdout, _SOURCES, _LISTED)


@commands.command("show")
def shown(
    name: Annotated[str, typer.Argument(help="A format, e.g. okta.system-log.", metavar="FORMAT")],
    view: View = "table",
) -> None:
    """Print what to switch on for one source, which of its fields link, and what its log never tells.

    Examples:
      whodid sources show okta.system-log
    """
    if name not in FORMATS:
        fail(f"FORMAT: expected one of {', '.join(FORMATS)}, got {name!r}", 2)
    source = FORMATS[name].source
    if view != "table":
        views.whole(_shape(source) | {"enable": source.enable, "lost": list(source.lost)}, view, sys.stdout)
        return
    lost = [("Not in this log", what) for what in source.lost]
    told = [("Source", f"{source.title} ({source.name})"), ("Switch on", source.enable), *lost]
    pairs([(name, text.replace("`", "")) for name, text in told], sys.stdout)
    rows = [
        {"link": link, "by": source.links.get(link, ""), "but": source.needs.get(link, source.never.get(link, ""))}
        for link in LINKS
    ]
    views.listing(rows, view, sys.stdout, _LINKS, ())


@commands.command("check")
def checked(
    files: Files,
    of: Annotated[str | None, typer.Option("--as", help="Native format of all files; default: detected.")] = None,
    view: View = "table",
) -> None:
    """Read log files and print what would become of them: events, links they state, what is rejected and why.

    Nothing is sent and nothing is stored. Ends with 1 if a record was rejected or a file could not be read.

    Examples:
      whodid sources check cloudtrail/2026/01/
      zcat audit.log.gz | whodid sources check - --as vault.audit --format json
    """
    if of is not None and of not in FORMATS:
        fail(f"--as: expected one of {', '.join(FORMATS)}, got {of!r}", 2)
    faults: list[str] = []
    total = size(find(files))
    with progress_bar(total) as bar:
        task = bar.add_task("reading", total=total)
        found = check(read(files, of or "", "", faults, lambda done: bar.advance(task, done)), settings_from())
    views.listing([_counted(name, one) for name, one in found.items()], view, sys.stdout, _FOUND, _CHECKED)
    for fault in faults:
        typer.echo(f"whodid: {fault}", err=True)
    if faults or any(one.rejected for one in found.values()):
        raise typer.Exit(1)


def _shape(source: Source) -> dict[str, Any]:
    return {
        "format": source.name, "title": source.title, "group": source.group, "topic": source.topic,
        "states": dict(source.links), "needs": dict(source.needs), "never": dict(source.never),
    }  # fmt: skip


def _counted(name: str, one: Checked) -> dict[str, Any]:
    shares = {link: round(one.share(link), 4) for link in (*LINKS, *TOLD)}
    return {
        "format": name, "records": one.records, "events": dict(one.events.most_common()),
        "ignored": dict(one.ignored.most_common()), "rejected": dict(one.rejected.most_common()), **shares,
        "unknown_fields": dict(one.unknown.most_common()),
    }  # fmt: skip


def _shares(row: Mapping[str, Any]) -> str:
    return "\n".join(f"{row[name]:.0%} {name}" for name in (*LINKS, *TOLD) if row[name])


def _amounts(counted: dict[str, int], most: int = 8) -> str:
    lines = [f"{amount:,} {name}" for name, amount in list(counted.items())[:most]]
    return "\n".join([*lines, f"and {len(counted) - most} more"] if len(counted) > most else lines)


_SOURCES = (
    Column("Format", lambda row: row["format"], weight=2),
    Column("Source", lambda row: row["title"], weight=3),
    Column("States", lambda row: ", ".join(row["states"]), weight=4),
)
_LINKS = (
    Column("Link", lambda row: row["link"], whole=True),
    Column("Stated by", lambda row: row["by"].replace("`", ""), weight=3),
    Column("Only if, or why never", lambda row: row["but"].replace("`", ""), weight=3),
)
_FOUND = (
    Column("Format", lambda row: row["format"], weight=2),
    Column("Records", lambda row: f"{row['records']:,}", whole=True),
    Column("Events", lambda row: _amounts(row["events"]), weight=2),
    Column("State, of the events", _shares, weight=2),
    Column("Without an event", lambda row: _amounts(row["ignored"]), weight=2),
    Column("Rejected", lambda row: _amounts(row["rejected"]), weight=3),
    Column("Unknown fields", lambda row: _amounts(row["unknown_fields"]), weight=2),
)
