"""The command `rules`: which detections there are, what they may ask, whether they work, and what they cover."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import completing, rules_views
from pipeline.cli.main import app, fail, settings_from
from pipeline.cli.stored import Shown
from pipeline.kit.failures import Permanent
from pipeline.score import definition, misuse
from pipeline.score.definition import Definition
from pipeline.score.rules import fields as names_of_fields
from pipeline.score.rules import importing, mapping, trying
from pipeline.score.rules.exceptions import Exceptions
from pipeline.score.rules.rulebook import Rulebook

commands = typer.Typer(
    help="Detections: those that come with whodid, rules of your own, and Sigma's (docs/rules.md).",
    no_args_is_help=True,
)
app.add_typer(commands, name="rules")

Format = Annotated[Shown, typer.Option("--format", help="table, json, jsonl or csv.")]
Folder = Annotated[Path | None, typer.Option("--rules", help="Folder of rules; default: WHODID_RULES.")]


@commands.command("list")
def list_rules(
    rules: Folder = None,
    exceptions: Annotated[Path | None, typer.Option(help="File of exceptions; default: WHODID_EXCEPTIONS.")] = None,
    format_: Format = Shown.TABLE,
) -> None:
    """Print all detections: how severe, of which family, what they find. Standard error says which exceptions expired.

    Examples:
      whodid rules list
      whodid rules list --rules ./rules --format json
    """
    settings = settings_from(rules=rules, exceptions=exceptions)
    found = _all(settings.rules)
    rules_views.listing(
        (rules_views.row(name, kind, said) for name, (kind, said) in found.items()), format_.value, sys.stdout
    )
    for one in Exceptions.load(settings.exceptions).expired():
        about = ", ".join(f"{name}={value}" for name, value in one.model_dump(exclude_none=True).items())
        typer.echo(f"whodid: exceptions: expired {one.until}, does nothing any more: {about}", err=True)


@commands.command()
def show(
    name: Annotated[
        str, typer.Argument(help="Name of a detection, as `rules list` shows it.", autocompletion=completing.detections)
    ],
    rules: Folder = None,
    format_: Format = Shown.TABLE,
) -> None:
    """Print everything that a detection says of itself: why, what it does not see, what to do, its examples.

    Examples:
      whodid rules show new-access-key
      whodid rules show my-rule --rules ./rules --format json
    """
    found = _all(settings_from(rules=rules).rules)
    if name not in found:
        typer.echo(f"whodid: no detection {name}; `whodid rules list` has them all", err=True)
        raise typer.Exit(4)
    kind, said = found[name]
    rules_views.single(name, kind, said, format_.value, sys.stdout)


@commands.command()
def fields(
    source: Annotated[str, typer.Option(help="A log source of Sigma's, e.g. aws/cloudtrail, or all.")] = "",
    format_: Format = Shown.TABLE,
) -> None:
    """Print the names that rules may use: ours, or those of a log source of Sigma's and what they are with us.

    Examples:
      whodid rules fields
      whodid rules fields --source aws/cloudtrail
    """
    if source:
        known = [(where, name, ours) for where, name, ours in mapping.names() if source in (where, "all")]
        if not known:
            sources = ", ".join(dict.fromkeys(where for where, *_ in mapping.names()))
            fail(f"rules fields: source: expected one of {sources}, got {source!r}", 2)
        shown = [{"name": name, "type": where, "what": ours} for where, name, ours in known]
    else:
        shown = [{"name": name, "type": kind, "what": said} for name, kind, said in names_of_fields.names()]
    rules_views.fields(shown, format_.value, sys.stdout)


@commands.command("test")
def try_examples(
    folder: Annotated[Path | None, typer.Argument(help="Folder of rules; default: all detections.")] = None,
    format_: Format = Shown.TABLE,
) -> None:
    """Try the examples of every detection: what must be found, and what must not. Exit code 1 if one fails.

    Examples:
      whodid rules test
      whodid rules test ./rules --format json
    """
    rules = Rulebook.load(folder or settings_from().rules)
    definitions = rules.definitions if folder else definition.built_in() | rules.definitions
    outcomes = list(trying.tried(definitions, trying.runner(rules, misuse.finder(settings_from(rules=folder)))))
    rules_views.outcomes(outcomes, format_.value, sys.stdout)
    count = {kind: sum(one.outcome == kind for one in outcomes) for kind in ("passed", "failed", "not tried")}
    typer.echo("whodid: examples: " + ", ".join(f"{number} {kind}" for kind, number in count.items()), err=True)
    if count["failed"]:
        raise typer.Exit(1)


@commands.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Folder with Sigma's files; folders in it too.")],
    out: Annotated[Path | None, typer.Option(help="The rules folder; default: WHODID_RULES.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Also over files that differ.")] = False,
    format_: Format = Shown.TABLE,
) -> None:
    """Take Sigma's rules as they are: those that can be evaluated are copied into the rules folder.

    Prints each file, whether it was taken, and if not, why; standard error sums up by log source.

    Examples:
      whodid rules import sigma/rules/cloud --out ./rules
      whodid rules import sigma/rules/cloud --out ./rules --format json
    """
    target = out or settings_from().rules
    if target is None:
        fail("rules import: --out or WHODID_RULES: expected the rules folder to copy to", 2)
        return
    if not folder.is_dir():
        fail(f"rules import: {folder}: expected a folder with Sigma's files", 2)
    try:
        found = importing.take(folder, target, replace=replace)
    except OSError as error:
        raise Permanent(f"{error.filename or folder}: {error.strerror or error}") from error
    rules_views.verdicts(found, format_.value, sys.stdout)
    for source, (taken, of) in importing.by_source(found).items():
        typer.echo(f"whodid: {source or 'no log source'}: {taken} of {of} taken", err=True)


@commands.command()
def coverage(
    rules: Folder = None,
    format_: Format = Shown.TABLE,
) -> None:
    """Print for every id of every framework which detections name it, and where there is none.

    Examples:
      whodid rules coverage
      whodid rules coverage --format json
    """
    found = _all(settings_from(rules=rules).rules)
    rules_views.coverage({name: said for name, (_, said) in found.items()}, format_.value, sys.stdout)


def _all(folder: Path | None) -> dict[str, tuple[str, Definition]]:
    """Every detection with its kind, those that come with the program first."""
    rules = Rulebook.load(folder)
    found = {name: ("built-in", said) for name, said in definition.built_in().items()}
    for name, said in rules.definitions.items():
        found.setdefault(name, (rules.kind(name), said))
    return found
