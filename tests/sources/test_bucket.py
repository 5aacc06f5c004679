"""A bucket's objects and a queue's notifications, against moto."""

import gzip
import json

import boto3
import msgspec
import pytest
from moto import mock_aws

from pipeline.kit.failures import Invalid
from pipeline.sources.bucket import Listed, Queue
from pipeline.sources.checkpoint import Checkpoint
from pipeline.sources.notices import objects_in
from pipeline.sources.objects import Found, S3Objects

BODY = gzip.compress(b'{"Records":[{"a":1},{"a":2}]}')
NOTICE = {
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": "trails"}, "object": {"key": "a+b/%C3%BC.gz", "eTag": "e"}},
}
DIRECT = json.dumps({"Records": [NOTICE]})
BRIDGE = json.dumps(
    {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "trails"}, "object": {"key": "a b/ü.gz", "etag": "e"}},
    }
)


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="trails")
        yield client


@pytest.fixture
def queue(s3):
    return boto3.client("sqs").create_queue(QueueName="new")["QueueUrl"]


def poll(source):
    found, broken = [], []
    for delivery in source.poll():
        found += [record.value for record in delivery.records]
        broken += delivery.broken
        delivery.acknowledged()
    return found, broken


@pytest.mark.parametrize(
    "body", [DIRECT, BRIDGE, json.dumps({"Type": "Notification", "Message": DIRECT})], ids=["s3", "bridge", "sns"]
)
def test_a_notification_names_its_objects(body):
    assert objects_in(body) == [Found("trails", "a b/ü.gz", "e")]


@pytest.mark.parametrize("body", ['{"Event": "s3:TestEvent"}', DIRECT.replace("Created:Put", "Removed:Delete")])
def test_what_makes_no_object_names_none(body):
    assert objects_in(body) == []


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"Records": [1]}', '{"Records": [{"eventName": "ObjectCreated"}]}'])
def test_what_is_no_notification_is_refused(body):
    if body.endswith('"}]}'):
        body = body.replace("ObjectCreated", "ObjectCreated:Put")
    with pytest.raises(Invalid):
        objects_in(body)


def test_an_object_is_read_once_until_its_bytes_change(s3, tmp_path):
    s3.put_object(Bucket="trails", Key="p/1.gz", Body=BODY)
    s3.put_object(Bucket="trails", Key="q/2.gz", Body=BODY)
    source = Listed("s3://trails/p/", S3Objects(), Checkpoint(tmp_path / "c.db", "s3://trails/p/"))
    assert poll(source) == ([b'{"a":1}', b'{"a":2}'], [])
    assert poll(source) == ([], [])
    s3.put_object(Bucket="trails", Key="p/1.gz", Body=b'{"a":3}')
    assert poll(source) == ([b'{"a":3}'], [])
    source.close()


def test_a_message_is_deleted_once_all_is_acknowledged(s3, queue):
    sqs = boto3.client("sqs")
    s3.put_object(Bucket="trails", Key="a b/ü.gz", Body=BODY)
    sqs.send_message(QueueUrl=queue, MessageBody=DIRECT)
    source = Queue(queue, S3Objects())
    delivery = next(source.poll())
    assert len(list(delivery.records)) == 2

    def left():
        told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        return told["ApproximateNumberOfMessagesNotVisible"]

    assert left() == "1"
    delivery.acknowledged()
    assert left() == "0"


def test_what_cannot_be_read_becomes_a_dead_letter_and_what_is_gone_is_told(s3, queue, monkeypatch):
    monkeypatch.setattr("pipeline.sources.bucket.WAIT", 0)
    sqs = boto3.client("sqs")
    s3.put_object(Bucket="trails", Key="a b/ü.gz", Body=b"\x1f\x8b" + b"x" * 20)
    for body in (DIRECT, DIRECT.replace("a+b", "gone"), "no JSON"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    source = Queue(queue, S3Objects())
    found, broken = poll(source)
    assert found == []
    assert {record.value for record, _ in broken} == {b"\x1f\x8b" + b"x" * 20, b"no JSON"}
    assert [fault for fault in source.faults if "gone/" in fault]
    assert msgspec.json.encode(sqs.receive_message(QueueUrl=queue).get("Messages", [])) == b"[]"
