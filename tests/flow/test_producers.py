"""Who vouches for a record is beside its event in the timeline; a forged one is a dead letter with its bytes."""

import json

from confluent_kafka import Producer
from typer.testing import CliRunner

from pipeline.cli import main
from pipeline.cli.main import app
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.signing import signer
from pipeline.kit.topics import full_name
from pipeline.run.audit import Audit
from pipeline.store import connect
from tests.flow.harness import drain, settings_for
from tests.normalize.test_aws_cloudtrail import CALL

TOPIC, FORM = "cloud-audit", "aws.cloudtrail"
AUDITED = {
    "kind": "cloud_audit", "time": "2026-03-01T08:00:00Z", "action": "whodid:login",
    "actor": {"id": "ana@example.com", "kind": "human"},
    "event_id": "by-the-desk",
}  # fmt: skip


SIGNED, UNSIGNED, FORGED = (f"0000000{n}-0000-4000-8000-000000000000" for n in range(3))


def call(name):
    return json.dumps({**CALL, "eventID": name}).encode()


def producing(folder):
    """A key and a file of producers, as somebody makes them with the program."""
    main.register("producers")
    made = CliRunner().invoke(app, ["producers", "make", "trail", "-o", str(folder / "trail.pem")])
    assert made.exit_code == 0, made.output
    (folder / "producers.yaml").write_text(made.output + f"    topics: [{TOPIC}]\n")
    assert (folder / "trail.pem").stat().st_mode & 0o777 == 0o600
    return Settings(producer="trail", producer_key=folder / "trail.pem")


def test_each_row_says_who_vouches_for_it_and_a_forgery_is_none(embedded, tmp_path):
    sender = signer(producing(tmp_path))
    settings = settings_for(embedded, tmp_path, producers=tmp_path / "producers.yaml")
    ensure_topics(settings)
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    name = full_name(settings, TOPIC)
    signed, unsigned, forged = map(call, (SIGNED, UNSIGNED, FORGED))
    producer.produce(name, signed, headers=sender.headers(TOPIC, FORM, signed))
    producer.produce(name, unsigned, headers={"format": FORM})
    producer.produce(name, forged, headers=sender.headers(TOPIC, FORM, signed))
    Audit(settings, producer)(json.dumps(AUDITED).encode())
    producer.flush()
    counts = drain(settings)
    assert counts["rejected"] == 1
    with connect(settings) as store:
        vouched = dict(store.rows("SELECT event_id, toString(producer) FROM entries FINAL"))
        letters = store.rows("SELECT stage, reason, value FROM dead_letters FINAL")
    assert vouched == {SIGNED: "trail", UNSIGNED: "", "by-the-desk": "whodid/desk"}
    ((stage, reason, value),) = letters
    assert (stage, json.loads(value)["eventID"]) == ("authenticate", FORGED)
    assert reason.startswith("signature: expected one by the key that it names")
