"""What people say of something, for the page of it."""

from __future__ import annotations

from typing import Any

from pipeline.console import casework
from pipeline.console.pages.desk import Desk
from pipeline.store import casework as stored


def said(desk: Desk, about: str, name: str) -> dict[str, Any]:
    """The notes, oldest first."""
    return {"notes": [casework.note(one) for one in stored.notes(desk.store, about, name)]}
