"""Secrets of every kind in every text of every format, sent as users send: none is found in anything that we write."""

import json
import subprocess
import sys
from collections import defaultdict

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipeline.kit.admin import ensure_topics
from pipeline.kit.clients import producer_config
from pipeline.normalize.formats import FORMATS
from pipeline.sources import collector
from pipeline.sources.detect import topic_of
from pipeline.sources.publish import Publisher
from pipeline.store import connect
from schemas.rejected import Record
from tests.flow.harness import PATIENCE, environment
from tests.flow.receiver import receiving
from tests.flow.test_alerts import configured
from tests.normalize.common import example
from tests.normalize.test_secrets import SECRETS, leaves
from tests.normalize.test_total import changed
from tests.sources.kafka import messages

ROLES = ["normalize", "correlate", "store", "alert"]


def planted():
    """Each format's example with one secret in one text: every text, and every kind over and over."""
    kinds, number = list(SECRETS.values()), 0
    for name in FORMATS:
        for document in example(name):
            for at in leaves(document):
                template, secret = kinds[number % len(kinds)]
                number += 1
                yield name, json.dumps(changed(document, at, template.format(secret))).encode()
    token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
    yield "", f'{{"no": "json", "token": "{token}", '.encode()
    yield "", json.dumps({"of": "no format", "token": token}).encode()


def drained(settings):
    """Run everything until nothing comes any more; all that it printed."""
    command = [sys.executable, "-m", "pipeline", "run", *ROLES, "--summary", "json", "--until-idle", "3"]
    done = subprocess.run(command, env=environment(settings), capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    return done.stdout + done.stderr


def tables(settings):
    """Everything in the store as text, by table."""
    columns = """
        SELECT table, groupArray(if(type LIKE 'AggregateFunction%', concat('finalizeAggregation(`', name, '`)'),
                                    concat('`', name, '`')))
        FROM system.columns WHERE database = currentDatabase() AND default_kind != 'EPHEMERAL' AND table IN
            (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')
        GROUP BY table
    """
    with connect(settings) as store:
        return {
            table: "\n".join(row for (row,) in store.rows(f"SELECT toString(tuple({', '.join(names)})) FROM {table}"))
            for table, names in store.rows(columns)
        }


@pytest.mark.parametrize("way", ["send", "http"])
def test_no_secret_is_in_any_topic_table_log_or_alert(embedded, tmp_path, way):
    with receiving() as receiver:
        settings = configured(embedded, tmp_path / "home", receiver)
        ensure_topics(settings)
        if way == "send":
            publisher = Publisher(settings)
            for number, (name, value) in enumerate(planted()):
                publisher.send(Record(value, name, "file", 0, number), topic_of(value))
            publisher.flush()
        else:
            posted(settings)
        printed = drained(settings)
        told = json.dumps(receiver.got)
    found = tables(settings)
    assert found["entries"].count("<secret:") > 100
    assert found["records"].count("<secret:") > 100
    assert found["dead_letters"].count("<secret:") > 10
    topics = [name for name in AdminClient({"bootstrap.servers": settings.bootstrap}).list_topics().topics
              if name.startswith(settings.prefix)]  # fmt: skip
    kept = {name: b"\n".join(value or b"" for _, value in messages(settings, name.removeprefix(settings.prefix)))
            for name in topics}  # fmt: skip
    assert sum(b"<secret:" in content for content in kept.values()) >= 6
    for _, secret in SECRETS.values():
        assert secret.encode() not in printed
        assert secret not in told
        assert {name for name, content in found.items() if secret in content} == set()
        assert {name for name, content in kept.items() if secret.encode() in content} == set()


def posted(settings):
    """The same over HTTP, a request for each format and topic."""
    app = FastAPI()
    app.include_router(collector.router(settings, Producer(producer_config(settings))))
    client = TestClient(app)
    together = defaultdict(list)
    for name, value in planted():
        together[name, topic_of(value)].append(value)
    for (name, topic), values in together.items():
        headers = {"content-type": "application/x-ndjson", **({"x-whodid-format": name} if name else {})}
        answer = client.post(f"/v1/events/{topic}", content=b"\n".join(values), headers=headers)
        assert answer.status_code == (400 if not name and b'"no": "json"' in values[0] else 200), answer.text
