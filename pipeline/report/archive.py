"""A folder becomes a ZIP archive whose bytes depend on its files alone: in order of name, all of one time."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

#: The earliest time that ZIP can say.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE, _UNIX = 0o600, 3


def archived(folder: Path, target: Path) -> Path:
    """Write the archive to `target`, which nobody else may read, and return that."""
    target.touch(mode=_MODE)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).as_posix()):
            if not path.is_file():
                continue
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _TIME)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, _UNIX, _MODE << 16
            with path.open("rb") as source, archive.open(info, "w", force_zip64=_large(path)) as member:
                shutil.copyfileobj(source, member)
    return target


def _large(path: Path) -> bool:
    return path.stat().st_size >= zipfile.ZIP64_LIMIT
