"""Where the one file of settings is, and whether it can be believed; and secrets out of files of their own.

Fails:  Invalid, which says what to do
"""

from __future__ import annotations

import functools
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pipeline.kit.failures import Invalid

#: Names the file; empty = none, whatever lies about.
VARIABLE = "WHODID_CONFIG"
#: Bytes that a file of settings, and one with a secret, may have.
LARGEST, LARGEST_SECRET = 1024 * 1024, 64 * 1024
log = logging.getLogger("whodid")


def default_places(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where it is looked for when nobody names it; the first that is there counts."""
    own = Path(environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return own / "whodid" / "whodid.toml", Path("/etc/whodid/whodid.toml")


def config_file(environ: Mapping[str, str]) -> Path | None:
    """The file of settings; None if there is none. Raises Invalid when it is named and is not there."""
    named = environ.get(VARIABLE)
    if named is not None:
        if named and not Path(named).is_file():
            raise Invalid(VARIABLE, "a TOML file that is there; `whodid config show` needs none", named)
        return Path(named) if named else None
    return next((place for place in default_places(environ) if place.is_file()), None)


def trusted_text(path: Path) -> str:
    """What it says. Whoever can write to it decides where evidence goes: it must be ours or root's alone."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid not in (0, os.getuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise Invalid(
                    str(path), f"a file that nobody else can write to: chown {os.getuid()} and chmod go-w it",
                    f"owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}",
                )  # fmt: skip
            value = file.read(LARGEST + 1)
    except OSError as error:
        raise Invalid(str(path), f"a file that can be read: {error.strerror}") from error
    if len(value) > LARGEST:
        raise Invalid(str(path), f"at most {LARGEST} bytes")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Invalid(str(path), f"UTF-8: {error.reason} at byte {error.start}") from error


def secret_of(path: Path, asked: str) -> str:
    """The secret in a file, without the line's end. Raises Invalid, which names `asked` and never what is in it."""
    try:
        with path.open("rb") as file:
            open_to_all = os.fstat(file.fileno()).st_mode & stat.S_IROTH
            value = file.read(LARGEST_SECRET + 1)
        found = value.decode().rstrip("\r\n")
    except OSError as error:
        raise Invalid(asked, f"a file that can be read: {error.strerror}", str(path)) from error
    except UnicodeDecodeError as error:
        raise Invalid(asked, "a file with text in UTF-8", str(path)) from error
    if not found or len(value) > LARGEST_SECRET:
        raise Invalid(asked, f"a file with a secret of 1 to {LARGEST_SECRET} bytes", str(path))
    if open_to_all:
        warn(f"{asked}: everybody on this machine can read {path}: chmod o-r it")
    return found


@functools.cache
def warn(text: str) -> None:
    """Once in a process: settings are read more often than that."""
    log.warning("%s", text)
