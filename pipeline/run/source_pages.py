"""Write docs/sources/ and the events of the examples anew: `python -m pipeline.run.source_pages` (or `make schemas`).

A page is what its normalizer says of itself (`SOURCE`), with an example and the events that it becomes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from pipeline.normalize.context import Context
from pipeline.normalize.formats import FORMATS
from pipeline.normalize.source import LINKS, Group, Source
from pipeline.normalize.stage import process
from schemas.event import Event
from schemas.rejected import Record

ROOT = Path(__file__).parents[2]
PAGES, EXAMPLES = ROOT / "docs" / "sources", ROOT / "schemas" / "examples"
#: What an example is normalized with: its events must be the same wherever they are made.
CONTEXT = Context(b"schemas/examples", fixed_now=1_800_000_000_000_000)
_OURS = frozenset({"record_id", "tokens", "argument_tokens", "mentions", "format"})


def record(name: str) -> bytes:
    """The example of a format: one record, or an array of them."""
    return (EXAMPLES / f"{name}.json").read_bytes()


def events(name: str) -> str:
    """The events that the example becomes, without what is not stated, as JSON. Raises ValueError if one is refused."""
    results = process(Record(record(name), name), CONTEXT)
    if refused := [one.rejected.reason for one in results if one.rejected]:
        raise ValueError(f"{name}: {refused}")
    told = [_stated(event) for one in results for event in one.events]
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _stated(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(event_fields(event))
    return {name: value for name, value in found.items() if value not in ("", [], {}, 0)}


def event_fields(event: Event) -> dict[str, Any]:
    """An event's fields by name, without fingerprints; arguments by path."""
    found = {name: getattr(event, name) for name in event.__struct_fields__ if name not in _OURS}
    return {**found, "arguments": {one.path: one.value for one in event.arguments}}


def page(source: Source) -> str:
    """Markdown."""
    told = [
        f"# {source.title}: `{source.name}`",
        f"{source.group}. Written from its normalizer by `make schemas`.",
    ]
    told += ["## Switch on", source.enable]
    rows = [(link, meaning, source.links.get(link)) for link, meaning in LINKS.items()]
    table = ["| link | what | stated by | only if |", "|---|---|---|---|"]
    table += [f"| {link} | {what} | {by} | {source.needs.get(link, '')} |" for link, what, by in rows if by]
    told += ["## What links", "\n".join(table)]
    if source.ends:
        told += ["## When a credential is no longer good", source.ends]
    lost = [f"* **{link}** ({LINKS[link]}): {why}" for link, why in source.never.items()]
    lost += [f"* {what}" for what in source.lost]
    told += ["## What is not in this log", "\n".join(lost)] if lost else []
    if source.ignores:
        told += ["## What gives no event", f"{source.ignores[:1].upper()}{source.ignores[1:]}. It is kept as evidence."]
    told += ["## Example", f"[`{source.name}.json`](../../schemas/examples/{source.name}.json) becomes"]
    told += [f"```json\n{events(source.name)}```"]
    told += ["## Documents", "\n".join(f"* {one}" for one in source.documents)]
    return "\n\n".join(told) + "\n"


def index() -> str:
    """Markdown: all formats, by group."""
    told = ["# Sources, one page each", "How logs arrive is in [sources.md](../sources.md). Written by `make schemas`."]
    for group in Group.__args__:  # type: ignore[attr-defined]
        rows = [
            f"| [{one.title}]({one.name}.md) | `{one.name}` | {', '.join(one.links)} |"
            for one in (form.source for form in FORMATS.values())
            if one.group == group
        ]
        told += [f"## {group}", "\n".join(["| source | format | states |", "|---|---|---|", *rows])]
    return "\n\n".join(told) + "\n"


def files(name: str) -> dict[Path, str]:
    """What is generated for a format, by path."""
    return {PAGES / f"{name}.md": page(FORMATS[name].source), EXAMPLES / f"{name}.events.json": events(name)}


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    (PAGES / "README.md").write_text(index(), encoding="utf-8")
    for known in FORMATS:
        for path, text in files(known).items():
            path.write_text(text, encoding="utf-8")
