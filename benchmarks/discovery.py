"""How soon something new is seen: seconds from the first event of a credential, an agent, a session to the inventory.

    python -m benchmarks.discovery [--count N] [--bootstrap HOST:PORT] [--json]

One new credential and one new agent with a session a second, in a pipeline that has nothing else to do (a quiet stream
is the harder case: event time hardly moves). Event times are now. The whole way is measured: broker, normalizer, both
hops, store, a query of the inventory every 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.rig import rig
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.ending import Ending
from pipeline.run.store import StoreRole

TABLES = {"credential": "credentials", "agent": "identities", "session": "sessions"}
LOOK, PATIENCE = 0.05, 30.0


def events(number: int) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """(topic, record, name by what it is) of one call with a key of its own and one turn of an agent of its own."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    key, agent, session = f"AKIA{number:016X}", f"agent-{number}", f"conversation-{number}"
    call = {
        "eventVersion": "1.11", "eventID": str(uuid.uuid4()), "eventTime": stamp, "eventName": "GetObject",
        "eventSource": "s3.amazonaws.com", "sourceIPAddress": "192.0.2.1",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/worker", "accessKeyId": key},
    }  # fmt: skip
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": agent, "gen_ai.conversation.id": session}
    turn = {"resource": {}, "span": {
        "traceId": uuid.uuid4().hex, "spanId": uuid.uuid4().hex[:16], "name": "invoke_agent",
        "startTimeUnixNano": str(int(now * 1e9)), "endTimeUnixNano": str(int(now * 1e9) + 1_000_000),
        "attributes": [{"key": name, "value": {"stringValue": value}} for name, value in attributes.items()],
    }}  # fmt: skip
    return [
        ("cloud-audit", call, {"credential": f"aws:{key}"}),
        ("prompts", turn, {"agent": agent, "session": session}),
    ]


def measure(settings: Settings, home: Path, count: int) -> dict[str, list[float]]:
    """Seconds until each was seen, by what it is."""
    environment = {
        **os.environ, "WHODID_BOOTSTRAP": settings.bootstrap, "WHODID_PREFIX": settings.prefix,
        "WHODID_DATA_DIR": str(home), "WHODID_SESSION_TIMEOUT": "2",
    }  # fmt: skip
    worker = subprocess.Popen([sys.executable, "-m", "pipeline", "run", "normalize", "correlate"], env=environment)
    stop = threading.Event()
    role = StoreRole(settings, Metrics())
    thread = threading.Thread(target=role.run, args=(Ending(stop),))
    thread.start()
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    sent: dict[tuple[str, str], float] = {}
    took: dict[str, list[float]] = {what: [] for what in TABLES}
    try:
        # The first one comes when everything has started, and does not count.
        for number in range(count + 1):
            begun = time.monotonic()
            for topic, record, names in events(number):
                producer.produce(full_name(settings, topic), json.dumps(record).encode())
                sent |= {(what, name): time.monotonic() for what, name in names.items()}
            producer.flush()
            deadline = time.monotonic() + (120.0 if number == 0 else 0.0)
            while sent and (time.monotonic() < max(deadline, begun + 1) or number == count):
                _look(role, sent, took)
                if number == count and time.monotonic() > begun + PATIENCE:
                    break
                time.sleep(LOOK)
            if number == 0:
                took = {what: [] for what in TABLES}
    finally:
        stop.set()
        worker.terminate()
        worker.wait()
        thread.join()
        role.store.close()
    for what, _ in sent:
        took[what].append(float("inf"))
    return took


def _look(role: StoreRole, sent: dict[tuple[str, str], float], took: dict[str, list[float]]) -> None:
    for what, table in TABLES.items():
        wanted = [name for kind, name in sent if kind == what]
        found = role.store.rows(f"SELECT DISTINCT name FROM {table} WHERE name IN {{names:Array(String)}}",
                                {"names": wanted})  # fmt: skip
        for (name,) in found:
            took[what].append(time.monotonic() - sent.pop((what, name)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="of each (default 20)")
    parser.add_argument("--bootstrap", help="a running Kafka; default: the embedded broker")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    given = parser.parse_args()
    with rig("discovery", given.bootstrap) as (settings, home):
        ensure_topics(settings)
        took = measure(settings, home, given.count)
    result = {what: {"n": len(found), "median": round(statistics.median(found), 2), "most": round(max(found), 2)}
              for what, found in took.items()}  # fmt: skip
    if given.json:
        print(json.dumps(result))
        return
    print("seconds from a first event to the inventory")
    for what, one in result.items():
        print(f"  {what:12} median {one['median']:6.2f}   most {one['most']:6.2f}   of {one['n']}")


if __name__ == "__main__":
    main()
