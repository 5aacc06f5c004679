"""What becomes of records that a simulation tells."""

from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.simulate.staff.office import DAY, FIRST
from schemas.rejected import Record

CONTEXT = Context(b"0123456789abcdef", fixed_now=FIRST + 400 * DAY)


def understood(told):
    """(event, truth) of one record, which must be the very events whose truth is told."""
    (found,) = process(Record(told.value, told.format, "f", 0, 0), CONTEXT)
    assert found.rejected is None, told.value
    truths = {truth.event_id: truth for truth in told.truths}
    assert {event.event_id: event.kind for event in found.events} == {name: one.kind for name, one in truths.items()}
    return [(event, truths[event.event_id]) for event in found.events]
