"""Both Kafka clients can read what producers compressed, or nothing starts: not only when the first such message comes.

Fails: Permanent, which says what to install.
"""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.kit.failures import Permanent

#: All that Kafka knows. Whoever sends, and whoever sets a topic's `compression.type`, may choose any.
CODECS = ("gzip", "snappy", "lz4", "zstd")


def require(faust: bool) -> None:
    """Raise Permanent if a codec is missing in librdkafka or, if Faust runs here, in aiokafka."""
    if not _of_librdkafka(",".join(CODECS)):
        missing = [codec for codec in CODECS if not _of_librdkafka(codec)]
        raise Permanent(
            f"librdkafka was built without {', '.join(missing)}, in which producers may compress: install "
            "confluent-kafka from its wheel (pip install --force-reinstall --only-binary confluent-kafka "
            "confluent-kafka), or build librdkafka with them"
        )
    if faust and (missing := [codec for codec in CODECS if not _of_aiokafka(codec)]):
        raise Permanent(
            f"aiokafka cannot read {', '.join(missing)}, in which a topic may be compressed: pip install cramjam"
        )


def _of_librdkafka(features: str) -> bool:
    """Setting them asks whether they are there (librdkafka's CONFIGURATION.md)."""
    try:
        AdminClient({"builtin.features": features, "log_level": 0})
    except KafkaException:
        return False
    return True


def _of_aiokafka(codec: str) -> bool:
    from aiokafka import codec as codecs  # noqa: PLC0415  (a process has in memory what its roles need)

    return bool(getattr(codecs, f"has_{codec}")())
