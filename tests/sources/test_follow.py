"""What is written to files arrives once, over rotations and restarts, and nothing is lost."""

import errno
import gzip
import json
import os
import shutil

import msgspec
import pytest

from pipeline.sources import handles
from pipeline.sources.checkpoint import Checkpoint, State
from pipeline.sources.follow import LINGER, SETTLE, Follower

LONG = "x" * 1100


def lines(*numbers, pad=LONG):
    return b"".join(json.dumps({"n": n, "pad": pad}).encode() + b"\n" for n in numbers)


def write(path, data, how="ab"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(how) as file:
        file.write(data)


class Following:
    """A follower with a clock of its own. `again` is another process that goes on from what was saved."""

    def __init__(self, *paths, state=None):
        self.now = 0.0
        self._paths = [str(path) for path in paths]
        self._begin(state or State())

    def _begin(self, state):
        kept = msgspec.json.decode(msgspec.json.encode(state), type=State)
        self.follower = Follower(self._paths, kept, clock=lambda: self.now)

    def look(self, after=1.0):
        self.now += after
        return [record for batch in self.follower.look() for record in batch]

    def numbers(self, looks=1, after=1.0):
        values = [msgspec.json.decode(record.value) for _ in range(looks) for record in self.look(after)]
        return [value["n"] for value in values]

    def all(self):
        """Until nothing is to be waited for."""
        return self.numbers(4)

    def again(self):
        state = self.follower.state
        self.follower.close()
        self._begin(state)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "app.log"


@pytest.fixture(params=["running", "restarted"])
def interrupted(request):
    """Whether the follower goes on, or another one does."""
    return lambda following: following.again() if request.param == "restarted" else None


def test_lines_come_as_they_are_written_and_a_partial_one_waits(log, interrupted):
    following = Following(log.parent)
    assert following.numbers() == []
    write(log, lines(1, 2) + b'{"n": 3')
    assert following.numbers() == [1, 2]
    assert following.numbers(5) == []
    assert following.follower.unfinished == len(b'{"n": 3')
    interrupted(following)
    write(log, b"}\n" + lines(4))
    assert following.numbers(2) == [3, 4]
    assert following.all() == []


def test_records_are_numbered_by_the_offset_of_their_line(log):
    write(log, b'{"n": 1}\n\n{"n": 2}\n')
    following = Following(log.parent)
    assert [(record.topic, record.offset) for record in following.look()] == [(str(log), 0), (str(log), 10)]


@pytest.mark.parametrize("named", ["file", "directory"])
def test_a_file_that_is_renamed_is_read_to_its_end(log, interrupted, named):
    write(log, lines(1, 2))
    following = Following(log if named == "file" else log.parent)
    assert following.numbers() == [1, 2]
    write(log, lines(3))
    log.rename(log.with_name("app.log.1"))
    write(log, lines(4))
    interrupted(following)
    assert sorted(following.numbers()) == [3, 4]
    write(log.with_name("app.log.1"), lines(5))
    write(log, lines(6))
    assert sorted(following.all()) == [5, 6]


def test_what_is_written_after_a_file_went_elsewhere_is_read_as_long_as_somebody_writes(log, tmp_path):
    write(log, lines(1))
    following = Following(log.parent)
    assert following.numbers() == [1]
    with log.open("ab", buffering=0) as writer:
        log.rename(tmp_path / "elsewhere")
        writer.write(lines(2))
        assert following.numbers() == [2]
        writer.write(lines(3) + b'{"n": 4}')
        assert following.numbers() == [3]
        assert following.numbers(after=LINGER + 1) == [4]
    assert following.follower.state.places == []
    assert len(following.follower.state.past) == 1


@pytest.mark.parametrize("named", ["file", "directory"])
def test_a_file_that_is_copied_and_cut_off_is_not_sent_again(log, interrupted, named):
    write(log, lines(1, 2))
    following = Following(log if named == "file" else log.parent)
    assert following.numbers() == [1, 2]
    write(log, lines(3))
    shutil.copy(log, log.with_name("app.log.1"))
    os.truncate(log, 0)
    interrupted(following)
    assert following.all() == [3]
    write(log, lines(4))
    assert following.all() == [4]


def test_a_file_that_is_cut_off_and_has_grown_beyond_its_place_is_read_anew(log, interrupted):
    write(log, lines(1))
    following = Following(log.parent)
    assert following.numbers() == [1]
    interrupted(following)
    write(log, lines(2, 3), "wb")
    assert following.all() == [2, 3]


@pytest.mark.parametrize("named", ["file", "directory"])
@pytest.mark.parametrize("unsent", [[], [3, 4]])
def test_of_a_compressed_rotation_only_what_was_not_sent_is(log, interrupted, named, unsent):
    write(log, lines(1, 2))
    following = Following(log if named == "file" else log.parent)
    assert following.numbers() == [1, 2]
    write(log, lines(*unsent))
    packed = log.with_name("app.log.1.gz")
    write(packed, gzip.compress(log.read_bytes()))
    following.again()
    log.unlink()
    assert following.all() == unsent
    interrupted(following)
    packed.rename(log.with_name("app.log.2.gz"))
    assert following.all() == []


def test_short_files_that_begin_alike_are_sent_but_for_the_bytes_they_share(log):
    following = Following(log.parent)
    write(log, lines(1, 2, pad=""))
    write(log.with_name("other.log"), lines(1, 3, pad=""))
    assert following.all() == [1, 2, 1, 3]
    write(log.with_name("third.log"), lines(1, 2, 4, pad=""))
    assert following.all() == [4]


def test_files_that_nobody_asked_for_are_left_alone(log):
    write(log, lines(1))
    write(log.with_name("app.log.old"), lines(7))
    write(log.with_name("app.logs"), lines(8))
    write(log.with_name(".hidden"), lines(9))
    assert Following(log).all() == [1]
    assert sorted(Following(log.parent).all()) == [1, 7, 8]


def test_its_own_checkpoint_is_no_log(log):
    write(log, lines(1))
    kept = Checkpoint(log.with_name("kept.json"))
    now = [0.0]
    follower = Follower([str(log.parent)], State(), own=str(kept.path), clock=lambda: now[0])
    got = []
    for _ in range(6):
        now[0] += 1
        got += [record.topic for batch in follower.look() for record in batch]
        kept.save(follower.state)
    follower.close()
    assert got == [str(log)]


def test_gzip_and_documents_over_several_lines_are_read_when_they_are_complete(log, interrupted):
    following = Following(log.parent)
    packed = gzip.compress(b"".join(lines(1, 2)[at : at + 1] for at in range(len(lines(1, 2)))))
    document = json.dumps([{"n": 3}, {"n": 4}], indent=1).encode()
    envelope = json.dumps({"Records": [{"n": 5}, {"n": 6}]}).encode()
    for name, data in (("a.gz", packed), ("b.json", document), ("c.json", envelope)):
        write(log.with_name(name), data[:20])
    assert following.numbers() == []
    for name, data in (("a.gz", packed), ("b.json", document), ("c.json", envelope)):
        write(log.with_name(name), data[20:])
    assert following.numbers() == []
    assert following.follower.busy
    interrupted(following)
    assert sorted(following.all()) == [1, 2, 3, 4, 5, 6]
    assert following.all() == []
    assert following.follower.faults == []


def test_a_truncated_gzip_is_told_once_and_read_again_when_it_changes(log):
    packed = gzip.compress(os.urandom(100_000).hex().encode() + b"\n" + lines(1))
    path = log.with_name("a.gz")
    write(path, packed[:-3000])
    following = Following(log.parent)
    assert len([record for _ in range(4) for record in following.look()]) == 1
    assert len(following.follower.faults) == 1
    assert "gzip ends early" in following.follower.faults[0]
    write(path, packed[-3000:])
    assert [len(record.value) for _ in range(4) for record in following.look()] == [200_000, len(lines(1)) - 1]
    assert len(following.follower.faults) == 1


def test_a_directory_may_come_later_and_files_may_go(log):
    following = Following(log.parent)
    assert following.all() == []
    write(log, lines(1))
    write(log.parent / "deeper" / "b", lines(2))
    assert sorted(following.all()) == [1, 2]
    shutil.rmtree(log.parent)
    assert following.numbers(5, after=LINGER) == []
    write(log, lines(1, 3))
    assert following.all() == [3]


def test_files_are_known_again_when_their_file_system_got_another_number(log, monkeypatch):
    monkeypatch.setattr("pipeline.sources.follow.KEPT", 1)
    for number in range(5):
        write(log.with_name(f"{number}.log"), lines(number))
    write(log.with_name("a.gz"), gzip.compress(lines(5)))
    following = Following(log.parent)
    assert sorted(following.all()) == list(range(6))
    state = following.follower.state
    for place in state.places:
        place.device += 1
    write(log.with_name("0.log"), lines(6))
    write(log.with_name("1.log"), lines(7), "wb")
    assert sorted(Following(log.parent, state=state).all()) == [6, 7]


def test_one_file_under_two_names_is_sent_once(log):
    write(log, lines(1))
    log.with_name("current").symlink_to(log)
    os.link(log, log.with_name("linked"))
    assert Following(log.parent).all() == [1]


def test_whoever_dies_between_two_batches_loses_nothing(log):
    write(log, lines(*range(2000)))
    write(log.with_name("b.gz"), gzip.compress(lines(*range(2000, 4000))))
    got, state, deaths = set(), State(), 0
    for life in range(1, 40):
        following, left = Following(log.parent, state=state), life
        for _ in range(4):
            following.now += 1
            batches = following.follower.look()
            for batch in batches:
                got |= {msgspec.json.decode(record.value)["n"] for record in batch}
                left -= 1
                if not left:
                    break
                # What is saved is from before the batch, as if the process died before its acknowledgement.
                state = msgspec.json.decode(msgspec.json.encode(following.follower.state), type=State)
            if not left:
                break
        deaths += not left
        batches.close()
        following.follower.close()
    assert got == set(range(4000))
    assert deaths > 5
    assert left > 0


def test_a_last_line_that_is_a_whole_value_is_not_held_back_for_ever(log):
    write(log, b'{"n": 1}\n{"n": 2}')
    following = Following(log.parent)
    assert following.numbers() == [1]
    assert following.numbers(2, after=SETTLE) == [2]
    write(log, b'\n{"n": 3}\n')
    assert following.all() == [3]


def test_a_file_that_may_not_be_read_is_told_once_and_read_when_it_may(log, monkeypatch):
    write(log, lines(1))
    following = Following(log.parent)
    with monkeypatch.context() as patch:
        patch.setattr(handles.os, "open", _refused)
        assert following.all() == []
    assert following.follower.faults == [f"{log}: Permission denied"]
    assert following.all() == [1]


def _refused(*_):
    raise PermissionError(errno.EACCES, "Permission denied")
