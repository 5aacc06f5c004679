"""What evidence costs: the store role with and without it in the same run, then verification and proofs.

    python -m benchmarks.evidence [--entries N] [--verify N] [--json]

Writing is measured as the role `store` does it, without Kafka: blocks of entries as they come out of Kafka are decoded,
written with what the inventory is told, with leaves and without, in turns, in CPU time of the process and in wall
time. Verifying is measured on a store of --verify entries, each with a raw record for every tenth.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from pipeline.kit.config import Settings
from pipeline.run.evidence import Deed, Evidence
from pipeline.run.inclusions import Proofs
from pipeline.run.verify import Verification
from pipeline.store import Store, connect, evidence
from pipeline.store.columns import Row
from schemas.batch import Entries, RawRecord
from schemas.entry import Entry, Link
from schemas.event import Argument, Event

START = 1_700_000_000_000_000
MESSAGE, BLOCK = 250, 20_000
_decode = msgspec.msgpack.Decoder(Entries).decode


def entry(number: int, draw: random.Random) -> Entry:
    """About what a cloud audit event or a tool call looks like."""
    agent, session = number % 97, number % 997
    event = Event(
        event_id=f"{draw.getrandbits(128):032x}:{draw.getrandbits(64):016x}", kind="cloud_audit",
        time=START + number * 1000, format="aws.cloudtrail", action=f"s3:Get{number % 37}", outcome="success",
        actor=f"arn:aws:sts::123456789012:assumed-role/agent-{agent}/run-{session}", actor_kind="workload",
        credential=f"aws:ASIA{session:016}", session_name=f"run-{session}", request=f"{draw.getrandbits(128):032x}",
        account="123456789012", resources=[f"arn:aws:s3:::bucket-{number % 50}/object-{number}"],
        address=f"192.0.2.{number % 250}", user_agent="aws-sdk-go/1.44 exec-env/EKS", region="eu-central-1",
        arguments=[Argument("bucketName", f"bucket-{number % 50}", "")],
        attributes={"eventType": "AwsApiCall", "readOnly": "true"}, record_id=f"{draw.getrandbits(128):032x}",
        mentions=[draw.getrandbits(63) | 1 << 62],
    )  # fmt: skip
    return Entry(
        event=event, revision=2048 * (number % 3), actor=f"agent-{agent}", actor_kind="agent",
        human=f"p{agent}@example.com", on_behalf_of=[f"agent-{agent}", f"p{agent}@example.com"],
        credential_chain=[f"aws:ASIA{session:016}", "aws:AKIAEXAMPLE"], session=f"s{session}",
        tool_call=f"toolu_{number}", links=[
            Link("actor", "credential", 0.99, [f"{draw.getrandbits(128):032x}"]),
            Link("session", "session-name", 0.9), Link("tool_call", "in-flight", 0.8),
        ],
    )  # fmt: skip


def messages(first: int, amount: int, draw: random.Random) -> list[bytes]:
    encode = msgspec.msgpack.Encoder().encode
    return [
        encode(Entries([entry(first + at + n, draw).packed() for n in range(min(MESSAGE, amount - at))]))
        for at in range(0, amount, MESSAGE)
    ]


def write(store: Store, data: list[bytes], log: Evidence | None, offset: int) -> None:
    """One block, as the role `store` writes it."""
    several = [list(map(Row, _decode(message).entries)) for message in data]
    entries = [one for part in several for one in part]
    if log is not None:
        one = log.open("entries/0") if "entries/0" not in log._logs else log._logs["entries/0"]
        log.write(log.leaves([Deed(one, offset + n, part) for n, part in enumerate(several)]))
    store.write_inventory([store.write_timeline(entries)])


def timed(run: Callable[[], None]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def writing(settings: Settings, home: Path, amount: int) -> dict[str, float]:
    """Blocks with and without leaves in turns, into two databases of one engine."""
    draw = random.Random(7)
    spent: dict[str, list[tuple[float, float]]] = {"with": [], "without": []}
    with connect(settings) as store:
        log = Evidence(settings, store)
        for number, at in enumerate(range(0, amount, BLOCK)):
            for which in ("with", "without") if number % 2 else ("without", "with"):
                data = messages(at, BLOCK, draw)
                spent[which].append(timed(lambda data=data, which=which, at=at: write(  # type: ignore[misc]
                    store, data, log if which == "with" else None, at // MESSAGE
                )))  # fmt: skip
        log.publish()
    found = {}
    for which, pairs in spent.items():
        found[f"{which}, wall"] = sum(wall for wall, _ in pairs[1:]) / (len(pairs) - 1) / BLOCK * 1e6
        found[f"{which}, cpu"] = sum(cpu for _, cpu in pairs[1:]) / (len(pairs) - 1) / BLOCK * 1e6
    return found


def verifying(settings: Settings, amount: int) -> dict[str, Any]:
    draw = random.Random(8)
    found: dict[str, Any] = {"entries": amount}
    with connect(settings) as store:
        log = Evidence(settings, store)
        records = log.open("records/0")
        for at in range(0, amount, BLOCK):
            write(store, messages(at, min(BLOCK, amount - at), draw), log, at // MESSAGE)
            raw = [
                RawRecord(f"{draw.getrandbits(128):032x}", "aws.cloudtrail", "cloud-audit", 0, at + n,
                          START + at + n, b'{"eventVersion": "1.08"}' * 20) for n in range(BLOCK // 10)
            ]  # fmt: skip
            log.write(log.leaves([Deed(records, at // BLOCK, records=raw)]))
            store.write_records(raw)
            log.publish()
        run = Verification(settings, store)
        wall, _ = timed(lambda: found.update(report=run.run()))
        if not found.pop("report").holds:
            raise SystemExit("it does not verify")
        found["verify, seconds"], found["verify, rows a second"] = wall, amount * 1.1 / wall
        checkpoint = run.checkpoint()
        write(store, messages(amount, BLOCK, draw), log, amount // MESSAGE + 1)
        log.publish()
        again = Verification(settings, store)
        wall, _ = timed(lambda: found.update(report=again.run(since=checkpoint)))
        report = found.pop("report")
        if not report.holds or report.leaves != BLOCK:
            raise SystemExit("it does not verify from a checkpoint")
        found["incremental, seconds"], found["incremental, entries"] = wall, BLOCK
        leaves = [evidence.span(store, "entries/0", 0, n, n + 1)[0] for n in range(0, amount, max(1, amount // 100))]
        proofs = Proofs(store)
        wall, _ = timed(lambda: [proofs.of(leaf) for leaf in leaves] and None)
        found["proof, ms"] = wall / len(leaves) * 1000
        sizes = store.rows(
            "SELECT table, sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active AND table IN"
            " ('entries', 'leaves', 'tree_nodes') GROUP BY table ORDER BY table"
        )
        found["bytes a row"] = {table: round(size / rows, 1) for table, size, rows in sizes}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--verify", type=int, default=500_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="whodid-evidence-", ignore_cleanup_errors=True) as home:
        for name in ("write", "verify"):
            settings = Settings(
                clickhouse=f"chdb://{home}/{name}", data_dir=Path(home) / f"{name}-data", hash_key="k" * 16
            )
            result[name] = (
                writing(settings, Path(home), given.entries) if name == "write" else verifying(settings, given.verify)
            )
    if given.json:
        json.dump(result, sys.stdout)
        return
    spent = result["write"]
    for kind in ("wall", "cpu"):
        more, base = spent[f"with, {kind}"], spent[f"without, {kind}"]
        said = f"{kind:4}  without {base:6.1f} us an entry, with {more:6.1f}"
        print(f"{said}: {more - base:+.1f} us, ratio {more / base:.2f}")
    for what, value in result["verify"].items():
        print(f"{what:24} {value if isinstance(value, dict) else round(value, 2)}")


if __name__ == "__main__":
    main()
