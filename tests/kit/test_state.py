"""Checkpoints: all or nothing, in order, cleaned, and safe from a former owner."""

import msgspec
import pytest

from pipeline.kit.failures import Permanent
from pipeline.kit.state import FORMAT, PartitionState, Segment, packed, unpacked


class Number(msgspec.Struct, array_like=True):
    value: int


class Text(msgspec.Struct, array_like=True):
    value: str


def state():
    return PartitionState({"n": Number})


def recover(segments):
    again = state()
    ignored = again.load(segments)
    return again, ignored


def test_a_state_comes_back_as_it_was_at_its_last_checkpoint():
    it = state()
    for n in range(10):
        it.put(f"n/{n}", Number(n))
    it.delete("n/3")
    it.offset = 41
    segments, _ = it.checkpoint()
    it.put("n/0", Number(99))
    again, ignored = recover(segments)
    assert again.offset == 41
    assert again.get("n/0", Number) == Number(0)
    assert again.get("n/3", Number) is None
    assert not ignored
    assert again.epoch == it.epoch + 1


def test_a_checkpoint_without_its_last_part_never_happened(monkeypatch):
    monkeypatch.setattr("pipeline.kit.state.PART_BYTES", 10)
    it = state()
    it.put("n/0", Number(0))
    it.offset = 1
    whole, _ = it.checkpoint()
    for n in range(100):
        it.put(f"n/{n}", Number(n + 1000))
    it.offset = 2
    parts, _ = it.checkpoint()
    assert len(parts) > 2
    again, ignored = recover([*whole, *parts[:-1]])
    assert again.offset == 1
    assert again.get("n/0", Number) == Number(0)
    assert len(ignored) == len(parts) - 1
    complete, _ = recover([*whole, *parts])
    assert complete.offset == 2


def test_the_changelog_stays_within_a_factor_of_the_live_state_in_bytes(monkeypatch):
    monkeypatch.setattr("pipeline.kit.state.SLACK", 64)
    it = PartitionState({"n": Number, "t": Text})
    log = {}
    # Many small values that stay, and one large that is replaced again and again.
    for n in range(1000):
        it.put(f"n/{n}", Number(n))
    for offset in range(500):
        it.put("t/0", Text("x" * 2000))
        it.put(f"n/{offset % 7}", Number(offset))
        it.put(f"n/once-{offset // 100}", Number(offset))
        it.offset = offset
        segments, dropped = it.checkpoint()
        log |= {(segment.epoch, segment.number): segment for segment in segments}
        for name in dropped:
            del log[name]
        live = sum(len(key) + len(value) for key, value in it.items())
        written = sum(len(key) + len(data or b"") for segment in log.values() for key, data in segment.changes.items())
        assert written <= 2 * (live + 8 * len(it)) + 64 + 3000
    again = PartitionState({"n": Number, "t": Text})
    again.load(log.values())
    assert list(again.items()) == list(it.items())
    assert again.offset == it.offset
    assert (again._live, again._written) == (it._live, it._written)


def test_what_a_former_owner_writes_after_its_successor_began_is_ignored():
    former = state()
    former.put("n/a", Number(1))
    former.offset = 10
    first, _ = former.checkpoint()
    successor, _ = recover(first)
    former.put("n/a", Number(666))
    former.offset = 15
    zombie, _ = former.checkpoint()
    successor.put("n/a", Number(2))
    successor.offset = 12
    real, _ = successor.checkpoint()
    again, ignored = recover([*first, *zombie, *real])
    assert again.get("n/a", Number) == Number(2)
    assert again.offset == 12
    assert ignored == [(zombie[0].epoch, zombie[0].number)]


def test_segments_survive_their_encoding():
    segment = Segment(1, 2, 3, 4, True, {"n/x": b"y", "n/z": None})
    assert unpacked(packed(segment)) == segment


def test_what_a_later_version_wrote_is_refused_and_what_an_earlier_one_did_is_not():
    assert unpacked(packed(Segment(1, 2, 3, 4, True, {}))).format == 0
    ((segment,), _) = PartitionState({}).checkpoint()
    assert segment.format == FORMAT
    segment.format += 1
    with pytest.raises(Permanent, match=f"has format {FORMAT + 1}, this whodid knows {FORMAT} at most: run the newer"):
        unpacked(packed(segment))
