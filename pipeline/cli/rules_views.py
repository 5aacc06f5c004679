"""Rules, their fields, examples and coverage become what a terminal, a program or a spreadsheet reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from pipeline.cli import views
from pipeline.cli.tables import Column, pairs
from pipeline.cli.views import Format, Shape
from pipeline.score.definition import Definition
from pipeline.score.frameworks import catalogue
from pipeline.score.rules.importing import Verdict
from pipeline.score.rules.trying import Outcome


def listing(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """All rules, one a line."""
    return views.listing(rows, format, out, _RULES, ("name", "kind", "severity", "family", "title", "frameworks"))


def row(name: str, kind: str, said: Definition) -> Shape:
    """One rule in a listing."""
    return {
        "name": name, "kind": kind, "severity": said.severity, "family": said.family, "title": said.title,
        "frameworks": said.frameworks,
    }  # fmt: skip


def single(name: str, kind: str, said: Definition, format: Format, out: TextIO) -> None:
    """One rule with everything that it says."""
    given: dict[str, Any] = {"name": name, "kind": kind, **said.model_dump(mode="json")}
    if format != "table":
        views.listing([given], format, out, _RULES, tuple(given))
        return
    lists = ("blind_spots", "runbook")
    apart = (*lists, "examples", "when", "on", "parameters")
    pairs([(key, views.written(value)) for key, value in given.items() if key not in apart and value], out)
    for key in ("on", "when", "parameters"):
        if given[key] and any(given[key].values()):
            out.write(f"\n{key}:\n")
            pairs([(f"  {field}", views.written(value)) for field, value in given[key].items() if value], out)
    for key in lists:
        if given[key]:
            out.write(f"\n{key.replace('_', ' ')}:\n")
            pairs([(f"  {number}.", text) for number, text in enumerate(given[key], 1)], out)
    for key in ("found", "silent"):
        if examples := given["examples"][key]:
            out.write(f"\nexamples that are {key}:\n")
            pairs([("  ", example["name"]) for example in examples], out)


def fields(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Names that rules may use."""
    columns = (
        Column("Name", lambda row: row["name"], weight=3),
        Column("Type", lambda row: row["type"], whole=True),
        Column("What it is", lambda row: row["what"], weight=4),
    )
    return views.listing(rows, format, out, columns, ("name", "type", "what"))


def outcomes(rows: Iterable[Outcome], format: Format, out: TextIO) -> int:
    """What came of each example."""
    columns = (
        Column("Rule", lambda row: row["rule"], weight=2),
        Column("Example", lambda row: row["example"], weight=3),
        Column("Expected", lambda row: row["expected"], whole=True),
        Column("Outcome", lambda row: row["outcome"], whole=True),
        Column("What is wrong", lambda row: row["said"], weight=3),
    )
    return views.listing((one._asdict() for one in rows), format, out, columns, Outcome._fields)


def verdicts(rows: Iterable[Verdict], format: Format, out: TextIO) -> int:
    """What became of each file."""
    columns = (
        Column("File", lambda row: row["file"], weight=3),
        Column("Log source", lambda row: row["source"], weight=1),
        Column("Taken", lambda row: "yes" if row["taken"] else "no", whole=True),
        Column("Why", lambda row: row["reason"], weight=4),
    )
    return views.listing((one._asdict() for one in rows), format, out, columns, Verdict._fields)


def coverage(definitions: Mapping[str, Definition], format: Format, out: TextIO) -> int:
    """Every id of the catalogue with the rules that name it, also where there is none."""
    columns = (
        Column("Framework", lambda row: row["framework"], whole=True),
        Column("Id", lambda row: row["id"], whole=True),
        Column("What it is", lambda row: row["name"], weight=3),
        Column("Rules", lambda row: ", ".join(row["rules"]) or "none", weight=4),
    )
    return views.listing(_covered(definitions), format, out, columns, ("framework", "id", "name", "rules"))


def _covered(definitions: Mapping[str, Definition]) -> Iterator[Shape]:
    by_id: dict[str, list[str]] = {name: [] for name in catalogue()}
    for rule, said in definitions.items():
        for name in said.frameworks:
            by_id.setdefault(name, []).append(rule)
    for name, rules in by_id.items():
        known = catalogue().get(name)
        framework = known.framework if known else "MITRE ATLAS" if name.startswith("AML.") else "MITRE ATT&CK"
        yield {"framework": framework, "id": name, "name": known.name if known else "", "rules": rules}


_RULES = (
    Column("Name", lambda row: row["name"], weight=3),
    Column("Kind", lambda row: row["kind"], whole=True),
    Column("Severity", lambda row: row["severity"], whole=True),
    Column("Family", lambda row: row["family"], whole=True),
    Column("What it finds", lambda row: row["title"], weight=4),
    Column("Frameworks", lambda row: " ".join(row["frameworks"]), weight=2),
)
