"""Histories for replays, and what differs in one."""

from pipeline.kit.config import Settings
from pipeline.run.investigate import Investigation
from pipeline.run.replay import Asked, Replaying
from pipeline.simulate.faults import Faults
from pipeline.simulate.organisation import record, tell
from pipeline.sources.files import strands
from pipeline.store import connect, replays

ANY = (-(2**62), 2**62)
HOUR = 3_600_000_000
RULE = """
title: Models were called
why: It costs money.
severity: high
frameworks: [ASI02]
sentence: "{actor} did {action}"
when:
  selection: {action: "bedrock:InvokeModel", outcome: success}
  condition: selection
blind_spots: [Calls that are not logged.]
runbook: [Ask the actor.]
examples:
  found:
    - {name: a call, entries: [{action: "bedrock:InvokeModel", actor: ana@example.com, outcome: success}]}
  silent:
    - {name: a list, entries: [{action: "bedrock:ListFoundationModels", actor: ana@example.com, outcome: success}]}
"""


def settings_in(home, **more):
    return Settings(data_dir=home, clickhouse=f"chdb://{home}/store", hash_key="0123456789abcdef", **more)


def organisation(folder, events, faults="", seed=1):
    """Logs of a made-up organisation, as they would be handed over, side by side in time."""
    told = Faults.parse(faults)
    record(folder, tell(seed, events, told.skew), seed, told, lambda _: None)
    files = sorted(str(file) for file in folder.glob("*.jsonl") if file.name != "truth.jsonl")
    return strands(files, "", [])


def investigated(settings, *logs):
    with connect(settings) as store:
        return Investigation(settings, store).run(*logs)


def replayed(settings, told=lambda *_: None, lead=0, cut=(0, 0), **options):
    """What differs; `cut`: microseconds of the history that are not compared at its beginning and its end."""
    with connect(settings) as store:
        there = replays.edges(store, *ANY)
        asked = Asked(there.first + cut[0], there.last + 1 - cut[1], lead, lead, options, dict.fromkeys(options, "x"))
        made = Replaying(settings, store, asked, told).run()
        return made, replays.differences(store, made.replay_id, limit=100_000)
