"""Whatever is done to a log, in whatever order, each line arrives; and once, unless the follower was killed."""

import gzip
import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.checkpoint import State
from pipeline.sources.follow import Follower

STEPS = ("write", "write long", "begin", "rename", "copy and cut", "compress", "look", "wait", "restart", "kill")


class Log:
    """A log and whoever writes, rotates and follows it."""

    def __init__(self, folder):
        self._log = Path(folder) / "app.log"
        self._log.touch()
        self._written = self._rotations = 0
        self._begun = b""
        self._now = 0.0
        self.got = Counter()
        self._saved = State()
        self._follower = self._following()

    def step(self, name):
        getattr(self, f"_{name.replace(' ', '_')}")()

    def end(self):
        """What was written in all, once nothing is to be waited for."""
        self._write()
        for _ in range(5):
            self._wait()
        assert not self._follower.busy
        assert self._follower.faults == []
        self._follower.close()
        return set(range(1, self._written + 1))

    def _following(self):
        kept = msgspec.json.decode(msgspec.json.encode(self._saved), type=State)
        return Follower([str(self._log.parent)], kept, clock=lambda: self._now)

    def _append(self, data):
        with self._log.open("ab") as file:
            file.write(data)

    def _line(self, pad=0):
        self._written += 1
        return json.dumps({"n": self._written, "pad": "x" * pad}).encode() + b"\n"

    def _write(self):
        self._append((self._begun or self._line()) + self._line())
        self._begun = b""

    def _write_long(self):
        self._append(self._begun + self._line(3000))
        self._begun = b""

    def _begin(self):
        if not self._begun:
            whole = self._line()
            self._append(whole[:7])
            self._begun = whole[7:]

    def _rename(self):
        self._finish()
        self._rotations += 1
        self._log.rename(self._log.with_name(f"app.log.{self._rotations}"))
        self._log.touch()

    def _copy_and_cut(self):
        self._finish()
        self._rotations += 1
        shutil.copy(self._log, self._log.with_name(f"app.log.{self._rotations}"))
        os.truncate(self._log, 0)

    def _compress(self):
        self._finish()
        for path in self._log.parent.glob("app.log.*[0-9]"):
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()

    def _finish(self):
        self._append(self._begun)
        self._begun = b""

    def _look(self):
        self._now += 1
        for batch in self._follower.look():
            self.got.update(json.loads(record.value)["n"] for record in batch)
        self._saved = self._follower.state

    def _wait(self):
        self._now += 3
        self._look()

    def _restart(self):
        self._look()
        self._follower.close()
        self._follower = self._following()

    def _kill(self):
        """In the middle of a look: some was sent, nothing was noted."""
        self._saved = msgspec.json.decode(msgspec.json.encode(self._saved), type=State)
        for batch in self._follower.look():
            self.got.update(json.loads(record.value)["n"] for record in batch)
            break
        self._follower.close()
        self._follower = self._following()


@given(steps=st.lists(st.sampled_from(STEPS), max_size=25))
@settings(max_examples=150, deadline=None)
def test_each_line_arrives(steps):
    with tempfile.TemporaryDirectory() as folder:
        log = Log(folder)
        for step in steps:
            log.step(step)
        written = log.end()
        assert set(log.got) == written
        if "kill" not in steps:
            assert set(log.got.values()) == {1}
