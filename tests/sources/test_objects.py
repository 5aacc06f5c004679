"""Objects of buckets arrive once; a message is deleted when the broker has all of its objects, and not before."""

import gzip
import io
import json
from threading import Event

import boto3
import moto
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from pipeline.kit.failures import Invalid, Permanent, Transient
from pipeline.sources import received, s3
from pipeline.sources.deliver import Order
from pipeline.sources.listed import Listing
from pipeline.sources.objects import contents, of_bucket, of_queue
from pipeline.sources.received import Receiver
from pipeline.sources.sent import Sent
from pipeline.sources.streams import Unreadable
from tests.sources.test_deliver import Sink


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("pipeline.sources.s3.WAIT", 0)
    with moto.mock_aws():
        boto3.client("s3").create_bucket(Bucket="trails")
        yield


def put(key, *numbers, packed=False):
    data = b"".join(json.dumps({"kind": "prompt", "n": n}).encode() + b"\n" for n in numbers)
    boto3.client("s3").put_object(Bucket="trails", Key=key, Body=gzip.compress(data) if packed else data)


def numbers(delivered):
    return sorted(json.loads(value)["n"] for _, value in delivered)


class Buckets:
    """Listings with one checkpoint, as of one process after the other."""

    def __init__(self, path):
        self._path = path
        self.delivered = []

    def run(self, address="s3://trails/a/", refusing=False, order=None):
        sent = Sent(self._path)
        listing = Listing(of_bucket(address), sent, Sink(self.delivered, refusing), order or Order())
        try:
            listing.run([address])
        finally:
            sent.close()
        return listing.told


@pytest.fixture
def buckets(aws, tmp_path):
    return Buckets(tmp_path / "kept" / "sent.sqlite")


def test_objects_under_a_prefix_are_sent_once_and_again_when_they_change(buckets):
    put("a/1.json", 1, 2)
    put("a/2 ü.json.gz", 3, packed=True)
    put("a/folder/")
    put("b/1.json", 9)
    told = buckets.run()
    assert (told.objects, told.records, told.sent, told.before, told.faults) == (2, 3, 3, 0, [])
    assert numbers(buckets.delivered) == [1, 2, 3]
    put("a/1.json", 1, 4)
    put("a/3.json", 5)
    told = buckets.run()
    assert (told.objects, told.before) == (2, 1)
    assert numbers(buckets.delivered) == [1, 1, 2, 3, 4, 5]


def test_what_was_not_acknowledged_is_not_noted(buckets):
    put("a/1.json", 1)
    with pytest.raises(Transient):
        buckets.run(refusing=True)
    assert buckets.run().objects == 1
    assert numbers(buckets.delivered) == [1]


def test_told_to_end_in_the_middle_of_an_object_it_is_not_noted(buckets):
    put("a/1.json", *range(10))
    put("a/2.json", 10)
    stop = Event()

    class Stopping(Sink):
        def send(self, record, topic):
            super().send(record, topic)
            stop.set()

    sent = Sent(buckets._path)
    Listing(of_bucket("s3://trails/a/"), sent, Stopping([], False), Order(stop)).run(["s3://trails/a/"])
    sent.close()
    assert buckets.run().before == 0
    assert numbers(buckets.delivered) == list(range(11))


def test_more_objects_than_a_page_are_all_listed(buckets, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(7):
        put(f"a/{number}.json", number)
    assert boto3.client("s3").list_objects_v2(Bucket="trails")["IsTruncated"]
    assert buckets.run().objects == 7


def test_an_object_that_is_damaged_is_told_and_tried_again(buckets):
    boto3.client("s3").put_object(Bucket="trails", Key="a/1.gz", Body=gzip.compress(b'{"kind": "prompt"}\n')[:-9])
    put("a/2.json", 2)
    told = buckets.run()
    assert len(told.faults) == 1
    assert "s3://trails/a/1.gz: gzip ends early" in told.faults[0]
    assert buckets.run().before == 1


def test_a_connection_that_breaks_off_is_told_after_what_came(buckets):
    put("a/1.json", 1, 2)
    objects = of_bucket("s3://trails/")
    (one,) = objects.under("s3://trails/a/")
    body = boto3.client("s3").get_object(Bucket="trails", Key="a/1.json")["Body"].read()
    broken = s3._Body(StreamingBody(io.BytesIO(body), len(body) + 1))
    objects.open = lambda name: broken
    got = []
    with pytest.raises(Unreadable, match="cannot be read after"):
        got.extend(contents(objects, one, ""))
    assert [json.loads(record.value)["n"] for record in got] == [1, 2]
    assert broken._body._raw_stream.closed


def test_a_bucket_that_is_not_there_is_told(buckets):
    with pytest.raises(Permanent, match=r"s3: cannot list s3://nowhere/x.*NoSuchBucket"):
        buckets.run("s3://nowhere/x")
    with pytest.raises(Invalid, match="s3://BUCKET/PREFIX"):
        buckets.run("s3:///x")


def test_a_checkpoint_belongs_to_one_listing(buckets, tmp_path):
    sent = Sent(tmp_path / "s")
    with pytest.raises(Permanent, match="locked"):
        Sent(tmp_path / "s")
    sent.close()
    (tmp_path / "text").write_text("none of these, but long enough to be read as one" * 50)
    with pytest.raises(Permanent, match="not a database"):
        Sent(tmp_path / "text")


class Queued:
    """A bucket whose notifications go to a queue, and receivers of that, one after the other."""

    def __init__(self):
        self.sqs = boto3.client("sqs")
        self.url = self.sqs.create_queue(QueueName="trail")["QueueUrl"]
        self.delivered, self.refusals, self.clock = [], 0, [0.0]

    def notify(self):
        arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]}
        boto3.client("s3").put_bucket_notification_configuration(Bucket="trails", NotificationConfiguration=wanted)

    def told_of(self, *keys):
        records = [
            {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "trails"}, "object": {"key": key}}}
            for key in keys
        ]
        self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps({"Records": records}))

    def sink(self):
        self.refusals -= 1
        return Sink(self.delivered, self.refusals >= 0)

    def receiver(self, stop=None, sink=None, **more):
        objects, notices = of_queue(self.url)
        return Receiver(objects, notices, sink or self.sink, Order(stop or Event()), clock=self._tick, **more)

    def run(self, again=0.0, **more):
        made = self.receiver(again=again, **more)
        made.run(0)
        return made.told

    def _tick(self):
        return self.clock[0]

    def count(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return tuple(int(counts[name]) for name in names)


@pytest.fixture
def queued(aws):
    return Queued()


def test_what_s3_tells_of_is_sent_and_its_messages_deleted(queued):
    queued.notify()
    put("a/1 ü+.json", 1, 2)
    put("a/2.json.gz", 3, packed=True)
    boto3.client("s3").delete_object(Bucket="trails", Key="nothing")
    told = queued.run()
    assert numbers(queued.delivered) == [1, 2, 3]
    assert (told.objects, told.left, told.faults) == (2, 0, [])
    # That notifications were switched on is a message too.
    assert told.messages >= 3
    assert queued.count() == (0, 0)


def test_a_message_whose_objects_are_not_all_there_is_given_back_and_the_others_are_sent(queued):
    put("a", 1)
    put("c", 3)
    queued.told_of("a", "gone", "c")
    queued.told_of("c")
    told = queued.run(again=60)
    assert numbers(queued.delivered) == [1, 3, 3]
    assert (told.messages, told.left) == (1, 1)
    assert len(told.faults) == 1
    assert "s3://trails/gone: " in told.faults[0]
    assert "NoSuchKey" in told.faults[0]
    assert queued.count() == (0, 1)
    put("gone", 2)
    queued.sqs.purge_queue(QueueUrl=queued.url)
    queued.told_of("gone")
    assert queued.run().left == 0


def test_a_message_that_is_no_notification_is_told_counted_and_left(queued):
    queued.sqs.send_message(QueueUrl=queued.url, MessageBody="hello")
    told = queued.run(again=60)
    assert (told.messages, told.left) == (0, 1)
    assert "expected a notification of S3" in told.faults[0]
    assert queued.count() == (0, 1)


def test_what_fails_too_often_goes_where_the_queue_sends_it(queued):
    dead = queued.sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = queued.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
    queued.sqs.set_queue_attributes(QueueUrl=queued.url, Attributes={"RedrivePolicy": policy})
    queued.told_of("gone")
    assert [queued.run().left for _ in range(3)] == [1, 1, 0]
    assert queued.count() == (0, 0)
    assert len(queued.sqs.receive_message(QueueUrl=dead)["Messages"]) == 1


class Killed(BaseException):
    """As SIGKILL: nothing of the process runs after it."""


@pytest.mark.parametrize("moment", ["while sending", "before the acknowledgement", "before the deletion"])
def test_whoever_is_killed_between_sending_and_deleting_loses_nothing(queued, monkeypatch, moment):
    put("a", 1, 2)
    queued.told_of("a")
    killed = queued.receiver(sink=lambda: Dying(queued.delivered, moment))
    if moment == "before the deletion":
        monkeypatch.setattr(killed._notices, "done", _die)
    monkeypatch.setattr("pipeline.sources.s3.HIDDEN", 0)
    with pytest.raises(Killed):
        killed.run(0)
    assert queued.count() == (1, 0)
    assert queued.run().messages == 1
    assert set(numbers(queued.delivered)) == {1, 2}
    assert queued.count() == (0, 0)


def _die(*_):
    raise Killed


class Dying(Sink):
    def __init__(self, log, moment):
        super().__init__(log, refusing=False)
        self._moment = moment

    def send(self, record, topic):
        super().send(record, topic)
        if self._moment == "while sending":
            raise Killed

    def flush(self):
        if self._moment == "before the acknowledgement":
            raise Killed
        super().flush()


def test_a_broker_that_is_away_keeps_the_messages_hidden_and_costs_no_delivery(queued, monkeypatch):
    monkeypatch.setattr(received, "FIRST_WAIT", 0)
    put("a", 1)
    queued.told_of("a")
    queued.refusals = 4
    told = queued.run()
    assert numbers(queued.delivered) == [1]
    assert (told.troubles, told.faults) == (["kafka: away; trying again"] * 4, [])
    assert queued.count() == (0, 0)


def test_told_to_end_while_the_broker_is_away_the_messages_are_given_back(queued):
    put("a", 1)
    queued.told_of("a")
    queued.refusals = 9
    stop = Event()

    class Last(Sink):
        def flush(self):
            stop.set()
            raise Transient("kafka: away")

    with pytest.raises(Transient, match="away"):
        queued.receiver(stop, lambda: Last([], False)).run()
    assert queued.count() == (1, 0)


def test_a_long_object_keeps_its_messages_hidden(queued, monkeypatch):
    put("long", *range(100))
    queued.told_of("long")
    queued.told_of("long")
    made = queued.receiver()
    extended = []
    extend = made._notices.extend
    monkeypatch.setattr(made._notices, "extend", lambda some: (extended.append(len(some)), extend(some)))

    class Slow(Sink):
        def send(self, record, topic):
            super().send(record, topic)
            queued.clock[0] += 10

    made._sinks = lambda: Slow(queued.delivered, False)
    made.run(0)
    assert len(queued.delivered) == 200
    # 2000 seconds at two records in 20, and 150 are half of what messages are hidden for.
    assert extended == [2] * 13
    assert queued.count() == (0, 0)


def test_told_to_end_in_the_middle_the_message_comes_again_and_those_before_are_done(queued):
    put("a", 1)
    put("b", *range(2, 9))
    queued.told_of("a")
    queued.told_of("b")
    queued.told_of("a")
    stop = Event()

    class Stopping(Sink):
        def send(self, record, topic):
            super().send(record, topic)
            if json.loads(record.value)["n"] == 3:
                stop.set()

    made = queued.receiver(stop, lambda: Stopping(queued.delivered, False))
    made.run(0)
    assert made.told.messages == 1
    assert queued.count() == (2, 0)
    assert queued.run().messages == 2
    assert set(numbers(queued.delivered)) == set(range(1, 9))


def test_a_queue_that_is_none_is_told(queued):
    with pytest.raises(Invalid, match="URL of an SQS queue"):
        of_queue("trail")
    queued.url += "-none"
    with pytest.raises(Permanent, match="sqs: cannot receive from"):
        queued.run()


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        (503, "SlowDown", Transient), (500, "InternalError", Transient), (429, "TooManyRequests", Transient),
        (400, "ThrottlingException", Transient), (403, "OverLimit", Transient), (403, "AccessDenied", Permanent),
        (400, "InvalidParameterValue", Permanent),
    ],
)  # fmt: skip
def test_what_passes_is_told_from_what_does_not(queued, status, code, failure):
    _, notices = of_queue(queued.url)
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(failure, match=f"sqs: cannot.*{code}"), notices._aws.saying("cannot"):
        raise ClientError(answer, "ReceiveMessage")
