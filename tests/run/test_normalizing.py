"""Records of a large log are normalized beside this process, and it makes no difference but for the time."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import active_children

import msgspec
import pytest

from benchmarks.load import Load
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.run.normalizing import PART, Normalizing
from schemas.rejected import Record

SETTINGS = Settings(hash_key="0123456789abcdef")


def records(amount: int) -> Iterator[Record]:
    for number, (topic, form, value) in enumerate(Load(amount)):
        yield Record(value if number % 97 else b"no JSON", form, topic, 0, number)


def told(normalizing: Normalizing, amount: int) -> list[object]:
    """What became of the records; when a dead letter was made is left out."""
    with normalizing:
        found = list(normalizing.strand(records(amount)))
    for one in found:
        if one.rejected is not None:
            one.rejected.time = 0
    return [msgspec.msgpack.decode(msgspec.msgpack.encode(one)) for one in found]


def test_other_processes_say_the_same_in_the_same_order() -> None:
    amount = 4 * PART + 7
    here = told(Normalizing(SETTINGS, 0), amount)
    assert len(here) == amount
    assert told(Normalizing(SETTINGS, 2), amount) == here


def test_a_small_log_begins_no_process() -> None:
    with Normalizing(SETTINGS, 2) as normalizing:
        assert len(list(normalizing.strand(records(PART)))) == PART
        assert not active_children()


def test_a_process_that_was_ended_is_told_of_and_leaves_none() -> None:
    with Normalizing(SETTINGS, 1) as normalizing:
        strand = normalizing.strand(records(20 * PART))
        list(itertools.islice(strand, PART + 1))
        for child in active_children():
            child.kill()
        with pytest.raises(Permanent, match="a process that normalizes was ended"):
            list(strand)
    assert not active_children()


def test_what_is_beside_a_process_that_was_killed_does_not_stay(tmp_path) -> None:
    code = (
        "import json, sys\nfrom multiprocessing import active_children\n"
        "from tests.run.test_normalizing import SETTINGS, records\n"
        "from pipeline.run.normalizing import PART, Normalizing\n"
        "if __name__ == '__main__':\n"
        "    strand = Normalizing(SETTINGS, 1).strand(records(3 * PART))\n"
        "    [next(strand) for _ in range(PART + 1)]\n"
        "    print(json.dumps([one.pid for one in active_children()]), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        children = json.loads(parent.stdout.readline())
        assert children
        parent.send_signal(signal.SIGKILL)
        until = time.monotonic() + 20
        while any(map(is_alive, children)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(is_alive, children))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
