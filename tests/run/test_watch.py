"""What is written reaches the topics, and a broker that is away costs nothing."""

import json
import uuid

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app, register
from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import EmbeddedBroker
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.run.watch import Watch
from pipeline.sources.delivery import Delivery
from schemas.rejected import Record
from tests.sources.kafka import messages

register()


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker.start() as running:
        yield running


@pytest.fixture
def settings(broker, tmp_path):
    made = Settings(bootstrap=broker.bootstrap, prefix=f"w{uuid.uuid4().hex[:8]}-", data_dir=tmp_path)
    ensure_topics(made)
    return made


def test_the_command_sends_once_what_is_there(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("WHODID_PREFIX", settings.prefix)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.log").write_text('{"a": 1}\n{"a": 2}\n')
    words = ["watch", str(tmp_path / "log"), "--once", "--topic", "prompts", "--summary", "json"]
    words += ["--bootstrap", settings.bootstrap, "--data-dir", str(tmp_path)]
    counts = []
    for _ in range(2):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        counts.append(json.loads(done.stdout)["sent"])
    assert counts == [2, 0]
    assert sorted(messages(settings, "prompts")) == [("", b'{"a": 1}'), ("", b'{"a": 2}')]


class Scripted:
    """Delivers one record, breaks off the first time, and is away the second."""

    def __init__(self):
        self.faults, self.waiting, self.polls, self.done = [], False, 0, []

    def poll(self):
        self.polls += 1
        if self.polls == 2:
            raise Transient("store: away")
        if self.done:
            return

        def records():
            yield Record(b'{"n": 1}')
            if self.polls == 1:
                raise Transient("store: cut off")

        broken = [(Record(b"bytes", "", "object"), "object: gzip is damaged")]
        yield Delivery(records(), lambda: self.done.append(self.polls), broken)

    def close(self):
        pass


def test_nothing_is_acknowledged_before_all_of_it_has_arrived(settings):
    told, source = [], Scripted()
    watch = Watch(settings, source, "prompts", told.append)
    with pytest.raises(Transient):
        watch.once()
    assert source.done == []
    with pytest.raises(Transient):
        watch.once()
    assert watch.once()
    assert source.done == [3]
    assert {value for _, value in messages(settings, "prompts")} == {b'{"n": 1}'}
    assert len(messages(settings, "dead-letters")) == 1
    assert (watch.records, watch.sent, watch.rejected) == (2, 2, 1)
