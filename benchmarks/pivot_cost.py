"""What a page cost the engine: rows that it read, granules in its plan, memory.

In:     the statements that a page was made of, or what makes one
Out:    numbers
Fails:  as the Store; memory is 0 where there is no /proc
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.store import Store


class Asked(NamedTuple):
    """A statement that was run for a page."""

    sql: str
    parameters: dict[str, Any]


class Recorder:
    """A store that keeps what it was asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[Asked] = []

    def rows(self, sql: str, parameters: Mapping[str, Any], binary: Iterable[str] = ()) -> list[Any]:
        """As the store's."""
        self.asked.append(Asked(sql, dict(parameters)))
        return self._store.rows(sql, parameters, binary)


def cost(store: Store, asked: Sequence[Asked]) -> dict[str, int]:
    """Rows that statements read by the engine's count, and granules of the largest table in its plan."""
    read = granules = 0
    for sql, parameters in asked:
        read += int(json.loads(store.raw(f"{sql} FORMAT JSON", parameters))["statistics"]["rows_read"])
        plan = "\n".join(str(row[0]) for row in store.rows(f"EXPLAIN indexes = 1 {sql}", parameters))
        granules += _granules(plan)
    return {"rows": read, "granules": granules}


def _granules(plan: str) -> int:
    """Granules that are left of each table when all indexes were used."""
    total = last = 0
    for line in plan.splitlines():
        if "ReadFromMergeTree" in line:
            total, last = total + last, 0
        if found := re.search(r"Granules: (\d+)/", line):
            last = int(found[1])
    return total + last


def memory(ask: Callable[[], object]) -> int:
    """Bytes by which the highest mark of this process grows (Linux; elsewhere 0)."""
    status, marks = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not marks.exists():
        return 0
    marks.write_text("5")
    before = _kilobytes(status, "VmRSS")
    ask()
    return max(0, _kilobytes(status, "VmHWM") - before) * 1024


def _kilobytes(status: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(name))
