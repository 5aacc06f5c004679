"""What must hold for whatever becomes of any bytes."""

from pipeline.normalize import stage
from pipeline.normalize.formats import FORMATS
from tests.normalize.common import NOW


def holds(results):
    """Events, nothing with a reason, or exactly one Rejected that names the field at fault."""
    for one in results:
        if one.rejected is not None:
            assert one.events == []
            assert one.rejected.stage == stage.STAGE, one.rejected.reason
            assert ": " in one.rejected.reason
        else:
            assert one.events or one.ignored
            for event in one.events:
                assert event.event_id
                assert event.kind in ("prompt", "tool_call", "token_issuance", "cloud_audit")
                assert event.format in FORMATS
                assert 0 < event.time <= NOW + 86_400_000_000
                for text in (event.actor, event.action, event.text, event.session, event.credential):
                    assert isinstance(text, str)
