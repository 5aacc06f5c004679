"""What a format makes of somebody's logs, without a broker and without a store: a trial before a source is connected.

In:    Records
Out:   by format: how many records, events of which kinds, what is rejected for which reason, which share of events
       states which link, and which fields are not known
Fails: never, for any record
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.normalize.formats import detect
from pipeline.normalize.source import LINKS
from pipeline.normalize.stage import context_of, process
from schemas.event import UNKNOWN, Event
from schemas.rejected import Record

#: What is counted beside the links: fields of an Event that say what was done, and to what.
TOLD = ("action", "resources", "outcome")
#: What a record is counted under that no format recognizes.
NO_FORMAT = "(not recognized)"


class Checked(msgspec.Struct):
    """What became of the records of one format."""

    records: int = 0
    #: By kind.
    events: Counter[str] = msgspec.field(default_factory=Counter)
    #: Records that give no event, by why.
    ignored: Counter[str] = msgspec.field(default_factory=Counter)
    #: Records that were not understood, by reason without the value that was got.
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    #: Events that state a link, or what TOLD names.
    stated: Counter[str] = msgspec.field(default_factory=Counter)
    #: Fields that the format does not know, by events that have them.
    unknown: Counter[str] = msgspec.field(default_factory=Counter)

    def share(self, name: str) -> float:
        """Of its events, those that state it: 0 to 1."""
        return self.stated[name] / self.events.total() if self.events else 0.0


def check(records: Iterable[Record], settings: Settings) -> dict[str, Checked]:
    """By format, most records first. Raises Invalid for a setting that cannot be understood."""
    context = context_of(settings)
    found: dict[str, Checked] = {}
    for record in records:
        for one in process(record, context):
            name = one.record.format if one.record else record.format or _guessed(record, one.rejected is not None)
            of = found.setdefault(name, Checked())
            of.records += 1
            if one.rejected is not None:
                of.rejected[one.rejected.reason.partition(", got ")[0]] += 1
            elif not one.events:
                of.ignored[one.ignored] += 1
            for event in one.events:
                _count(of, event)
    return dict(sorted(found.items(), key=lambda pair: -pair[1].records))


def _guessed(record: Record, rejected: bool) -> str:
    try:
        return detect(msgspec.json.decode(record.value)) if rejected else NO_FORMAT
    except (Invalid, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NO_FORMAT


def _count(of: Checked, event: Event) -> None:
    of.events[event.kind] += 1
    of.stated.update(name for name in (*LINKS, *TOLD) if getattr(event, name))
    if names := event.attributes.get(UNKNOWN):
        of.unknown.update(names.split("\n"))
