"""How long dashboards and coverage take: every panel's query, and `coverage`, over made-up rows in an embedded store.

    python -m benchmarks.dashboards [--entries 5000000] [--store DIR]

Rows are evenly spread over thirty days, half of them revised once, of 500 identities, 5,000 credentials and 90,000
sessions. Of the inventory, findings and alerts there are none: what takes long are entries.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dashboards.__main__ import BOARDS, CONSOLE
from dashboards.board import rendered
from dashboards.macros import Span, expanded
from pipeline.kit.config import Settings
from pipeline.store import Store, connect
from pipeline.store.coverage import coverage

DAYS, BLOCK = 30, 100_000
#: Of entry n, n from 0; every other one twice, the second time revised.
FILL = """
INSERT INTO entries (event_id, kind, time, format, revision, action, outcome, actor, actor_kind, session, tool,
    tool_call_event, credential, unbound, link, confidence, address, user_agent)
SELECT hex(sipHash64(n)), ['prompt', 'tool_call', 'token_issuance', 'cloud_audit'][1 + n % 4],
    fromUnixTimestamp64Micro(toInt64({start:Int64} + n * {every:Int64}), 'UTC'),
    ['aws.cloudtrail', 'okta.system-log', 'mcp', 'vault.audit', 'otel.genai'][1 + n % 5], {revision:UInt64},
    concat('s3:Do', toString(n % 300)), if(n % 40 = 0, 'denied', 'success'), concat('identity-', toString(n % 500)),
    ['agent', 'human', 'service', ''][1 + n % 4], concat('session-', toString(n % 90000)),
    if(n % 4 = 1, concat('tool-', toString(n % 60)), ''), if(n % 4 = 3, hex(sipHash64(n - 2)), ''),
    if(n % 7 = 0, '', concat('key-', toString(n % 5000))),
    ['', '', 'credential never seen issued: standing key', 'no credential in the event'][1 + n % 4],
    ['credential', 'trace', 'stated', ''][1 + n % 4], 0.9, concat('192.0.2.', toString(n % 250)), 'agent/1'
FROM (SELECT number + {first:UInt64} AS n FROM numbers({amount:UInt64})) WHERE {revision:UInt64} = 0 OR n % 2 = 0
"""


def fill(store: Store, entries: int) -> int:
    """Write so many entries; returns the time of the last one, seconds."""
    end = int(time.time())
    every = DAYS * 86_400_000_000 // entries
    start = (end - DAYS * 86_400) * 1_000_000
    for first in range(0, entries, BLOCK):
        amount = min(BLOCK, entries - first)
        for revision in (0, 1):
            given = {"start": start, "every": every, "first": first, "amount": amount, "revision": revision}
            store.command(FILL, given)
    return end


def seconds(do: Callable[[], object]) -> float:
    """How long it takes, the middle of three."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        do()
        took.append(time.monotonic() - began)
    return statistics.median(took)


def measure(store: Store, end: int, days: int) -> None:
    """Print the figures of a dashboard that shows so many days, and of coverage over them."""
    span = Span(end - days * 86_400, end, max(1, days * 86_400 // 400))
    took: list[tuple[float, str]] = []
    for board in BOARDS:
        made = json.loads(rendered(board, CONSOLE))
        chosen = {choice.name: "*" for choice in board.choices}
        for panel in made["panels"]:
            for target in panel.get("targets", []):
                sql = expanded(target["rawSql"], span, chosen)
                took.append((seconds(lambda sql=sql: store.rows(sql)), f"{board.name}: {panel['title']}"))
    took.sort(reverse=True)
    middle = statistics.median(one for one, _ in took)
    print(
        f"{days:>2} days: {len(took)} panels, {middle:.3f} s in the middle; longest: {took[0][0]:.3f} s, {took[0][1]}"
    )
    print(f"         coverage: {seconds(lambda: coverage(store, days)):.3f} s")


def main() -> None:
    """Fill a store and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=5_000_000)
    options.add_argument("--store", type=Path, help="folder for the store; default: one that is deleted")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(clickhouse=f"chdb://{(given.store or Path(folder) / 'store').resolve()}")
        with connect(settings) as store:
            end = fill(store, given.entries)
            for days in (1, 7, DAYS):
                measure(store, end, days)


if __name__ == "__main__":
    main()
