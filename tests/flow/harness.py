"""The pipeline as users run it: `whodid run` in processes of its own, against a real broker and a store on disk."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import msgspec
from confluent_kafka import Producer

from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import MockBroker
from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.topics import full_name
from pipeline.store import connect

#: A process that does not end by itself within this has hung.
PATIENCE = 240
WHOLE = [["normalize", "correlate", "store"]]


def settings_for(broker, home, **more):
    """Settings of one installation: its own topics on the shared broker, its own store."""
    # The mock cluster lets a group wait three seconds before its first member may start.
    timeout = 6 if isinstance(broker, MockBroker) else 2
    return Settings(
        bootstrap=broker.bootstrap, prefix=f"t{uuid.uuid4().hex[:8]}-", data_dir=home, session_timeout=timeout,
        clickhouse=f"chdb://{home}/store", hash_key="0123456789abcdef", **more,
    )  # fmt: skip


def send(settings, messages):
    """Messages (topic, format, bytes[, partition]) into the public topics."""
    ensure_topics(settings)
    producer = Producer({**producer_config(settings), "message.max.bytes": 30_000_000})
    for n, (topic, name, value) in enumerate(messages):
        headers = {"format": name} if name else {}
        producer.produce(full_name(settings, topic), value, headers=headers, partition=n % settings.partitions)
        if n % 500 == 0:
            producer.poll(0)
    producer.flush()


def environment(settings):
    values = settings.environment()
    return {**os.environ, **values}


@contextmanager
def running(settings, roles, idle=None):
    """One process of `whodid run`, killed if it is still there at the end."""
    command = [sys.executable, "-m", "pipeline", "run", *roles, "--summary", "json"]
    command += ["--until-idle", str(idle)] if idle else []
    child = subprocess.Popen(command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def drain(settings, shape=None, idle=5):
    """Run roles until nothing comes any more; returns counters of all processes."""
    counts = {}
    shape = shape or WHOLE
    children = []
    for roles in shape:
        command = [sys.executable, "-m", "pipeline", "run", *roles, "--summary", "json", "--until-idle", str(idle)]
        children.append(
            subprocess.Popen(command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        )
    for child in children:
        try:
            out, err = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
        assert child.returncode == 0, err.decode()[-4000:]
        counts |= json.loads(out.splitlines()[-1])["counts"]
    return counts


def kill(child):
    """As the kernel's out-of-memory killer would."""
    child.send_signal(signal.SIGKILL)
    child.communicate()


def timeline(settings):
    """Current rows by event id, without their revision numbers."""
    with connect(settings) as store:
        return rows(store)


def rows(store):
    found = {}
    for line in store.rows("SELECT * EXCEPT (revision, is_deleted) FROM entries FINAL"):
        row = json.loads(msgspec.json.encode(line, enc_hook=str))
        found[row[0]] = row
    return found


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)
