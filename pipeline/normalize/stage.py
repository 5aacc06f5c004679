"""One Record becomes its Events, or exactly one Rejected per record that cannot be understood."""

from __future__ import annotations

import hashlib
import logging

import msgspec

from pipeline.kit.failures import Invalid, Permanent
from pipeline.normalize.context import Context
from pipeline.normalize.documents import check, document, elements, few
from pipeline.normalize.formats import FORMATS, KNOWN, Format, detect
from pipeline.normalize.mask import harmless, mask_bytes
from pipeline.normalize.mentions import by_resources
from pipeline.normalize.tidy import LONG_RECORD, tidy
from schemas.batch import RawRecord
from schemas.event import Event
from schemas.rejected import Record, Rejected

STAGE, BUG = "normalize", "normalize/bug"
log = logging.getLogger("whodid")


class Normalized(msgspec.Struct):
    """What became of one native record."""

    #: Evidence: the record with its secrets masked; None when rejected.
    record: RawRecord | None
    events: list[Event]
    rejected: Rejected | None = None
    #: Why a record that was understood gives no event.
    ignored: str = ""


def process(record: Record, context: Context) -> list[Normalized]:
    """Split an envelope and normalize each record of it; one bad record costs the others nothing."""
    try:
        form, values = _split(record, context)
    except Exception as error:  # noqa: BLE001  (see _one)
        return [Normalized(None, [], _rejected(record, record.value, error, context))]
    return [_one(record, form, value, context) for value in values]


def _split(record: Record, context: Context) -> tuple[Format, list[bytes]]:
    check(record.value, context)
    name = record.format or detect(document(record.value))
    if name not in FORMATS:
        raise Invalid("format", "one of " + ", ".join(FORMATS), name)
    form = FORMATS[name]
    if record.value.lstrip()[:1] == b"[":
        return form, few("value", [part for one in few("value", elements(record.value)) for part in form.split(one)])
    return form, few("value", form.split(record.value))


def _one(record: Record, form: Format, value: bytes, context: Context) -> Normalized:
    if harmless(value):
        context = context.harmless
    try:
        result = form.normalize(value, context)
        masked = mask_bytes(form.conceals(value, context), context)
    # The only place that catches everything: input is hostile, and a bug in one normalizer must cost one record, not
    # the stream. It has a stage of its own, so that it is counted and seen.
    except Exception as error:  # noqa: BLE001
        return Normalized(None, [], _rejected(record, value, error, context))
    strange = KNOWN[form.name].strange(value) if result and form.name in KNOWN else None
    record_id = hashlib.blake2b(value, digest_size=16).hexdigest()
    # The fields that no normalizer masks by itself can only hold secrets, or be long, if the record does.
    suspicious = context.masking or len(value) > LONG_RECORD
    for event in result:
        event.record_id = record_id
        by_resources(event, context)
        if strange:
            event.attributes = {**strange, **event.attributes}
        if suspicious:
            tidy(event, context)
    time = result[0].time if result else context.now
    raw = RawRecord(record_id, form.name, record.topic, record.partition, record.offset, time, masked)
    return Normalized(raw, result, None, "" if result else form.source.ignores)


def _rejected(record: Record, value: bytes, error: Exception, context: Context) -> Rejected:
    if isinstance(error, Permanent):
        return reject(record, value, STAGE, str(error), context)
    where = f"{record.topic}/{record.partition}/{record.offset}"
    log.error("bug in normalizing %s", where, exc_info=error)
    return reject(record, value, BUG, f"bug: {type(error).__name__}: {error}", context)


def reject(record: Record, value: bytes, stage: str, reason: str, context: Context) -> Rejected:
    """The dead letter for some bytes of a record; the same record is always given the same id."""
    name = f"{record.topic}\0{record.partition}\0{record.offset}\0".encode() + value
    return Rejected(
        rejected_id=hashlib.blake2b(name, digest_size=16).hexdigest(),
        stage=stage,
        reason=reason,
        format=record.format,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        time=context.now,
        value=value,
    )
