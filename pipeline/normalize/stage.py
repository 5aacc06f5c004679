"""One Record becomes its Events, or exactly one Rejected per record that cannot be understood."""

from __future__ import annotations

import hashlib
import logging
import traceback
from functools import lru_cache

import msgspec

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.normalize.content import Modes, reduce, reduced
from pipeline.normalize.context import Context
from pipeline.normalize.documents import check, document, elements, few
from pipeline.normalize.formats import FORMATS, KNOWN, Format, detect, detect_respelled
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
    """Split an envelope and normalize each record of it; one bad record costs the others nothing.

    Secrets go first: nothing below sees one, and what is hashed or fingerprinted is the same whether a sender masked
    them or not.
    """
    if harmless(record.value):
        context = context.harmless
    value = mask_bytes(record.value, context)
    try:
        form, values = _split(record.format, value, context)
    except Exception as error:  # noqa: BLE001  (see _one)
        return [Normalized(None, [], _rejected(record, value, error, context))]
    return [_one(record, form, value, context) for value in values]


def _split(stated: str, value: bytes, context: Context) -> tuple[Format, list[bytes]]:
    check(value, context)
    name = stated or _named(document(value))
    if name not in FORMATS:
        raise Invalid("format", "one of " + ", ".join(FORMATS), name)
    form = FORMATS[name]
    if value.lstrip()[:1] == b"[":
        return form, few("value", [part for one in few("value", elements(value)) for part in form.split(one)])
    return form, few("value", form.split(value))


def _understood(form: Format, value: bytes, context: Context) -> tuple[list[Event], bytes]:
    """The events of a record, and the record, with its capitals if it had lost them. Raises Invalid."""
    try:
        return form.normalize(value, context), value
    except Invalid:
        if form.name not in KNOWN:
            raise
        found = document(value)
        spelled = KNOWN[form.name].respelled(found)
        if spelled == found:
            raise
        value = msgspec.json.encode(spelled)
        return form.normalize(value, context), value


def _named(found: object) -> str:
    """The format of a document by its shape, also if it has lost its capitals. Raises Invalid."""
    try:
        return detect(found)
    except Invalid:
        return detect_respelled(found)


def _one(record: Record, form: Format, value: bytes, context: Context) -> Normalized:
    if context.masking and harmless(value):
        context = context.harmless
    mode = modes(context.content).of(form.name)
    try:
        result, value = _understood(form, value, context)
        kept = reduced(mask_bytes(form.conceals(value, context), context), mode, context)
    # The only place that catches everything: input is hostile, and a bug in one normalizer must cost one record, not
    # the stream. It has a stage of its own, so that it is counted and seen.
    except Exception as error:  # noqa: BLE001
        return Normalized(None, [], _rejected(record, value, error, context))
    strange = KNOWN[form.name].strange(value) if result and form.name in KNOWN else None
    record_id = hashlib.blake2b(value, digest_size=16).hexdigest()
    # The fields that no normalizer masks by itself can only hold secrets, or be long, if the record does.
    suspicious = context.masking or len(value) > LONG_RECORD
    for event in result:
        event.record_id, event.producer = record_id, record.producer
        by_resources(event, context)
        if strange:
            event.attributes = {**strange, **event.attributes}
        if suspicious:
            tidy(event, context)
        if mode != "full":
            reduce(event, mode, context)
    time = result[0].time if result else context.now
    raw = RawRecord(record_id, form.name, record.topic, record.partition, record.offset, time, kept)
    return Normalized(raw, result, None, "" if result else form.source.ignores)


def context_of(settings: Settings) -> Context:
    """The context that settings describe. Raises Invalid for one that cannot be understood."""
    context = Context.of(settings)
    modes(context.content)
    return context


@lru_cache(maxsize=8)
def modes(stated: str) -> Modes:
    """How much each format keeps. Raises Invalid for a setting that cannot be understood."""
    return Modes(stated, list(FORMATS))


def _rejected(record: Record, value: bytes, error: Exception, context: Context) -> Rejected:
    if isinstance(error, Permanent):
        return reject(record, value, STAGE, str(error), context)
    # Not the exception's message: it may hold content, and logs are read by others.
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "bug in normalizing %s/%s/%s: %s at %s:%s",
        record.topic, record.partition, record.offset, type(error).__name__, where.filename, where.lineno,
    )  # fmt: skip
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
