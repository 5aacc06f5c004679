"""Entries for tests, written as short as a story."""

from schemas.entry import Entry, Link
from schemas.event import Event

START = 1_700_000_000_000_000


def entry(name: str, seconds: float = 0, *, revision: int = 0, actor: str = "bot", sure: float = 0.9, **more) -> Entry:
    found = {key: more.pop(key) for key in ("human", "session", "unbound", "tool_call", "prompt_event") if key in more}
    more = {"time": START + int(seconds * 1_000_000), **more}
    event = Event(event_id=name, kind="cloud_audit", format="test", action="s3:GetObject", **more)
    links = [Link("actor", "credential", sure, ["i1"])] if sure else []
    return Entry(event=event, revision=revision, actor=actor, links=links, **found)


def issuance(issued: str, parent: str, seconds: float = 0, **more) -> Entry:
    return entry(f"{parent}>{issued}", seconds, credential=parent, issued=issued, **more)


def names(page) -> list[str]:
    return [item.event.event_id for item in page.entries]
