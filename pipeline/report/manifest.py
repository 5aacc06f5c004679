"""The files of a bundle become its manifest: what is in it, with hashes."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import msgspec

from pipeline.report.ascii import page
from pipeline.store.shapes import iso
from schemas.incident import Incident

NAME = "manifest.json"


class Hashed(msgspec.Struct):
    """One file."""

    sha256: str
    bytes: int


class Manifest(msgspec.Struct):
    """What `manifest.json` says. Names are relative to the bundle, with forward slashes."""

    files: dict[str, Hashed]
    incident_id: str
    #: When the incident was put together, ISO 8601.
    made: str
    #: What is less sure than this was left out.
    cutoff: float
    #: Version of the program.
    whodid: str
    #: What readers have of contents: full, masked or hashes.
    content: str

    def encoded(self) -> bytes:
        """The file."""
        return page(msgspec.to_builtins(self)).encode()


def manifest(folder: Path, incident: Incident, content: str) -> Manifest:
    """The manifest of all files in a folder but itself."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): _hashed(path) for path in paths}
    files.pop(NAME, None)
    ordered = dict(sorted(files.items()))
    return Manifest(
        ordered, incident.incident_id, iso(incident.made), incident.cutoff, version("whodid"), content
    )  # fmt: skip


def _hashed(path: Path) -> Hashed:
    with path.open("rb") as file:
        return Hashed(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
