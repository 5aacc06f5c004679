"""An Incident with its entries and raw records becomes a bundle: a folder, or a ZIP archive, of files with a manifest.

In:     Incident, Entries, RawRecords, what the reader may have of contents
Out:    Manifest; the folder or archive is there as a whole, or not at all
Fails:  Invalid (the target is there already, an id that is no file's name); OSError

The same input gives the same bytes. What is written stands beside the target, under a name that begins with a dot,
until it is complete.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.report import graphml, markdown, ocsf, timesketch
from pipeline.report.archive import archived
from pipeline.report.ascii import line, page
from pipeline.report.content import Content, cover, covered, withheld
from pipeline.report.graph import graph
from pipeline.report.html import document as html_document
from pipeline.report.manifest import Manifest, manifest
from pipeline.report.readme import readme
from pipeline.store import shapes as shaped
from schemas.batch import RawRecord
from schemas.entry import Entry
from schemas.incident import Incident

#: Writes `evidence/` and `verify.py` into the folder that it is given.
Prove = Callable[[Path], None]
#: Told of each file: its name, how many of how many.
Progress = Callable[[str, int, int], None]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class Bundle:
    """What is written, with what is withheld taken out."""

    def __init__(self, incident: Incident, entries: Iterable[Entry], content: Content, key: bytes) -> None:
        ordered = sorted(entries, key=lambda one: (one.event.time, one.event.event_id))
        stored = list(map(shaped.entry, ordered))
        self.content = content
        self.incident = covered(incident, stored, content, key)
        self.shapes: Sequence[dict[str, Any]] = list(map(cover(content, key), stored))
        self.parts = {part.event_id: part for part in incident.parts}

    def files(self, integrity: ocsf.Integrity | None, *, proved: bool) -> Iterator[tuple[str, Iterable[str | bytes]]]:
        """Names and contents of the files, but for records, evidence and manifest."""
        drawn = graph(self.incident, self.shapes)
        yield "report.html", html_document(self.incident, self.shapes, drawn, self.content, proved=proved)
        yield "report.md", markdown.document(self.incident, self.shapes, self.content, proved=proved)
        yield "incident.json", [page(msgspec.to_builtins(self.incident))]
        signed = proved and self.content == "hashes"
        yield "timeline.jsonl", (line(withheld(one) if signed else one) + "\n" for one in self.shapes)
        yield "parts.jsonl", (line(msgspec.to_builtins(one)) + "\n" for one in self.incident.parts)
        yield "timesketch.csv", timesketch.csv_lines(self._rows())
        yield "timesketch.jsonl", timesketch.json_lines(self._rows())
        found = ocsf.events(self.incident, self.shapes, self.parts, integrity)
        yield "ocsf.jsonl", (line(one) + "\n" for one in found)
        yield "graph.graphml", [graphml.document(drawn)]
        yield "README.txt", [readme(self.incident, self.content, proved=proved)]

    def _rows(self) -> Iterator[dict[str, Any]]:
        return timesketch.rows(self.shapes, self.parts, self.incident.incident_id)


def write(  # noqa: PLR0913  (all but four have a name)
    incident: Incident,
    entries: Iterable[Entry],
    records: Iterable[RawRecord],
    target: Path,
    *,
    content: Content,
    prove: Prove | None = None,
    key: bytes = b"",
    integrity: ocsf.Integrity | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Write a bundle.

    `target` is a folder that is not there or empty, or a file `….zip` that is not there. `records` are only read where
    `content` is full. `key` is that of the hashes which stand for withheld texts; without one there are none.
    """
    check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        folder = beside / "bundle"
        folder.mkdir(mode=0o700)
        made = Bundle(incident, entries, content, key)
        _write_files(folder, made.files(integrity, proved=prove is not None), progress)
        if content == "full":
            _write_records(folder, records, progress)
        if prove is not None:
            prove(folder)
        found = manifest(folder, made.incident, content)
        (folder / "manifest.json").write_bytes(found.encoded())
        whole = archived(folder, beside / "bundle.zip") if target.suffix == ".zip" else folder
        # Again: it may have come into being meanwhile.
        check(target)
        whole.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return found


def check(target: Path) -> None:
    """Raises Invalid if something is there that a bundle would overwrite."""
    if target.suffix == ".zip":
        if target.exists() or target.is_symlink():
            raise Invalid("out", "a file that is not there yet", str(target))
    elif target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise Invalid("out", "a folder that is not there yet or empty, or a .zip file", str(target))


def _write_files(folder: Path, files: Iterable[tuple[str, Iterable[str | bytes]]], progress: Progress | None) -> None:
    every = list(files)
    for number, (name, pieces) in enumerate(every, 1):
        with (folder / name).open("wb") as file:
            for piece in pieces:
                file.write(piece.encode() if isinstance(piece, str) else piece)
        if progress is not None:
            progress(name, number, len(every))


def _write_records(folder: Path, records: Iterable[RawRecord], progress: Progress | None) -> None:
    (folder / "records").mkdir()
    for number, record in enumerate(records, 1):
        if not _NAME.fullmatch(record.record_id):
            raise Invalid("record_id", "letters, digits, _ and -", record.record_id)
        (folder / "records" / record.record_id).write_bytes(record.value)
        if progress is not None and number % 1000 == 0:
            progress("records", number, 0)
