"""Replays become what a terminal, a program or a spreadsheet reads, as `pipeline.cli.views` does it.

`json` is one object: the replay, how attributions differ, and the differences. `jsonl` and `csv` are the differences.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TextIO

import msgspec

from pipeline.cli import views
from pipeline.cli.tables import Column, grid, pairs
from pipeline.cli.views import Format, Shape
from pipeline.console.inert import json_inert
from pipeline.console.shapes import iso
from pipeline.store import Store, replays
from pipeline.store.replays import Method
from schemas.replay import Difference, Replay

#: Seconds without a sign of life after which what is `running` counts as killed.
SILENT = 120
CSV_COLUMNS = tuple(Difference.__struct_fields__)
REPLAY_COLUMNS = tuple(Replay.__struct_fields__)
_TIMES = ("time", "since", "until", "begins", "ends", "reached", "began", "at")
_SORTS = ("finding", "attribution", "alert")
_TITLES = {"finding": "Findings", "alert": "Alerts", "attribution": "Attributions"}


class Told(NamedTuple):
    """What there is to be told of one replay."""

    replay: Replay
    methods: list[Method]
    differences: list[Difference]
    #: How many differences there are that are not among them, by why.
    more: int
    hidden: int

    @classmethod
    def of(cls, store: Store, replay: Replay, limit: int, *, history: bool) -> Told:
        """Of a replay with options what they change, and what else differs only if `history`."""
        found: list[Difference] = []
        shown = 0
        for sort in _SORTS:
            # No option changes an attribution, so those that differ are always shown.
            because = "options" if replay.options and not history and sort != "attribution" else ""
            found += replays.differences(store, replay.replay_id, sort=sort, because=because, limit=limit)
            wanted = (key.split() for key in replay.counts)
            shown += sum(replay.counts[" ".join(key)] for key in wanted if key[0] == sort and because in ("", key[2]))
        hidden = sum(replay.counts.values()) - shown
        return cls(replay, replays.methods(store, replay.replay_id), found, shown - len(found), hidden)


def listing(rows: Iterable[Replay], format: Format, out: TextIO, now: float) -> int:
    """Replays; returns how many there were."""
    return views.listing((_replay(one, now) for one in rows), format, out, _REPLAYS, REPLAY_COLUMNS)


def single(told: Told, format: Format, out: TextIO, now: float) -> None:
    """One replay and its differences."""
    shapes = [_shape(one) for one in told.differences]
    methods = [one._asdict() for one in told.methods]
    if format == "json":
        whole = {"replay": _replay(told.replay, now), "attributions": methods, "differences": shapes}
        out.write(json_inert(json.dumps(whole, ensure_ascii=False, indent=None)) + "\n")
        return
    if format != "table":
        views.listing(shapes, format, out, (), CSV_COLUMNS)
        return
    pairs(_head(_replay(told.replay, now)), out)
    for sort in _SORTS:
        those = [{**one, **_also(told.replay, one)} for one in shapes if one["sort"] == sort]
        if those:
            out.write(f"\n{_TITLES[sort]}:\n")
            if sort == "attribution":
                grid(methods, _METHODS, out)
            grid(those, _DIFFERENCES, out)


def _also(replay: Replay, row: Shape) -> dict[str, str]:
    also = bool(replay.options) and row["because"] == "history" and row["sort"] != "attribution"
    return {"also": "without the options too"} if also else {}


def summary(told: Told) -> str:
    """One line."""
    replay = told.replay
    if replay.state != "finished":
        return f"replay {replay.replay_id}: {replay.state}, nothing was compared. {replay.reason}".rstrip()
    said = [text for sort in ("finding", "alert", "attribution") if (text := _counted(replay, sort))]
    line = (
        f"replay {replay.replay_id}: {replay.replayed:,} entries replayed, {replay.compared:,} compared"
        f" in {replay.seconds:.1f} s: {'; '.join(said) or 'no difference'}"
    )
    if told.hidden:
        line += f". {told.hidden} findings and alerts differ from what was stored without the options too: --history"
    if replay.undecided:
        line += (
            f". {replay.undecided} findings or alerts of drift are not decided again: the store has no steps of them"
        )
    return line + (f". {told.more} more are not shown: --limit" if told.more else "")


def _counted(replay: Replay, sort: str) -> str:
    counts: dict[str, int] = {}
    for key, amount in replay.counts.items():
        of, verdict, because = key.split()
        if of == sort and (sort == "attribution" or not replay.options or because == "options"):
            counts[verdict] = counts.get(verdict, 0) + amount
    told = ", ".join(f"{amount} {verdict}" for verdict, amount in counts.items())
    return f"{_TITLES[sort].lower()} {told}" if told else ""


def _replay(one: Replay, now: float) -> dict[str, Any]:
    shape = _shape(one)
    if one.state == "running" and now - one.at / 1e6 > SILENT:
        shape["state"] = "killed"
    return shape


def _shape(one: Replay | Difference) -> dict[str, Any]:
    shape = msgspec.structs.asdict(one)
    return {name: iso(value) if name in _TIMES and value else value for name, value in shape.items()}


def _head(row: Shape) -> list[tuple[str, object]]:
    options = ", ".join(f"{name} = {value}" for name, value in row["options"].items())
    return [
        ("replay", row["replay_id"]),
        ("state", " ".join(filter(None, (row["state"], row["reason"])))),
        ("compared", f"{row['since']} to {row['until']}"),
        ("replayed", f"{row['begins']} to {row['ends']}"),
        ("options", options or "none: the settings as they are"),
        ("as replayed", f"{row['findings']} findings, {row['alerts']} alerts"),
    ]


def _change(row: Mapping[str, Any]) -> str:
    side = _link if row["sort"] == "attribution" else _judged
    return f"{side(row, 'before')}\n→ {side(row, 'after')}"


def _judged(row: Mapping[str, Any], side: str) -> str:
    return f"{row[side]} {row[f'score_{side}']:.2f}" if row[side] else "nothing"


def _link(row: Mapping[str, Any], side: str) -> str:
    how = f" ({row[f'method_{side}']} {row[f'score_{side}']:.2f})" if row[f"method_{side}"] != "none" else ""
    return (row[side] or "nothing") + how


def _what(row: Mapping[str, Any]) -> str:
    entries = row["entries"]
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    evidence = f"evidence: {', '.join(entries[:3])}{more}" if entries else ""
    return "\n".join(filter(None, (row["sentence"], row["note"], evidence, row.get("also", ""))))


def _lines(pairs_: Mapping[str, object], form: str) -> str:
    return "\n".join(form.format(*pair) for pair in pairs_.items())


_DIFFERENCES = (
    Column("Time (UTC)", lambda row: row["time"].replace("T", " ").removesuffix("Z").partition(".")[0], whole=True),
    Column("", lambda row: row["verdict"], whole=True),
    Column("Of", lambda row: f"{row['subject']}\n{row['name']}", weight=4),
    Column("Before → after", _change, weight=4),
    Column("Who", lambda row: row["actor"], weight=3),
    Column("What", _what, weight=7),
)
_METHODS = (
    Column("Target", lambda row: row["target"], weight=2),
    Column("", lambda row: row["verdict"], whole=True),
    Column("Link before", lambda row: row["before"], weight=2),
    Column("Link after", lambda row: row["after"], weight=2),
    Column("Events", lambda row: f"{row['amount']:,}", weight=1),
)
_REPLAYS = (
    Column("Replay", lambda row: row["replay_id"], whole=True),
    Column("Began (UTC)", lambda row: row["began"].replace("T", " ").partition(".")[0], whole=True),
    Column("State", lambda row: row["state"], whole=True),
    Column("From", lambda row: row["since"], weight=3),
    Column("To", lambda row: row["until"], weight=3),
    Column("Options", lambda row: "\n".join(f"{name} = {value}" for name, value in row["options"].items()), weight=5),
    Column(
        "Differences", lambda row: "\n".join(f"{amount} × {key}" for key, amount in row["counts"].items()), weight=4
    ),
    Column("By", lambda row: row["by"], weight=2),
)
