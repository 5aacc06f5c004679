"""What people say of something, for the page of it."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from pipeline.console import casework
from pipeline.console.access.who import who
from pipeline.console.pages.desk import Desk
from pipeline.store import casework as stored


def said(desk: Desk, request: Request, about: str, name: str) -> dict[str, Any]:
    """The notes, oldest first, and in whose name a further one would be (empty: the form asks)."""
    somebody = who(request)
    notes = [casework.note(one) for one in stored.notes(desk.store, about, name)]
    return {"notes": notes, "known": somebody.name if somebody.known else ""}
