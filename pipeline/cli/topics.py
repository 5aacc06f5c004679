"""The commands `topics`: what there must be in Kafka, what there is, what does not fit, and who may do what to it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from pipeline.cli import views
from pipeline.cli.main import app, fail, settings_from
from pipeline.cli.processes import Bootstrap
from pipeline.cli.tables import Column
from pipeline.cli.views import Format
from pipeline.kit import acls as access
from pipeline.kit.admin import create_topics, missing_topics, topics
from pipeline.kit.config import Settings
from pipeline.kit.fitting import Found, Misfit, misfits, possible
from pipeline.kit.topics import catalogue, kafka_config

commands = typer.Typer(
    help="Topics of Kafka: which there must be, whether they fit, and who may do what.", no_args_is_help=True
)
app.add_typer(commands, name="topics")

View = Annotated[Format, typer.Option("--format", help="table, json, jsonl or csv.")]


class Shown(StrEnum):
    """For whom rights are written."""

    ROWS = "rows"
    KAFKA = "kafka-acls"
    STRIMZI = "strimzi"


@commands.command("list")
def listed(bootstrap: Bootstrap = None, view: View = "table") -> None:
    """Print the topics that there must be: what each is for, and what it is like in Kafka, if it is there.

    Examples:
      whodid topics list
      whodid topics list --bootstrap kafka:9092 --format json
    """
    settings = settings_from(bootstrap=bootstrap)
    there = topics(settings)
    rows = [_row(settings, name, there.get(settings.prefix + name)) for name in catalogue()]
    views.listing(rows, view, sys.stdout, _TOPICS, _LISTED)


@commands.command()
def create(
    bootstrap: Bootstrap = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be created.")] = False,
    view: View = "table",
) -> None:
    """Create the topics that are missing, and print them. What is there is not touched: see `whodid topics check`.

    Partitions, copies, retention, compaction and the largest message are those of the settings and of
    schemas/topics.yaml.

    Examples:
      whodid topics create --dry-run
      WHODID_REPLICATION=3 whodid topics create --bootstrap kafka:9092
    """
    settings = settings_from(bootstrap=bootstrap)
    possible(settings)
    if dry_run:
        names = missing_topics(settings, topics(settings))
    else:
        names = [name.removeprefix(settings.prefix) for name in create_topics(settings)]
    there = {} if dry_run else topics(settings)
    rows = [_row(settings, name, there.get(settings.prefix + name)) for name in names]
    views.listing(rows, view, sys.stdout, _TOPICS, _LISTED)
    typer.echo(f"{len(names)} topics {'would be ' if dry_run else ''}created", err=True)


@commands.command()
def check(bootstrap: Bootstrap = None, view: View = "table") -> None:
    """Print what does not fit, each with what mends it; exit status 1 if anything does not.

    On what would lose or corrupt data (fatal) no process starts; of the rest each warns when it starts.

    Examples:
      whodid topics check
      whodid topics check --bootstrap kafka:9092 --format json
    """
    settings = settings_from(bootstrap=bootstrap)
    found = misfits(settings, topics(settings))
    if found or view == "json":
        views.listing([_misfit(one) for one in found], view, sys.stdout, _MISFITS, _CHECKED)
    if found:
        raise typer.Exit(1)
    typer.echo(f"all {len(catalogue())} topics fit", err=True)


@commands.command("acls")
def shown(
    role: Annotated[list[str] | None, typer.Option(help=f"Only of: {', '.join(access.ROLES)}. Default: all.")] = None,
    principal: Annotated[
        str, typer.Option(help="Who has the role; {role} stands for its name.")
    ] = "User:whodid-{role}",
    shape: Annotated[
        Shown, typer.Option("--as", help="rows, commands of Kafka's own tool, or KafkaUsers.")
    ] = Shown.ROWS,
    view: View = "table",
) -> None:
    """Print the rights that each role needs at Kafka, and no more. Nothing is asked of Kafka and nothing is changed.

    Examples:
      whodid topics acls --role correlate
      whodid topics acls --as kafka-acls --principal 'User:CN={role}' > acls.sh
      whodid topics acls --as strimzi --role store
    """
    settings = settings_from()
    for name in role or ():
        if name not in access.ROLES:
            fail(f"--role: expected one of {', '.join(access.ROLES)}, got {name!r}", 2)
    held = {name: principal.replace("{role}", name) for name in role or access.ROLES}
    if shape is Shown.ROWS:
        rows = [
            {"role": name, "principal": who, **one._asdict()}
            for name, who in held.items()
            for one in access.acls(settings, name)
        ]
        views.listing(rows, view, sys.stdout, _ACLS, _RIGHTS)
    for name, who in held.items() if shape is not Shown.ROWS else ():
        rights = access.acls(settings, name)
        if shape is Shown.KAFKA:
            typer.echo("\n".join([f"# {name}: {access.ROLES[name].about}", *access.commands(rights, who)]))
        else:
            typer.echo("---\n" + access.strimzi(rights, who.rpartition(":")[2]), nl=False)


def _row(settings: Settings, name: str, there: Found | None) -> dict[str, Any]:
    topic = catalogue()[name]
    wanted = {"partitions": settings.partitions, "replication": settings.replication, **kafka_config(settings, topic)}
    return {
        "topic": settings.prefix + name, "about": topic.about, "access": topic.access,
        "state": "missing" if there is None else "there",
        "partitions": None if there is None else there.partitions,
        "replication": None if there is None else there.replication,
        "wanted": {key: str(value) for key, value in wanted.items()},
    }  # fmt: skip


def _misfit(one: Misfit) -> dict[str, Any]:
    return {
        "topic": one.topic, "what": one.what, "found": one.found, "wanted": one.wanted, "fix": one.fix,
        "fatal": one.fatal,
    }  # fmt: skip


def _like(row: Mapping[str, Any]) -> str:
    if row["state"] == "missing":
        return "missing"
    return f"{row['partitions']} × {row['replication']}"


_LISTED = ("topic", "access", "state", "partitions", "replication", "about")
_CHECKED = ("topic", "what", "found", "wanted", "fatal", "fix")
_RIGHTS = ("role", "principal", "resource", "pattern", "name", "operation")
_TOPICS = (
    Column("Topic", lambda row: row["topic"], whole=True),
    Column("Partitions × copies", _like, whole=True),
    Column("Access", lambda row: row["access"], whole=True),
    Column("Wanted", lambda row: "\n".join(f"{key}={value}" for key, value in row["wanted"].items()), weight=3),
    Column("About", lambda row: row["about"], weight=5),
)
_MISFITS = (
    Column("Topic", lambda row: row["topic"], whole=True),
    Column("What", lambda row: row["what"], weight=2),
    Column("Is", lambda row: row["found"], weight=2),
    Column("Expected", lambda row: row["wanted"], weight=3),
    Column("Fatal", lambda row: "yes" if row["fatal"] else "no", whole=True),
    Column("What mends it", lambda row: row["fix"], weight=6),
)
_ACLS = (
    Column("Role", lambda row: row["role"], whole=True),
    Column("Principal", lambda row: row["principal"], whole=True),
    Column("Of", lambda row: row["resource"], whole=True),
    Column("Name", lambda row: row["name"] + ("…" if row["pattern"] == "prefixed" else ""), weight=3),
    Column("May", lambda row: row["operation"], whole=True),
)
