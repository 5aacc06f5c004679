"""Link keys: the names under which what acts can be looked up."""

from __future__ import annotations

from schemas.batch import Attribution
from schemas.event import Head

CREDENTIAL = "credential:"
SESSION = "session:"
TRACE = "trace:"
ACTOR = "actor:"
VALUE = "value:"
#: Of a person who signs on somewhere, by the name that the session there is given.
LOGIN = "login:"


def session_key(session: str, parent_session: str) -> str:
    """Key of the root session; empty without one."""
    root = parent_session or session
    return SESSION + root if root else ""


def owner_of(event: Head, attribution: Attribution) -> str:
    """Key of the second hop: the root session of an event that belongs to one, else its actor."""
    session = session_key(attribution.session, attribution.parent_session)
    return session or ACTOR + (attribution.actor or event.actor or event.credential or event.format)
