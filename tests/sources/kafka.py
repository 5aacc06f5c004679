"""What a test finds on a topic."""

from confluent_kafka import Consumer, KafkaError, TopicPartition


def messages(settings, topic):
    """Everything on a topic, to the end of each partition: (format, value)."""
    return [(headers.get("format", b"").decode(), value) for headers, value in whole(settings, topic)]


def whole(settings, topic):
    """The same with all headers."""
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap, "group.id": "t", "enable.partition.eof": True, "log_level": 0}
    )
    consumer.assign([TopicPartition(settings.prefix + topic, number, 0) for number in range(settings.partitions)])
    found, ended = [], set()
    while len(ended) < settings.partitions:
        message = consumer.poll(10)
        assert message is not None, "the broker does not answer"
        if message.error() is None:
            found.append((dict(message.headers() or ()), message.value()))
        elif message.error().code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
    consumer.close()
    return found
