"""Whatever rotation does, every line is delivered, and those that were acknowledged are not delivered again."""

import gzip
import os
import shutil

import pytest

from pipeline.sources.checkpoint import Checkpoint
from pipeline.sources.follow import QUIET, Follower


class Followed:
    def __init__(self, tmp_path):
        self.folder, self.db, self.late = tmp_path / "log", tmp_path / "c.db", 0.0
        self.open()

    def open(self):
        self.follower = Follower([str(self.folder)], Checkpoint(self.db, "t"), clock=self.clock)

    def clock(self):
        newest = max((path.stat().st_mtime for path in self.folder.glob("*")), default=0.0)
        return newest + self.late

    def poll(self, acknowledge=True):
        found = []
        for delivery in self.follower.poll():
            found += [record.value for record in delivery.records]
            if acknowledge:
                delivery.acknowledged()
        return found


@pytest.fixture
def followed(tmp_path):
    made = Followed(tmp_path)
    yield made
    made.follower.close()


def lines(first, last):
    return [b'{"n": %d}' % n for n in range(first, last)]


def append(path, some):
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in some))


def test_appended_lines_come_once_also_after_a_restart(followed):
    assert followed.poll() == []
    log = followed.folder / "a.log"
    append(log, lines(0, 3))
    assert followed.poll(acknowledge=False) == lines(0, 3)
    assert followed.poll() == lines(0, 3)
    append(log, lines(3, 5))
    followed.follower.close()
    followed.open()
    assert followed.poll() == lines(3, 5)
    assert followed.poll() == []


def test_a_partial_line_waits_for_its_end(followed):
    log = followed.folder / "a.log"
    append(log, lines(0, 2))
    with log.open("ab") as file:
        file.write(b'{"n": ')
    assert followed.poll() == lines(0, 2)
    followed.late = QUIET
    assert followed.poll() == []
    with log.open("ab") as file:
        file.write(b"2}")
    assert followed.poll() == [b'{"n": 2}']


@pytest.mark.parametrize("how", ["renamed", "copied and truncated", "compressed"])
def test_rotation_loses_and_repeats_nothing(followed, how):
    log, old = followed.folder / "a.log", followed.folder / "a.log.1"
    append(log, lines(0, 2000))
    assert followed.poll() == lines(0, 2000)
    append(log, lines(2000, 2003))
    if how == "renamed":
        log.rename(old)
    elif how == "copied and truncated":
        shutil.copy(log, old)
        os.truncate(log, 0)
    else:
        (followed.folder / "a.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
    append(log, lines(5000, 5002))
    followed.late = QUIET
    assert sorted(followed.poll()) == sorted(lines(2000, 2003) + lines(5000, 5002))
    assert followed.poll() == []


def test_a_document_is_read_once_it_is_left_alone(followed):
    followed.folder.mkdir()
    (followed.folder / "trail.json.gz").write_bytes(gzip.compress(b'{"Records":[{"a":1},{"a":2}]}'))
    assert followed.poll() == []
    assert followed.follower.waiting
    followed.late = QUIET
    assert followed.poll() == [b'{"a":1}', b'{"a":2}']
    assert followed.poll() == []


def test_a_broken_archive_is_told_once_and_read_when_mended(followed):
    followed.folder.mkdir()
    path = followed.folder / "a.gz"
    whole = gzip.compress(b"\n".join(lines(0, 500)))
    path.write_bytes(whole[:60])
    followed.late = QUIET
    followed.poll()
    followed.poll()
    assert len(followed.follower.faults) == 1
    path.write_bytes(whole)
    assert followed.poll() == lines(0, 500)
