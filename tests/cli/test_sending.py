"""`whodid send` of buckets and queues, from the command line to the topics; and what it refuses."""

import gzip
import json
import uuid
from functools import partial

import boto3
import moto
import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app, register
from pipeline.kit.broker import EmbeddedBroker
from pipeline.kit.config import Settings
from pipeline.sources.follow import Follower
from tests.sources.kafka import messages

PROMPT = b'{"kind": "prompt", "n": 1}'


@pytest.fixture(scope="module")
def embedded():
    with EmbeddedBroker.start() as running:
        yield running


@pytest.fixture
def settings(embedded, tmp_path, monkeypatch):
    made = Settings(bootstrap=embedded.bootstrap, prefix=f"s{uuid.uuid4().hex[:8]}-", data_dir=tmp_path / "data")
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("pipeline.sources.s3.WAIT", 0)
    with moto.mock_aws():
        boto3.client("s3").create_bucket(Bucket="trails")
        boto3.client("s3").put_object(Bucket="trails", Key="a/1.json", Body=PROMPT)
        yield boto3.client("sqs").create_queue(QueueName="trail")["QueueUrl"]


def send(*arguments):
    register()
    return CliRunner().invoke(app, ["send", *arguments])


def test_a_bucket_is_sent_and_what_was_is_left_out_the_next_time(settings, aws):
    first, second = (send("s3://trails/a/", "--summary", "json") for _ in range(2))
    assert (first.exit_code, second.exit_code, first.stderr) == (0, 0, "")
    wanted = {"records": 1, "sent": 1, "rejected": 0, "objects": 1, "before": 0}
    assert {**json.loads(first.stdout), "seconds": 0} == {**wanted, "seconds": 0}
    assert json.loads(second.stdout)["before"] == 1
    assert "without that file they are sent again" in second.stderr
    assert messages(settings, "prompts") == [("", PROMPT)]


def test_a_queue_is_worked_off_and_what_is_at_fault_is_told(settings, aws):
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "trails"}, "object": {"key": "a/1.json"}}}
    for body in (json.dumps({"Records": [record]}), "hello"):
        boto3.client("sqs").send_message(QueueUrl=aws, MessageBody=body)
    done = send("--queue", aws, "--until-idle", "0", "--topic", "tool-calls", "--format", "canonical")
    assert done.exit_code == 1
    assert "1 records read, 1 acknowledged" in done.stdout
    assert "1 messages done, 1 messages given back" in done.stdout
    assert "whodid: message " in done.stderr
    assert messages(settings, "tool-calls") == [("canonical", PROMPT)]


def test_files_are_followed_and_what_is_not_there_yet_is_told(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.cli.sending.Follower", partial(Follower, settle=0))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_bytes(PROMPT + b"\n" + PROMPT[:9])
    (tmp_path / "logs" / "b.gz").write_bytes(gzip.compress(PROMPT))
    kept = tmp_path / "logs" / "checkpoint.json"
    paths = [str(tmp_path / "logs"), str(tmp_path / "later")]
    done = send("--follow", *paths, "--until-idle", "0", "--checkpoint", str(kept), "--summary", "json")
    assert done.exit_code == 0
    assert done.stderr == f"whodid: {paths[1]}: is not there yet, and is waited for\n"
    wanted = {"records": 2, "sent": 2, "rejected": 0, "unfinished": 9, "seconds": 0}
    assert {**json.loads(done.stdout), "seconds": 0} == wanted
    assert messages(settings, "prompts") == [("", PROMPT)] * 2
    assert kept.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "expected at least one, or --queue"), (["x", "--queue", "https://q.example.com"], "without FILE…"),
        (["x", "s3://y/z"], "either files or s3://"), (["--follow", "s3://y/z"], "--queue tells what is new"),
        (["--follow", "-"], "standard input"), (["x", "--until-idle", "3"], "--until-idle: goes with --follow and"),
        (["x", "--checkpoint", "c"], "--checkpoint: goes with --follow and s3://"),
        (["--queue", "trail"], "URL of an SQS queue"), (["--follow", "x", "--topic", "y"], "--topic: expected one of"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told(arguments, told):
    done = send(*arguments)
    assert told in done.stderr + str(done.exception)
    assert done.exit_code != 0
