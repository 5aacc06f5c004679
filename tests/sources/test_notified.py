"""Whatever way S3's notifications take, they name the same objects; what is none is told."""

import json

import pytest

from pipeline.sources.notified import Strange, objects
from pipeline.sources.objects import Object

KEY = "AWSLogs/Zoë & co/red flower+1.json.gz"
MADE = {
    "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventName": "ObjectCreated:Put",
    "s3": {
        "s3SchemaVersion": "1.0", "bucket": {"name": "logs", "arn": "arn:aws:s3:::logs"},
        "object": {"key": "AWSLogs/Zo%C3%AB+%26+co/red+flower%2B1.json.gz", "size": 7, "eTag": "0123", "sequencer": "1"}
    },
}  # fmt: skip
BARE = {"Records": [MADE]}
BRIDGED = {
    "version": "0", "detail-type": "Object Created", "source": "aws.s3",
    "detail": {"bucket": {"name": "logs"}, "object": {"key": KEY, "size": 7, "etag": "0123"}, "reason": "PutObject"},
}  # fmt: skip


def through_sns(message):
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Message": json.dumps(message)}


@pytest.mark.parametrize(
    "message", [BARE, BRIDGED, through_sns(BARE), through_sns(BRIDGED), through_sns(through_sns(BARE))]
)
def test_every_wrapping_names_the_object(message):
    assert objects(json.dumps(message)) == [Object(f"s3://logs/{KEY}", "0123", 7)]


def test_cloudtrail_names_its_files_itself():
    message = {"s3Bucket": "logs", "s3ObjectKey": ["a b.json.gz", "c.json.gz"]}
    named = [Object("s3://logs/a b.json.gz"), Object("s3://logs/c.json.gz")]
    assert objects(json.dumps(through_sns(message))) == objects(json.dumps(message)) == named


@pytest.mark.parametrize(
    "message",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"},
        {"Records": [{**MADE, "eventName": "ObjectRemoved:Delete"}]}, {"Records": []},
        {**BRIDGED, "detail-type": "Object Deleted"},
    ],
)  # fmt: skip
def test_what_makes_no_object_names_none(message):
    assert objects(json.dumps(message)) == objects(json.dumps(through_sns(message))) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("hello", "malformed"), ("[]", "object"), ("{}", "expected a notification"), ('{"Records": 3}', r"\$\.Records"),
        ('{"Records": [{"eventName": "ObjectCreated:Put"}]}', "s3"), ("[" * 100_000, "object"),
        ('{"source": "aws.s3", "detail-type": "Object Created"}', "object"),
        ('{"Type": "Notification", "Message": "hi"}', "malformed"), ("\ud800", "notification"),
        (json.dumps(through_sns(through_sns(through_sns(through_sns(BARE))))), "expected a notification"),
    ],
)  # fmt: skip
def test_what_is_no_notification_is_told(body, told):
    with pytest.raises(Strange, match=told):
        objects(body)
