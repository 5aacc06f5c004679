"""The null pipeline of files: read lines, parse, insert, no join; one process on one core, as `benchmarks.null` does.

    python -m benchmarks.null_files FOLDER --store DIR

In the folder is a file of JSON lines for each native format, by the name of the format.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.null import BLOCK, insert, opened, row_of


def run(folder: Path, store: str) -> dict[str, Any]:
    """How many events were inserted, and in how many seconds."""
    client = opened(store)
    events, rows, began = 0, [], time.time()
    for file in sorted(folder.glob("*.jsonl")):
        name = file.stem.partition("~")[0].encode()
        with file.open("rb") as lines:
            for line in lines:
                rows.append(row_of(name, line))
                if len(rows) >= BLOCK:
                    insert(client, rows)
                    events += len(rows)
                    rows.clear()
    if rows:
        insert(client, rows)
        events += len(rows)
    seconds = time.time() - began
    client.close()
    return {"events": events, "seconds": seconds}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", required=True)
    given = parser.parse_args()
    json.dump(run(given.folder, given.store), sys.stdout)
