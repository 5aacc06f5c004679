"""What was done with the desk is told to the broker, later if it is away, and nobody waits for it."""

from confluent_kafka import KafkaException

from pipeline.kit.config import Settings
from pipeline.kit.producers import Trust
from pipeline.run.audit import MOST, Audit


class Broker:
    """A producer whose broker may be away, or whose queue may be full."""

    def __init__(self) -> None:
        self.has, self.away, self.full, self.waiting = [], False, False, []

    def produce(self, topic, body, headers, on_delivery) -> None:
        said = {name: one.encode() for name, one in headers.items()}
        assert Trust(Settings()).producer(said, "cloud-audit", body) == "whodid/desk"
        if self.full:
            raise BufferError
        self.waiting.append((topic, body, on_delivery))

    def poll(self, _) -> None:
        waiting, self.waiting = self.waiting, []
        for topic, body, told in waiting:
            if not self.away:
                self.has.append((topic, body))
            told("away" if self.away else None, None)


def test_an_event_goes_to_cloud_audit():
    broker = Broker()
    Audit(Settings(prefix="x-"), broker)(b"1")
    assert broker.has == [("x-cloud-audit", b"1")]


def test_what_the_broker_did_not_take_is_told_again_with_the_next():
    broker = Broker()
    audit = Audit(Settings(), broker)
    broker.away = True
    audit(b"1")
    broker.away, broker.full = False, True
    audit(b"2")
    broker.full = False
    audit(b"3")
    assert sorted(body for _, body in broker.has) == [b"1", b"2", b"3"]
    audit(b"4")
    assert len(broker.has) == 4


def test_what_waits_is_bounded():
    class Gone(Broker):
        def produce(self, *_, **__) -> None:
            raise KafkaException

    audit = Audit(Settings(), Gone())
    audit._waiting.extend([b"x"] * MOST)
    audit(b"last")
    assert len(audit._waiting) == MOST
    assert audit._waiting[-1] == b"last"
