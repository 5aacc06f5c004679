"""The commands `retention`, `holds` and `erase`: what is taken out on purpose, and what may not be."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.cli import views
from pipeline.cli.main import app, fail
from pipeline.cli.stored import Place, stored, user
from pipeline.cli.tables import Column
from pipeline.console.shapes import moment
from pipeline.kit.config import Settings
from pipeline.run.removals import Erased, Remover, Wish, bounds, hold, months_before, release
from pipeline.store import removal
from pipeline.store.aliases import names_of
from pipeline.store.pivots import EARLIEST, LATEST
from pipeline.store.removal import GROUPS, Hold
from pipeline.store.shapes import iso

retention = typer.Typer(help="What is kept for how long; whole months are dropped.", no_args_is_help=True)
holds = typer.Typer(help="What may not be taken out, whoever wants it.", no_args_is_help=True)
app.add_typer(retention, name="retention")
app.add_typer(holds, name="holds")

Reason = Annotated[str, typer.Option(help="Why. It is signed, and shown to whoever verifies.", show_default=False)]
By = Annotated[str, typer.Option(help="Who wants it; default: the user of this terminal.", show_default=False)]
DAY = 86_400_000_000


class GroupName(StrEnum):
    """What is kept equally long."""

    TIMELINE = "timeline"
    RECORDS = "records"
    FINDINGS = "findings"
    DEAD_LETTERS = "dead-letters"
    AUDIT = "audit"


@retention.command("show")
@stored
def show(place: Place) -> None:
    """Print what there is by month, what is kept for how long, and what is held.

    Examples:
      whodid retention show
      whodid retention show --format json
    """
    with place.store() as store:
        held = [(one.name, one.person, one.since, one.until) for one in removal.holds(store)]
        rows = [
            {
                "month": _month(one.month), "table": one.table, "rows": one.rows, "bytes": one.bytes,
                "holds": [name for name, _, since, until in held if _meets(one.month, since, until)],
            }
            for one in removal.months(store)
        ]  # fmt: skip
    views.listing(rows, place.view, sys.stdout, _MONTHS, ("month", "table", "rows", "bytes", "holds"))
    if place.view == "table":
        for name in GROUPS:
            days = _kept(place.settings, name)
            typer.echo(f"{name}: kept for {days} days" if days else f"{name}: kept for ever")


@retention.command("apply")
@stored
def apply(
    place: Place,
    reason: Reason = "",
    before: Annotated[str, typer.Option(help="Drop what is older than this date, whatever the settings say.")] = "",
    only: Annotated[list[GroupName] | None, typer.Option(help="Of these alone; may be given several times.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and leave it.")] = False,
    by: By = "",
) -> None:
    """Drop what is older than the settings keep it (WHODID_KEEP_…).

    Of timeline and records whole months go, of others rows. For a job that runs each night; of an embedded store, while
    no desk has it open. What is dropped is signed, so that verifying tells it from what somebody deleted. Nothing goes
    that a hold covers.

    Examples:
      whodid retention apply --dry-run
      whodid retention apply --reason 'data retention policy 4'
      whodid retention apply --before 2026-01-01 --only records --reason 'case closed'
    """
    limit = moment(before, "--before") if before else 0
    rows: list[dict[str, Any]] = []
    with place.store() as store:
        remover = Remover(place.settings, store, Wish(by or user(), reason or ("dry run" if dry_run else "")))
        for name in map(str, only or GroupName):
            cut = limit or _cut(place.settings, name)
            if not cut:
                continue
            months = months_before(store, name, cut)
            if GROUPS[name].months:
                gone = removal.amount(store, name, months) if dry_run else remover.drop(name, months)
            else:
                gone = removal.older(store, name, cut) if dry_run else remover.delete(name, cut)
            rows.append({"what": name, "before": iso(cut), "months": list(map(_month, months)), "rows": gone})
    if not rows:
        fail("retention: everything is kept for ever: set WHODID_KEEP_TIMELINE and others (days), or give --before", 2)
    views.listing(rows, place.view, sys.stdout, _DROPPED, ("what", "before", "months", "rows"))


@holds.command("add")
@stored
def add(
    place: Place,
    name: Annotated[str, typer.Argument(help="What the hold is called.", metavar="NAME")],
    reason: Reason,
    person: Annotated[str, typer.Option(help="Hold what this person did or had done, under all names.")] = "",
    since: Annotated[str, typer.Option(help="Of events at this time or later.")] = "",
    until: Annotated[str, typer.Option(help="Of events before this time.")] = "",
    by: By = "",
) -> None:
    """Forbid that anything of a time, of a person or of everybody, is dropped or erased.

    Examples:
      whodid holds add case-9 --reason 'lawsuit 9/26' --since 2026-01-01 --until 2026-07-01
      whodid holds add case-9b --reason 'lawsuit 9/26' --person ana@example.com
    """
    span = (moment(since, "--since") if since else EARLIEST, moment(until, "--until") if until else LATEST)
    with place.store() as store:
        made = Hold(name, person, *span, reason, by or user(), time.time_ns() // 1000)
        hold(store, made)
    _show([made], place)


@holds.command("list")
@stored
def list_(place: Place) -> None:
    """Print holds that are in force.

    Examples:
      whodid holds list
    """
    with place.store() as store:
        found = removal.holds(store)
    _show(found, place)


@holds.command("release")
@stored
def release_(
    place: Place,
    name: Annotated[str, typer.Argument(help="The hold.", metavar="NAME")],
    reason: Reason,
    by: By = "",
) -> None:
    """End a hold: what it covered may be taken out again.

    Examples:
      whodid holds release case-9 --reason settled
    """
    with place.store() as store:
        over = release(store, name, Wish(by or user(), reason))
    _show([over], place)


@app.command()
@stored
def erase(
    place: Place,
    person: Annotated[
        str, typer.Argument(help="A name of the person; all their names are meant.", metavar="PERSON")
    ] = "",
    reason: Reason = "",
    again: Annotated[bool, typer.Option("--again", help="Erase again what was erased before and is back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many events are meant, and leave them.")] = False,
    by: By = "",
) -> None:
    """Erase the content of what a person said and of what was done for them; the evidence still verifies.

    Prompts, answers, arguments, results, errors, vendors' fields and raw records go; who did what when stays, with the
    hashes that prove it. What that covers, and what it does not, is in docs/retention.md.

    Examples:
      whodid erase ana@example.com --dry-run
      whodid erase ana@example.com --reason 'request 17'
      whodid erase --again --reason 'restored from a backup'
    """
    if bool(person) == again or (again and dry_run):
        fail("expected a PERSON, or --again alone", 2)
    with place.store() as store:
        if dry_run:
            events = removal.of_person(store, names_of(store, person))
            typer.echo(f"{len(events):,} events of {person} would lose their content")
            return
        remover = Remover(place.settings, store, Wish(by or user(), reason))
        done = remover.again() if again else _erased(remover, person)
    if place.view != "table":
        views.whole(msgspec.to_builtins(done), place.view, sys.stdout)
    else:
        typer.echo(
            f"{done.entries:,} entries and {done.records:,} raw records emptied, "
            f"{done.alerts:,} alerts without quotes, "
            f"{done.dead_letters:,} dead letters deleted"
        )


def _erased(remover: Remover, person: str) -> Erased:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("erasing", total=None)
        return remover.erase(person, lambda done: bar.advance(task, done))


def _show(holds: list[Hold], place: Place) -> None:
    rows = [
        one._asdict() | {"since": _bound(one.since), "until": _bound(one.until), "at": iso(one.at)} for one in holds
    ]
    views.listing(rows, place.view, sys.stdout, _HOLDS, Hold._fields)


def _kept(settings: Settings, group: str) -> int:
    return int(getattr(settings, "keep_" + group.replace("-", "_")))


def _cut(settings: Settings, group: str) -> int:
    days = _kept(settings, group)
    return int((datetime.now(UTC) - timedelta(days=days)).timestamp() * 1e6) if days else 0


def _bound(time: int) -> str:
    return "" if time in (EARLIEST, LATEST) else iso(time)


def _month(month: int) -> str:
    return f"{month // 100}-{month % 100:02}"


def _meets(month: int, since: int, until: int) -> bool:
    begins, ends = bounds(month)
    return begins < until and since < ends


_MONTHS = (
    Column("Month", lambda row: row["month"], whole=True),
    Column("Table", lambda row: row["table"], whole=True),
    Column("Rows", lambda row: f"{row['rows']:,}", whole=True),
    Column("MB", lambda row: f"{row['bytes'] / 1e6:,.1f}", whole=True),
    Column("Held by", lambda row: ", ".join(row["holds"]), weight=2),
)
_DROPPED = (
    Column("What", lambda row: row["what"], whole=True),
    Column("Older than", lambda row: row["before"], whole=True),
    Column("Months", lambda row: ", ".join(row["months"]), weight=2),
    Column("Rows", lambda row: f"{row['rows']:,}", whole=True),
)
_HOLDS = (
    Column("Name", lambda row: row["name"], weight=2),
    Column("Person", lambda row: row["person"] or "everybody", weight=2),
    Column("Since", lambda row: row["since"], whole=True),
    Column("Until", lambda row: row["until"], whole=True),
    Column("Why", lambda row: row["reason"], weight=3),
    Column("By", lambda row: row["by"], weight=1),
)
