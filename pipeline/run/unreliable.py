"""The role `store` as `whodid chaos` runs it: the real engine behind a front that can be told to be away.

An embedded engine lives in the process that uses it and cannot be unplugged, so being away is played here, in a process
of its own: `python -m pipeline.run.unreliable` is `whodid run store` in everything else.

* While the file `clickhouse-away` lies in the data directory, every call fails as one to an unreachable server does. Of
  the writes every second one reaches the engine first, as when an answer is lost: the role cannot know, and writes the
  rows again.
* While `disk-full` lies there, every write is refused by the operating system, before it reaches the engine: where the
  embedded engine meets a full disk itself, it loses what it was given (`pipeline.store.client.RESERVE`).
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.metrics import Metrics
from pipeline.run.roles import run_roles
from pipeline.store import Store, connect
from pipeline.store.faults import translated
from pipeline.store.write import Block

AWAY, FULL = "clickhouse-away", "disk-full"


class Unreliable(Store):
    """A store that is away, or whose disk is full, while a file in `folder` says so."""

    def __init__(self, real: Store, folder: Path) -> None:
        self._real = real
        self._away = folder / AWAY
        self._full = folder / FULL
        self._turn = itertools.count()
        self.embedded = real.embedded

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None, binary: Iterable[str] = ()) -> list[Any]:
        """As the real one, unless away."""
        self._reach()
        return self._real.rows(sql, parameters, binary)

    def raw(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> bytes:
        """As the real one, unless away."""
        self._reach()
        return self._real.raw(sql, parameters, settings)

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """As the real one, unless away."""
        self._reach()
        self._real.command(sql, parameters)

    def insert(self, block: Block) -> None:
        """As the real one; while away it fails, before the rows are in or after that."""
        if self._full.exists():
            with translated():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        away = self._away.exists()
        if away and next(self._turn) % 2 == 0:
            raise Transient("store: connection refused (played)")
        self._real.insert(block)
        if away:
            raise Transient("store: connection broken before the answer came (played)")

    def close(self) -> None:
        """Close the real one."""
        self._real.close()

    def _reach(self) -> None:
        if self._away.exists():
            raise Transient("store: connection refused (played)")


def main(roles: list[str]) -> int:
    """Run the roles with the settings of the environment; returns the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = Settings()
    return run_roles(settings, roles, Metrics(), opened=lambda given: Unreliable(connect(given), settings.data_dir))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
