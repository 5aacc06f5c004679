"""Commands that measure: `simulate` an organisation whose truth is known, `evaluate` what a timeline found of it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline.cli.inputs import progress_bar, range_of
from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.kit.topics import PUBLIC
from pipeline.run.evaluate import attribution, truths
from pipeline.run.investigate import Investigation
from pipeline.simulate import organisation
from pipeline.simulate.attacks import ATTACKS
from pipeline.simulate.controls import CONTROLS
from pipeline.simulate.days import inject
from pipeline.simulate.faults import Faults
from pipeline.simulate.staff.office import DAY, FIRST, LONGEST
from pipeline.simulate.truth import Told
from pipeline.sources.files import strands
from pipeline.sources.streams import find, size
from pipeline.store import connect

evaluate = typer.Typer(help="Compare what was found with what is known to be true.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Directory to write to; made if it is not there.", metavar="DIR")],
    events: Annotated[int | None, typer.Option(help="Events of one busy day; default 100000.", min=1)] = None,
    days: Annotated[int | None, typer.Option(help="Or so many days of an organisation.", min=1, max=LONGEST)] = None,
    identities_scale: Annotated[
        float | None, typer.Option(help="With --days: 1 = some 150 identities.", min=0.1, max=100, show_default="1")
    ] = None,
    without_abuse: Annotated[bool, typer.Option("--without-abuse", help="With --days: nothing malicious.")] = False,
    controls: Annotated[
        bool, typer.Option("--controls", help="With --days: also harmless things that look like attacks.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed tells the same.")] = 1,
    faults: Annotated[str, typer.Option(help="E.g. loss=0.02,duplicates=0.02,delay=30,skew=3 (shares, seconds).")] = "",
    summary: Annotated[Summary | None, typer.Option(help="End with one JSON line on standard output.")] = None,
) -> None:
    """Write an organisation's native logs, a file per public topic, and truth.jsonl.

    Of one busy day, on which abuse happens all the time; or of days and weeks in which the same identities have their
    habits, and every kind of abuse happens once, in the last third.

    Examples:
      whodid simulate org --events 100000
      whodid simulate org --days 30 --controls
      whodid simulate org --days 14 --identities-scale 3 --without-abuse
      whodid simulate org --seed 7 --faults loss=0.02,duplicates=0.02,delay=30,skew=3
      whodid evaluate attribution org
    """
    wrong = Faults.parse(faults)
    if days is None and (identities_scale is not None or without_abuse or controls):
        fail("--identities-scale, --without-abuse and --controls need --days, e.g. --days 30", 2)
    if days is not None and events is not None:
        fail("--events tells of one busy day, --days of several: give one of them", 2)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        if days is None:
            events = events or 100_000
            task = bar.add_task("telling", total=events)
            counts = organisation.write(folder, events, seed, wrong, lambda done: bar.advance(task, done))
        else:
            chosen = {**({} if without_abuse else ATTACKS), **(CONTROLS if controls else {})}
            story = inject(seed, days, chosen, scale=identities_scale or 1.0, skew=wrong.skew)
            story = _by_hours(story, bar, bar.add_task("telling hours", total=days * 24))
            counts = organisation.record(folder, story, seed, wrong, lambda _: None)
    if summary is not None:
        typer.echo(json.dumps({"seed": seed, **counts}))
    else:
        typer.echo(
            f"{counts['events']:,} events in {counts['records']:,} records in {folder} "
            f"({counts['lost']:,} lost, {counts['duplicates']:,} doubled); truth.jsonl says what they are"
        )


def _by_hours(story: Iterator[Told], bar: Progress, task: TaskID) -> Iterator[Told]:
    """The same, while the bar says which hour it is."""
    hour = 0
    for told in story:
        if (now := (told.time - FIRST) * 24 // DAY) > hour:
            bar.update(task, completed=(hour := now))
        yield told


@evaluate.command("attribution")
def evaluate_attribution(
    folder: Annotated[Path, typer.Argument(help="Directory that `whodid simulate` wrote.", metavar="DIR")],
    store: Annotated[
        Path | None, typer.Option(help="An embedded store that already holds the timeline; default: made from DIR.")
    ] = None,
) -> None:
    """Precision, recall and calibration of every link against truth.jsonl, as one JSON object.

    Without --store the logs in DIR are investigated first, in a store that is thrown away.

    Example: whodid evaluate attribution org
    """
    file = folder / "truth.jsonl"
    try:
        known = truths(file)
    except OSError as error:
        fail(f"{file}: {error.strerror}. `whodid simulate {folder}` writes it", 2)
    except msgspec.MsgspecError as error:
        fail(f"{file}: expected what `whodid simulate` writes: {error}", 2)
    if store is not None:
        with connect(settings_from(clickhouse=f"chdb://{store.resolve()}")) as timeline:
            typer.echo(json.dumps(attribution(timeline, known).shown()))
        return
    with tempfile.TemporaryDirectory(prefix="whodid-evaluate-") as home:
        settings = settings_from(clickhouse=f"chdb://{home}/store", data_dir=Path(home))
        files = [str(folder / f"{topic}.jsonl") for topic in PUBLIC if (folder / f"{topic}.jsonl").exists()]
        total = size(find(files))
        with connect(settings) as timeline, progress_bar(total) as bar:
            task = bar.add_task("investigating", total=total)
            faults: list[str] = []
            Investigation(settings, timeline).run(*strands(files, "", faults, lambda done: bar.advance(task, done)))
            if faults:
                fail("; ".join(faults))
            typer.echo(json.dumps(attribution(timeline, known).shown()))


@evaluate.command("reconstruction")
def evaluate_reconstruction(
    seeds: Annotated[str, typer.Option(help="Organisations, e.g. 1,2 or 1-10.")] = "1-10",
    days: Annotated[int, typer.Option(help="Days of each; attacks are in the last third.", min=2, max=LONGEST)] = 7,
    identities_scale: Annotated[float, typer.Option(help="1 = some 150 identities.", min=0.1, max=100)] = 0.4,
    faults: Annotated[str, typer.Option(help="E.g. loss=0.02,duplicates=0.02,delay=30,skew=3 (shares, seconds).")] = "",
    cutoff: Annotated[float, typer.Option(help="What is less sure does not belong.", min=0.01, max=1)] = 0.5,
) -> None:
    """How much of each attack is found from each kind of clue, what else is drawn in, and whether the root is named.

    Every attack happens once in each organisation. One JSON object: `recall` of the attacker's events, `drawn` (share
    of all harmless events that are drawn in), `precision` of what is said to be done in it, `root`.

    Examples:
      whodid evaluate reconstruction --seeds 1-3
      whodid evaluate reconstruction --faults loss=0.02,duplicates=0.02,delay=30,skew=3
    """
    from pipeline.run.reconstructions import tried  # noqa: PLC0415  (the simulator is not needed elsewhere)

    numbers, wrong = range_of(seeds), Faults.parse(faults)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("organisations", total=1.0)
        found = tried(numbers, days, identities_scale, wrong, lambda part: bar.update(task, completed=part), cutoff)
    typer.echo(json.dumps(found.shown()))
