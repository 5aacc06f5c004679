"""An incident becomes a report in Markdown, for wikis and tickets.

In:     Incident, shapes of its entries
Out:    the document, whose text is inert: what others wrote can break no table, and become no link and no HTML
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.alert.plain import clean
from pipeline.report.content import Content
from pipeline.report.frameworks import grouped
from pipeline.report.integrity import integrity
from pipeline.report.words import lasting
from pipeline.store.shapes import iso
from schemas.incident import Incident, Minted, Root, Step

Shape = Mapping[str, Any]
#: Characters of a text, and rows of the timeline; all of them are in `timeline.jsonl`.
TEXT, ROWS = 600, 500
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~<>&$^=-])")
#: What renderers make links of although nothing marks them: addresses, and names of people.
_LINKS = re.compile(r"(?i)(?:https?|ftp|mailto|www)(?=[:.])|(?<=\S)@(?=\S)|@(?=\w)")


def document(incident: Incident, shapes: Sequence[Shape], content: Content, *, proved: bool) -> Iterator[str]:
    """The document, section by section."""
    yield f"# {said(incident.title or 'Incident ' + incident.incident_id)}\n\n"
    yield from _facts(incident, content)
    yield _section("Summary", _bullets(map(said, incident.summary)))
    yield _section("Where it began", "\n".join(map(_root, incident.roots)) or "Not known.\n")
    yield _section("What happened", "\n".join(map(_step, incident.story)) or "Nothing is told.\n")
    yield _section("How it hangs together", _table(
        ("From", "Why", "To", "Sure", "What shows it"),
        ([_end(e.source), e.kind, _end(e.target), f"{e.confidence:.0%}", e.sentence] for e in incident.edges),
    ))  # fmt: skip
    yield _section("Credentials, and how to end them", "\n".join(map(_minted, incident.reach.credentials)) or "None.\n")
    yield from _reach(incident)
    yield _section("Held apart", _table(
        ("Strand", "Actor", "Why", "Sure that it belongs", "Acts"),
        ([s.strand_id, s.actor, s.why, f"{s.confidence:.0%}", f"{s.of:,}"] for s in incident.strands if not s.belongs),
    ))  # fmt: skip
    yield _section("What cannot be known", _table(
        ("What", "Why", "Which log would tell"), ([g.what, g.why, g.log] for g in incident.gaps)
    ))  # fmt: skip
    yield _section("Detections", _table(
        ("Detection", "Found", "Why it found nothing"),
        [*([name, f"{count:,} times", ""] for name, count in incident.detections.items()),
         *([m.detection, "nothing", m.why] for m in incident.missed)],
    ))  # fmt: skip
    for framework, meanings in grouped(incident.frameworks).items():
        yield _section(framework, _table(("Id", "Name", "What it means here"), meanings), 3)
    yield _section("Limits", _bullets(map(said, incident.limits)))
    yield from _timeline(incident, shapes)
    yield _section("Integrity", _bullets(map(said, integrity(content, proved=proved))))


def said(text: str, most: int = TEXT) -> str:
    """Text as words of Markdown that are nothing else."""
    # A character without width keeps apart what would be a link.
    broken = _LINKS.sub(lambda match: f"{match[0]}\0", clean(text, most))
    escaped = _SPECIAL.sub(r"\\\1", broken).replace("\0", "&#8203;")
    return re.sub(r"^(\s*)(\d+)([.)])", r"\1\2\\\3", escaped)


def code(text: str, most: int = TEXT) -> str:
    """Text as code: between more backquotes than it has, on one line."""
    shown = clean(text, most).replace("|", "¦")
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    return f"{fence} {shown} {fence}" if shown else ""


def _facts(incident: Incident, content: Content) -> Iterator[str]:
    after = incident.detected_after
    rows = [
        ("Incident", incident.incident_id), ("Clue", f"{incident.clue.kind} {incident.clue.value}"),
        ("First act", iso(incident.first)), ("Last act", iso(incident.last)), ("Lasted", lasting(incident.dwell)),
        ("Detected", "never" if after is None else f"{lasting(after)} after the first act"),
        ("Entries", f"{len(incident.parts):,}"), ("Put together", iso(incident.made)),
        ("Left out below", f"{incident.cutoff:.0%} sure"), ("Content", content),
    ]  # fmt: skip
    yield _table(("", ""), rows) + "\n"


def _root(root: Root) -> str:
    chain = [("credential", root.credential), ("actor", root.actor), ("person", root.human)]
    known = "; ".join(f"{name} {code(value)}" for name, value in chain if value)
    rows = ", ".join(map(code, root.entries))
    return f"* **{said(root.kind)}** ({root.confidence:.0%} sure): {said(root.sentence)} {known}. Entries: {rows}\n"


def _step(step: Step) -> str:
    known = [
        ("actor", step.actor), ("for", step.human), ("credential", step.credential), ("policy", step.policy),
        ("tempo", step.tempo), ("tactic", step.tactic),
    ]  # fmt: skip
    who = "; ".join(f"{name} {code(value)}" for name, value in known if value)
    rows = ", ".join(map(code, step.entries))
    return f"* {iso(step.time)} **{said(step.stage)}**: {said(step.sentence)}\n  ({who}; entries {rows})\n"


def _minted(one: Minted) -> str:
    made = "made by the incident" if one.minted else "abused by it"
    ends = f"expires {iso(one.expires)}" if one.expires else "no expiry stated"
    lines = [
        f"* {code(one.name)} ({said(one.kind)}, for {said(one.subject) or 'nobody named'}): "
        f"**{said(one.state)}**, {made}, {ends}, used {one.uses:,} times. {said(one.caveat)}"
    ]
    # A command with the end of a line in it would be two commands.
    lines += [f"  * {code(command, 4000)}" for command in one.commands]
    return "\n".join(lines) + "\n"


def _reach(incident: Incident) -> Iterator[str]:
    reach = incident.reach
    yield _section("What it touched", _table(
        ("Resource", "How", "Account", "Times", "First", "Last"),
        ([r.name, r.how, r.account, f"{r.events:,}", iso(r.first), iso(r.last)] for r in reach.resources),
    ))  # fmt: skip
    yield _section("What went from where to where", _table(
        ("Time", "Origin", "From", "To", "Argument", "Value"),
        ([iso(t.time), t.origin, t.source, t.target, t.argument, t.value] for t in reach.transfers),
    ))  # fmt: skip
    named = (
        ("identities", reach.identities), ("created, or given other rights", reach.altered),
        ("sessions", reach.sessions), ("accounts", reach.accounts), ("addresses", reach.addresses),
    )  # fmt: skip
    yield _section("Who and where", _bullets(f"{name}: {', '.join(map(code, of))}" for name, of in named if of))
    yield _section("What others have in common with it", _table(
        ("Name", "Actor", "In common", "Acts"), ([s.name, s.actor, s.common, f"{s.events:,}"] for s in reach.shared)
    ))  # fmt: skip


def _timeline(incident: Incident, shapes: Sequence[Shape]) -> Iterator[str]:
    roles = {part.event_id: part.role for part in incident.parts}
    rows = (
        [s["time"], s["actor"] or s["stated_actor"], s["human"], s["action"], s["outcome"],
         ", ".join(s["resources"][:3]), s["credential"], s["policy"], roles.get(s["event_id"], ""), s["text"],
         s["event_id"]]
        for s in shapes[:ROWS]
    )  # fmt: skip
    names = ("Time", "Actor", "For", "Action", "Outcome", "Resources", "Credential", "Policy", "Role", "Text", "Entry")
    more = len(shapes) - ROWS
    yield _section("Timeline", _table(names, rows, 200))
    if more > 0:
        yield f"{more:,} more entries are in `timeline.jsonl`.\n\n"


def _section(title: str, body: str, level: int = 2) -> str:
    return f"{'#' * level} {title}\n\n{body}\n" if body.strip() else ""


def _bullets(lines: Iterable[str]) -> str:
    return "".join(f"* {one}\n" for one in lines)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], most: int = TEXT) -> str:
    """A table; nothing if it has no rows."""
    lines = ["| " + " | ".join(said(cell, most) for cell in row) + " |\n" for row in rows]
    head = "| " + " | ".join(names) + " |\n|" + " --- |" * len(names) + "\n"
    return head + "".join(lines) if lines else ""


def _end(end: str) -> str:
    return end.replace(":", " ", 1)
