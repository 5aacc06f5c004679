"""What some load needs in partitions, workers, brokers and ClickHouse: arithmetic on what a benchmark measured.

    python -m benchmarks.throughput --json > RESULT.json
    python -m benchmarks.scaling RESULT.json [--rates 10000,100000,1000000] [--replication 3] [--retention-days N]
                                 [--utilisation 0.6] [--page FILE] [--json]

docs/scaling.md explains each term. Nothing is measured here: the same result gives the same table. `--page` writes the
tables into that page, between its two marks.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from pipeline.app import MARK_EVERY
from pipeline.kit.topics import PUBLIC, catalogue

DAY, HOUR = 86_400, 3_600
#: Who reads a topic, other than once: `entries` and `findings` are scored and stored, a changelog is followed by
#: the worker that stands by for its partition (Faust's `table_standby_replicas`), heads and dead letters by nobody.
READERS = {
    "entries": 2, "steps": 2, "findings": 2, "alerts": 2, "events-by-credential": 1, "tree-heads": 0,
}  # fmt: skip
#: Partitions come in multiples of this: they divide evenly among more numbers of workers.
ROUND = 12
#: What the tables are between, in a page.
#: Lines of a page between which tables go; the first ends with the arguments that make them.
BEGIN, END = (
    re.compile(r"^<!-- tables: python -m benchmarks\.scaling (.+) -->$", re.MULTILINE),
    "<!-- end of tables -->",
)
#: The most that the settings allow.
MOST_PARTITIONS = 1024


@dataclass(frozen=True)
class Machines:
    """What one node is taken to have; all are options of the command."""

    utilisation: float = 0.6
    replication: int = 3
    retention_days: float = 90.0
    cores: int = 16
    gbit: float = 10.0
    disk_tb: float = 8.0
    store_replicas: int = 2


@dataclass(frozen=True)
class Measured:
    """Of one event: microseconds of CPU by role, bytes by topic, bytes by table."""

    cpu: dict[str, float]
    wire: dict[str, float]
    stored: float
    messages: dict[str, float]
    #: What one mark costs: `take_us`, `look_us`, `bytes`.
    mark: dict[str, float]

    @classmethod
    def of(cls, result: dict[str, Any]) -> Measured:
        """Out of what `benchmarks.throughput --json` printed."""
        volumes, cpu = result["volumes"], result["cpu"]
        # Of a broker that runs elsewhere, what this machine was busy with beside ours is the best that is known.
        broker = volumes["broker_us"] or next(spent for name, spent in cpu.items() if name.startswith("broker"))
        topics = {name: found for name, found in volumes["topics"].items() if name in catalogue()}
        return cls(
            cpu={**{role: cpu[role] for role in ("normalize", "correlate", "store")}, "broker": broker},
            wire={name: found["wire"] for name, found in topics.items()},
            stored=sum(volumes["tables"].values()),
            messages={name: found["messages"] for name, found in topics.items()},
            mark=volumes["mark"],
        )  # fmt: skip


def cores(measured: Measured, role: str, rate: float, machines: Machines) -> int:
    """Cores that a role keeps busy at no more than the utilisation."""
    return ceil(rate * measured.cpu[role] / 1e6 / machines.utilisation)


def partitions(measured: Measured, rate: float, machines: Machines) -> int:
    """Twice as many as the correlating cores, so that they may double, in multiples of ROUND."""
    return ROUND * ceil(2 * cores(measured, "correlate", rate, machines) / ROUND)


def marks(count: int, normalizers: int, correlators: int, measured: Measured) -> dict[str, float]:
    """What it costs so many processes to tell each other how far they are, with so many partitions.

    Each partition of the public topics is told of to every partition of the first hop, each of the first hop to every
    one of both hops, four times a second. And with each message of marks a partition looks at all that it knows of.
    """
    public = len(PUBLIC) * count
    told = (public + 2 * count) * count / MARK_EVERY
    looks = (normalizers * (public + count) + correlators * (public + 2 * count)) * count / MARK_EVERY
    return {
        "marks": told, "bytes": told * measured.mark["bytes"],
        "cores": (told * measured.mark["take_us"] + looks * measured.mark["look_us"]) / 1e6,
    }  # fmt: skip


def written(measured: Measured, rate: float) -> float:
    """Bytes a second that are sent to the brokers, before replication."""
    return rate * sum(measured.wire.values())


def read(measured: Measured, rate: float) -> float:
    """Bytes a second that consumers fetch."""
    return rate * sum(size * READERS.get(name, 1) for name, size in measured.wire.items())


def kept(measured: Measured, rate: float) -> float:
    """Bytes that the brokers keep, before replication: each topic for its hours; a changelog is compacted."""
    return sum(
        rate * size * (topic.retention_hours or 0) * HOUR
        for name, size in measured.wire.items()
        if not (topic := catalogue()[name]).compact and name != "tree-heads"
    )


def needs(measured: Measured, rate: float, machines: Machines) -> dict[str, float]:
    """Everything that a rate needs, by name."""
    count = partitions(measured, rate, machines)
    normalizers, correlators = (cores(measured, role, rate, machines) for role in ("normalize", "correlate"))
    network = machines.gbit * 1e9 / 8 * machines.utilisation
    copies = written(measured, rate) * machines.replication
    leaving = read(measured, rate) + copies - written(measured, rate)
    disk = kept(measured, rate) * machines.replication
    # Measured with one copy; each further one is written once more, and is no dearer than the first.
    broker_cores = cores(measured, "broker", rate, machines) * machines.replication
    rows = rate * measured.stored * DAY * machines.retention_days
    store_cores = cores(measured, "store", rate, machines)
    room = machines.disk_tb * 1e12 * machines.utilisation
    by = {"network": max(copies, leaving) / network, "disk": disk / room, "CPU": broker_cores / machines.cores}
    shards = ceil(max(store_cores / machines.cores, rows / room))
    marked = marks(count, normalizers, correlators, measured)
    return {
        "partitions": count,
        "normalize cores": normalizers, "correlate cores": correlators,
        "marks, cores": marked["cores"], "marks, MB/s": marked["bytes"] / 1e6,
        "into brokers, MB/s": written(measured, rate) / 1e6, "with replication, MB/s": copies / 1e6,
        "out of brokers, MB/s": leaving / 1e6, "broker cores": broker_cores, "broker disk, TB": disk / 1e12,
        "brokers": max(machines.replication, ceil(max(by.values()))),
        "store + ClickHouse cores": store_cores, "ClickHouse disk, TB": rows / 1e12,
        "ClickHouse nodes": shards * machines.store_replicas,
        "findings, messages/s in one partition": rate * measured.messages.get("findings", 0.0),
        "findings, MB/s in one partition": rate * measured.wire.get("findings", 0.0) / 1e6,
    }  # fmt: skip


def table(found: dict[int, dict[str, float]]) -> Iterator[str]:
    """As Markdown."""
    yield "| | " + " | ".join(f"{rate:,} events/s" for rate in found) + " |"
    yield "|---|" + "---:|" * len(found)
    for name in next(iter(found.values())):
        yield f"| {name} | " + " | ".join(number(one[name]) for one in found.values()) + " |"


def number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if value >= 100 else f"{value:,.2g}"


def per_event(measured: Measured) -> Iterator[str]:
    """What was measured, as Markdown."""
    yield "| of one event | |"
    yield "|---|---:|"
    for role, spent in measured.cpu.items():
        yield f"| CPU, {role} | {spent:,.1f} µs |"
    for name, size in measured.wire.items():
        if size >= 0.5:
            yield f"| `{name}` | {size:,.0f} bytes |"
    yield f"| all topics | {sum(measured.wire.values()):,.0f} bytes |"
    yield f"| all tables | {measured.stored:,.0f} bytes |"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, help="what `python -m benchmarks.throughput --json` printed")
    parser.add_argument("--rates", default="10000,100000,1000000", help="events a second, with commas")
    parser.add_argument("--replication", type=int, default=Machines.replication, help="copies in Kafka")
    parser.add_argument("--retention-days", type=float, default=Machines.retention_days, help="days in ClickHouse")
    parser.add_argument("--utilisation", type=float, default=Machines.utilisation, help="share of cores, network, disk")
    parser.add_argument("--node-cores", type=int, default=Machines.cores, help="cores of a broker or ClickHouse node")
    parser.add_argument("--node-gbit", type=float, default=Machines.gbit, help="network of a broker, Gbit/s")
    parser.add_argument("--node-disk-tb", type=float, default=Machines.disk_tb, help="disk of a node, TB")
    parser.add_argument("--store-replicas", type=int, default=Machines.store_replicas, help="copies in ClickHouse")
    parser.add_argument("--page", type=Path, help="write the tables into this page instead of printing them")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    given = parser.parse_args(arguments)
    measured = loaded(given.result)
    machines = Machines(
        given.utilisation, given.replication, given.retention_days, given.node_cores, given.node_gbit,
        given.node_disk_tb, given.store_replicas,
    )  # fmt: skip
    found = {rate: needs(measured, rate, machines) for rate in map(int, given.rates.split(","))}
    if given.json:
        print(json.dumps(found))
        return
    text = "\n".join([*per_event(measured), "", *table(found), *too_many(found)])
    if given.page is None:
        print(text)
        return
    page = given.page.read_text()
    begins = BEGIN.search(page)
    if begins is None or END not in page[begins.end() :]:
        raise SystemExit(
            f"{given.page}: expected a line `<!-- tables: python -m benchmarks.scaling … -->` and `{END}`, "
            "between which the tables go"
        )
    after = page[page.index(END, begins.end()) :]
    given.page.write_text(f"{page[: begins.end()]}\n\n{text}\n\n{after}")


def too_many(found: dict[int, dict[str, float]]) -> Iterator[str]:
    """What is told of rates that one installation cannot take."""
    for rate, one in found.items():
        if one["partitions"] > MOST_PARTITIONS:
            yield ""
            yield f"{rate:,} events/s want more partitions than {MOST_PARTITIONS}: several installations."


def loaded(file: Path) -> Measured:
    """Raises SystemExit, with what to do about it, when the file is no such result."""
    try:
        result = json.loads(file.read_text())
        measured = Measured.of(result)
    except OSError as error:
        raise SystemExit(f"{file}: {error.strerror}: make it with `python -m benchmarks.throughput --json`") from error
    except (ValueError, KeyError, StopIteration, TypeError) as error:
        raise SystemExit(
            f"{file}: this is not what `python -m benchmarks.throughput --json` prints (three processes): {error!r}"
        ) from error
    check = result["check"]
    if check["wrong"] or check["entries"] != check["expected"]:
        raise SystemExit(f"{file}: the answer of that run was wrong, so its figures count for nothing")
    return measured


if __name__ == "__main__":
    main()
