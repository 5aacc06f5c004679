"""Commands about what people make of the timeline: cases that they work on, and queries that they keep."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import cases_views, casework
from pipeline.cli.main import app
from pipeline.cli.reader import Shape
from pipeline.cli.stored import Place, stored, user
from pipeline.kit.failures import Invalid
from pipeline.reconstruct.clue import KINDS
from pipeline.store.casework import STATES

commands = typer.Typer(
    help="Cases: incidents that people work on, with pinned entries and notes, as the console has them.",
    no_args_is_help=True,
)
views = typer.Typer(help="Views: queries that are kept under a name which all share.", no_args_is_help=True)
app.add_typer(commands, name="cases")
app.add_typer(views, name="views")

CaseId = Annotated[str, typer.Argument(help="Case id, as `cases list` shows it.", show_default=False)]
By = Annotated[str, typer.Option(
    help="Who says so; default: the user of this terminal. A desk that asks for a key knows who it is.",
    show_default=False,
)]  # fmt: skip
Kind = Annotated[str, typer.Option(help="What the clue is: " + ", ".join(KINDS) + ".")]


@commands.command("list")
@stored
def list_cases(
    place: Place, state: Annotated[str, typer.Option(help="Only " + ", ".join(STATES) + " ones.")] = ""
) -> None:
    """Print cases, the one that was changed last first.

    Examples:
      whodid cases list --state open
      whodid cases list --format jsonl
    """
    with place.reader() as source:
        found = casework.of(source).cases(state)
    _nothing(cases_views.cases(found, place.view, sys.stdout), "cases")


@commands.command()
@stored
def show(place: Place, case_id: CaseId) -> None:
    """Print one case with its pinned entries and notes.

    Examples:
      whodid cases show 3f9c2a71b0de
      whodid cases show 3f9c2a71b0de --format json
    """
    with place.reader() as source:
        found = casework.of(source).case(case_id)
    cases_views.case(_there(found, case_id), place.view, sys.stdout)


@commands.command("open")
@stored
def open_case(
    place: Place,
    title: Annotated[str, typer.Argument(help="What it is about.", show_default=False)],
    clue: Annotated[str, typer.Option(help="What it is reconstructed from: a key, an address, an alert, …")] = "",
    kind: Kind = "",
    by: By = "",
) -> None:
    """Open a case. Who opens it owns it.

    Examples:
      whodid cases open "Odd key in CI" --clue aws:AKIAIOSFODNN7EXAMPLE --kind credential
    """
    with place.reader() as source:
        made = casework.of(source).opened(by or user(), title, clue, kind)
    cases_views.cases([made], place.view, sys.stdout)


@commands.command()
@stored
def note(
    place: Place,
    case_id: CaseId,
    text: Annotated[str, typer.Argument(help="What is to be said.", show_default=False)],
    by: By = "",
) -> None:
    """Add a note to a case.

    Examples:
      whodid cases note 3f9c2a71b0de "The key is revoked; waiting for the owner of invoice-bot."
    """
    _said(place, case_id, by, text, "")


@commands.command()
@stored
def pin(
    place: Place,
    case_id: CaseId,
    event_id: Annotated[str, typer.Argument(help="Id of an entry, as `timeline` shows it.", show_default=False)],
    text: Annotated[str, typer.Option(help="Why it matters.")] = "",
    by: By = "",
) -> None:
    """Pin an entry to a case. It is pinned once: the later word about it counts.

    Examples:
      whodid cases pin 3f9c2a71b0de 8d0f1c9e --text "the first use from elsewhere"
    """
    _said(place, case_id, by, text, event_id)


@commands.command()
@stored
def change(
    place: Place,
    case_id: CaseId,
    state: Annotated[str | None, typer.Option(help="One of " + ", ".join(STATES) + ".")] = None,
    owner: Annotated[str | None, typer.Option(help="Who works on it from now on.")] = None,
    title: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    clue: Annotated[str | None, typer.Option(help="What it is reconstructed from.")] = None,
    kind: Annotated[str | None, typer.Option(help="What the clue is.")] = None,
    revision: Annotated[int | None, typer.Option(
        help="The revision that this is a change of; refused if there is a later one. Default: the current one.",
    )] = None,
    by: By = "",
) -> None:  # fmt: skip
    """Change a case: hand it over, say that it is contained or closed.

    Examples:
      whodid cases change 3f9c2a71b0de --state contained
      whodid cases change 3f9c2a71b0de --owner bob@example.com --title "Odd key in CI, handed over"
    """
    given = {"state": state, "owner": owner, "title": title, "clue": clue, "kind": kind}
    said = {name: text for name, text in given.items() if text is not None}
    if not said:
        raise Invalid("change", "at least one of --state, --owner, --title, --clue, --kind")
    with place.reader() as source:
        work = casework.of(source)
        if revision is None:
            revision = int(_there(work.case(case_id), case_id)["revision"])
        found = work.changed(case_id, revision, by or user(), said)
    cases_views.cases([_there(found, case_id)], place.view, sys.stdout)


@views.command("list")
@stored
def list_views(
    place: Place,
) -> None:
    """Print the queries that are kept, by name.

    Examples:
      whodid views list
      whodid views list --format json
    """
    with place.reader() as source:
        found = casework.of(source).views()
    _nothing(cases_views.queries(found, place.view, sys.stdout), "views")


@views.command()
@stored
def save(
    place: Place,
    name: Annotated[str, typer.Argument(help="The name, which all share.", show_default=False)],
    query: Annotated[str, typer.Argument(help="The query, as in the console's search.", show_default=False)],
    by: By = "",
) -> None:
    """Keep a query, in place of the one of that name.

    Examples:
      whodid views save "denied today" "outcome:denied since:24h"
    """
    with place.reader() as source:
        made = casework.of(source).kept(name, query, by or user())
    cases_views.queries([made], place.view, sys.stdout)


@views.command()
@stored
def drop(
    place: Place,
    name: Annotated[str, typer.Argument(help="Name of a view.", show_default=False)],
    by: By = "",
) -> None:
    """Drop a view: the query is kept no longer.

    Examples:
      whodid views drop "denied today"
    """
    with place.reader() as source:
        gone = casework.of(source).dropped(name, by or user())
    cases_views.queries([_there(gone, name, "view")], place.view, sys.stdout)


def _said(place: Place, case_id: str, by: str, text: str, event_id: str) -> None:
    with place.reader() as source:
        made = casework.of(source).noted(case_id, by or user(), text, event_id)
    cases_views.notes([_there(made, case_id)], place.view, sys.stdout)


def _there(found: Shape | None, name: str, what: str = "case") -> Shape:
    if found is None:
        typer.echo(f"whodid: no {what} {name!r}", err=True)
        raise typer.Exit(4)
    return found


def _nothing(count: int, what: str) -> None:
    if not count:
        typer.echo(f"whodid: {what}: nothing found", err=True)
        raise typer.Exit(4)
