"""This version is started on what earlier ones left in the middle of their work, and goes on with it."""

import pytest

from pipeline.kit.state import FORMAT, Segment, packed, unpacked
from pipeline.run.verify import Verification
from pipeline.store import connect
from pipeline.store.migrations import known
from tests.flow.harness import drain, rows, running, send, settings_for
from tests.flow.kept import HERE, _bytes, _text, halves, laid_out, read
from tests.flow.test_stream import investigated

RELEASES = sorted(HERE.glob("*.json.gz"))


@pytest.mark.parametrize("kept", RELEASES, ids=lambda path: path.name.removesuffix(".json.gz"))
def test_what_an_earlier_version_left_is_gone_on_with(embedded, tmp_path, kept):
    settings = settings_for(embedded, tmp_path)
    found = read(kept)
    laid_out(settings, found)
    before, after = halves()
    send(settings, after)
    counts = drain(settings)
    assert counts.get("lost_batches", 0) == 0
    with connect(settings) as store:
        assert len(store.rows("SELECT DISTINCT version FROM migrations")) == len(known())
        shown, report = rows(store), Verification(settings, store).run()
    assert (report.problems, report.pending) == ([], 0)
    assert shown == investigated(settings, [*before, *after])


def test_a_state_of_a_later_version_ends_the_worker_with_what_to_do(embedded, tmp_path):
    settings = settings_for(embedded, tmp_path)
    found = read(RELEASES[-1])
    for message in found["topics"]:
        if message[0].startswith("state-") and message[3]:
            segment = unpacked(_bytes(message[3]))
            segment.format = FORMAT + 1
            message[3] = _text(packed(Segment(*(getattr(segment, name) for name in Segment.__struct_fields__))))
    laid_out(settings, found)
    send(settings, halves()[1])
    with running(settings, ["normalize", "correlate"]) as child:
        _, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert f"this changelog has format {FORMAT + 1}, this whodid knows {FORMAT} at most" in err.decode()


def test_a_store_of_a_later_version_is_refused_with_what_to_do(embedded, tmp_path):
    settings = settings_for(embedded, tmp_path)
    with connect(settings) as store:
        store.command("INSERT INTO migrations (version, name, checksum) VALUES (9999, '9999_later.sql', 'x')")
    with running(settings, ["store"]) as child:
        _, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert "9999_later.sql" in err.decode()
    assert "newer whodid" in err.decode()
