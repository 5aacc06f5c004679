"""Commands of the misuse stage: `train baselines`, `evaluate detections`, `evaluate budget`, `evaluate trail`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from pipeline.cli.drift import train
from pipeline.cli.inputs import over_bytes, range_of
from pipeline.cli.main import Summary, fail, settings_from
from pipeline.cli.measure import evaluate
from pipeline.kit.config import Settings
from pipeline.kit.failures import Failure, Invalid, Permanent
from pipeline.score import baseline, modelfile
from pipeline.simulate.staff.office import LONGEST

Model = Annotated[Path | None, typer.Option("--model", help="Baselines; default: those that come with whodid.")]
Budget = Annotated[float, typer.Option(help="False alarms per identity-day and detection.", min=0.00001, max=0.5)]
Seeds = Annotated[str, typer.Option(help="Organisations, each by its seed: 1,2,3 or 1-10.")]
Days = Annotated[int, typer.Option(help="Days of each organisation.", min=2, max=LONGEST)]


@train.command("baselines")
def train_baselines(
    out: Annotated[Path, typer.Option(help="Model file to write; compressed if it ends in .gz.")],
    seeds: Seeds = "1001-1005",
    days: Days = 40,
    summary: Annotated[Summary | None, typer.Option(help="End with one JSON line on standard output.")] = None,
) -> None:
    """Learn what identities of each kind usually do, and who is at work by the shape of it. No labels are used.

    It learns from made-up organisations at peace (`whodid simulate --days`). The file holds numbers only.

    Examples:
      whodid train baselines --out baselines.json.gz
      whodid evaluate budget --seeds 1-3 --model baselines.json.gz
    """
    # Scikit-learn takes a second to load, and no other command needs it.
    from pipeline.run.baselines import trained  # noqa: PLC0415

    numbers = range_of(seeds)
    if len(numbers) < 2:
        raise Invalid("seeds", "two at least: one says what is usual, the others how days score", seeds)
    with _working() as (settings, advance):
        made = trained(numbers, days, settings, advance)
        try:
            modelfile.write(made, out)
        except OSError as error:
            fail(f"{out}: {error.strerror}", 2)
    if summary is not None:
        typer.echo(json.dumps({"model": made.version, "identity_days": sum(made.days.values()), "data": made.data}))
    else:
        typer.echo(f"{made.version}: {sum(made.days.values()):,.0f} identity-days, in {out}")


@evaluate.command("budget")
def evaluate_budget(
    seeds: Seeds = "1-3", days: Days = 40, budget: Budget = 0.001, model: Model = None
) -> None:  # fmt: skip
    """Whether each detection keeps its budget of false alarms in organisations at peace, as one JSON object.

    Examples:
      whodid evaluate budget
      whodid evaluate budget --seeds 1-10 --days 60 --budget 0.002
    """
    _observe(seeds, days, budget, model, attacks=False)


@evaluate.command("detections")
def evaluate_detections(
    seeds: Seeds = "1-10", days: Days = 40, budget: Budget = 0.001, model: Model = None
) -> None:  # fmt: skip
    """What of each attack is found, how soon, and what else, beside harmless work that looks alike; one JSON object.

    Examples:
      whodid evaluate detections --seeds 1-3
    """
    _observe(seeds, days, budget, model, attacks=True)


def _observe(seeds: str, days: int, budget: float, model: Path | None, *, attacks: bool) -> None:
    from pipeline.run.detections import observed  # noqa: PLC0415  (the simulator's numbers are not needed elsewhere)

    with _working(alert_budget=budget) as (settings, advance):
        done = partial(advance, "organisations")
        found = observed(range_of(seeds), days, _model(model), settings, done, attacks=attacks)
    typer.echo(json.dumps(found.shown()))


@evaluate.command("trail")
def evaluate_trail(
    file: Annotated[Path, typer.Argument(help="Records, JSON lines, gzipped or not.", metavar="FILE")],
    labels: Annotated[Path, typer.Option(help='Lines of {"eventID": …, "label": …} or "technique".')],
    budget: Budget = 0.001,
    model: Model = None,
) -> None:
    """Which events of which label are evidence of a finding, by which detection, and what other rules flag; JSON.

    The trail has no past but itself, as after a breach. Other rules: Prowler's ratio of LLMjacking actions, Elastic's
    thresholds, and a plain limit of requests.

    Example: whodid evaluate trail invictus.jsonl.gz --labels invictus-labels.jsonl.gz
    """
    from pipeline.run import trails  # noqa: PLC0415  (as above)

    with over_bytes("reading", [file]) as advance, tempfile.TemporaryDirectory(prefix="whodid-") as home:
        settings = settings_from(data_dir=Path(home), hash_key="labelled-trails", alert_budget=budget)
        try:
            entries = trails.entries_of(file, settings, advance)
            found = trails.report(entries, trails.labels(labels), _model(model), settings)
        except (OSError, Failure) as error:
            fail(str(error), 2)
    typer.echo(json.dumps(found))


def _model(file: Path | None) -> baseline.Baselines:
    try:
        return baseline.load(file)
    except OSError as error:
        raise Permanent(f"{error.filename}: {error.strerror}") from error


@contextmanager
def _working(**changed: object) -> Iterator[tuple[Settings, Callable[[str, float], None]]]:
    """Settings of its own, and what shows how far it is."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="whodid-") as home,
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("", total=1.0)
        yield (
            settings_from(data_dir=Path(home), hash_key="made-up-organisations", **changed),
            lambda what, share: bar.update(task, description=what, completed=share),
        )
