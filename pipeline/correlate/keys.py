"""Link keys: the names under which what acts can be looked up."""

from __future__ import annotations

from schemas.batch import Attribution
from schemas.event import Head

CREDENTIAL = "credential:"
SESSION = "session:"
TRACE = "trace:"
ACTOR = "actor:"
VALUE = "value:"


def owner_of(event: Head, attribution: Attribution) -> str:
    """Key of the second hop: the root session of an event that belongs to one, else its actor."""
    root = attribution.parent_session or attribution.session
    if root:
        return SESSION + root
    return ACTOR + (attribution.actor or event.actor or event.credential or event.format)
