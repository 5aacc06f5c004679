"""The archive that a desk sends becomes the bundle that was asked for: as it is, or as a folder.

In:     a stream of bytes
Out:    the id of the incident; the folder or archive is there as a whole, or not at all
Fails:  Invalid (the target is there already), ValueError (what came is no bundle), OSError
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from pipeline.report.bundle import Progress, check

#: Names that a bundle has: no way out of its folder.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?")


def take(source: IO[bytes], target: Path, progress: Progress) -> str:
    """Write what comes to `target`."""
    check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        whole = beside / "bundle.zip"
        with whole.open("wb") as file:
            shutil.copyfileobj(source, file)
        try:
            with zipfile.ZipFile(whole) as archive:
                name = str(json.loads(archive.read("manifest.json"))["incident_id"])
                made = whole if target.suffix == ".zip" else _unpacked(archive, beside / "bundle", progress)
        except (zipfile.BadZipFile, KeyError, TypeError) as error:
            raise ValueError(f"no bundle: {error}") from error
        check(target)
        made.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return name


def _unpacked(archive: zipfile.ZipFile, folder: Path, progress: Progress) -> Path:
    folder.mkdir(mode=0o700)
    names = archive.namelist()
    for number, name in enumerate(names, start=1):
        if not _NAME.fullmatch(name):
            raise ValueError(f"no bundle: it holds {name[:80]!r}")
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        with archive.open(name) as member, path.open("wb") as file:
            shutil.copyfileobj(member, file)
        path.chmod(0o600)
        progress(name, number, len(names))
    return folder
