"""The version of a ClickHouse server is held against those that whodid can use, and those that it was tried with.

Fails:  Permanent for one that is too old
"""

from __future__ import annotations

import logging
import re

from pipeline.kit.failures import Permanent

#: The oldest that is taken: the long-term release of August 2025.
MINIMUM = (25, 8)
#: The latest that the tests ran on, which is the embedded one.
TRIED = (26, 9)
log = logging.getLogger("whodid")


def check_version(stated: str) -> None:
    """Refuse a server that is too old; say so of one that is newer than any that was tried."""
    found = re.match(r"(\d+)\.(\d+)\.", stated)
    if found is None:
        raise Permanent(f"store: expected a ClickHouse server, but it states its version as {stated[:40]!r}")
    version = int(found[1]), int(found[2])
    if version < MINIMUM:
        raise Permanent(
            f"store: ClickHouse {stated} is too old: expected {_shown(MINIMUM)} or later. Upgrade the server"
        )
    if version > TRIED:
        log.warning("store: ClickHouse %s is newer than %s, the latest that was tried", stated, _shown(TRIED))


def _shown(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
