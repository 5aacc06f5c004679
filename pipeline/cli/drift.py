"""Commands of the drift detector: `train`, `evaluate agent-runs`, and `drift learn`, which proposes tool chains."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import yaml

from pipeline.cli.inputs import over_bytes
from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.cli.measure import evaluate
from pipeline.cli.stored import Place, stored
from pipeline.console.shapes import moment
from pipeline.kit.failures import Failure
from pipeline.run.agent_runs import read
from pipeline.score import chains, modelfile
from pipeline.score import model as models
from pipeline.store.chains import tools_by_session

train = typer.Typer(help="Learn the models that score.", no_args_is_help=True)
app.add_typer(train, name="train")
learning = typer.Typer(help="What agents usually do.", no_args_is_help=True)
app.add_typer(learning, name="drift")

Runs = Annotated[list[Path], typer.Argument(help="Agent runs, JSON lines, gzipped or not.", metavar="FILE…")]


@train.command("agent-runs")
def train_agent_runs(
    files: Runs,
    out: Annotated[Path, typer.Option(help="Model file to write; compressed if it ends in .gz.")],
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = 0,
    summary: Annotated[Summary | None, typer.Option(help="End with one JSON line on standard output.")] = None,
) -> None:
    """Learn from labelled runs of agents what a hijacked one does. The file holds numbers only, and can be read.

    A line is one run: {"run", "suite", "user_task", "injection_task", "label", "injection_seen", "prompt", "steps":
    [{"tool", "arguments", "result", "error"}]}; labels are benign, direct, attacked, hijacked.

    Examples:
      whodid train agent-runs train.jsonl.gz --out drift.json.gz
      WHODID_DRIFT_MODEL=drift.json.gz whodid up
    """
    # Scikit-learn takes a second to load, and no other command needs it.
    from pipeline.run import drift  # noqa: PLC0415

    with over_bytes("replaying", files) as advance, tempfile.TemporaryDirectory(prefix="whodid-train-") as home:
        try:
            made = drift.trained(files, settings_from(data_dir=Path(home), hash_key="agent-runs"), advance, seed)
            modelfile.write(made, out)
        except (OSError, Failure) as error:
            fail(str(error), 2)
    if summary is not None:
        typer.echo(
            json.dumps(
                {
                    "model": f"{made.name}@{made.version}",
                    "trees": len(made.first.trees) + len(made.later.trees),
                    "data": made.data,
                }
            )
        )
    else:
        typer.echo(
            f"{made.name}@{made.version}: calibrated on {len(made.later.calibration)} benign runs, in {out}. "
            f"`whodid evaluate agent-runs FILE --model {out}` says how good it is"
        )


@evaluate.command("agent-runs")
def evaluate_agent_runs(
    files: Runs,
    model: Annotated[Path | None, typer.Option(help="Model file; default: the one that comes with whodid.")] = None,
    adaptive: Annotated[
        bool, typer.Option("--adaptive", help="Also attackers who know of the detector; takes some ten times as long.")
    ] = False,
) -> None:
    """How well hijacked runs are told from benign ones, as one JSON object.

    Every run goes through normalization, correlation and scoring, in the order of the file, beginning without any
    history. Thresholds are taken from benign runs only; labels are never seen by what scores.

    Examples:
      whodid evaluate agent-runs dev.jsonl.gz --model drift.json.gz
      whodid evaluate agent-runs dev.jsonl.gz --adaptive
    """
    from pipeline.run import drift  # noqa: PLC0415  (as above)

    with over_bytes("replaying", files) as advance, tempfile.TemporaryDirectory(prefix="whodid-evaluate-") as home:
        settings = settings_from(data_dir=Path(home), hash_key="agent-runs")
        try:
            scoring = models.load(model)
            done, cost = drift.replayed((run for file in files for run in read(file, advance)), settings, scoring)
        except (OSError, Failure) as error:
            fail(str(error), 2)
        report = drift.report(done, scoring, cost, settings.drift_budget)
        if adaptive:
            report["adaptive"] = drift.adaptive(done, settings, scoring)
    typer.echo(json.dumps(report))


@learning.command("learn")
@stored
def learn(
    place: Place,
    actor: Annotated[str, typer.Option(help="Only for this agent.")] = "",
    since: Annotated[str, typer.Option(help="Only from this time on, ISO 8601.")] = "",
    share: Annotated[float, typer.Option(help="Leave out what no more than this share of sessions do.")] = 0.01,
) -> None:
    """Propose tool chains from what agents did: which tools each uses, and which follow which. Prints YAML.

    Read it, strike out what should not be, and set WHODID_TOOL_CHAINS to the file: what it allows counts as usual, and
    a call of a tool that it does not have is a finding.

    Examples:
      whodid drift learn --since 2026-01-01 > chains.yaml
      whodid drift learn --actor invoice-bot
    """
    with place.store() as store:
        from_then = moment(since, "since") if since else 0
        proposed = chains.propose(tools_by_session(store, actor, from_then), share)
    if not proposed["agents"]:
        typer.echo("whodid: drift learn: no tool calls of agents found", err=True)
        raise typer.Exit(4)
    typer.echo(yaml.safe_dump(proposed, sort_keys=False, allow_unicode=True), nl=False)
