"""Where things are shown: every address of the console in one place.

Values come from log lines, so each is quoted for the part of the address that it becomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from pipeline.query.rendering import quoted


def term(field: str, value: str) -> str:
    """`field:"value"` of the query language: the very value, whatever is in it."""
    return f"{field}:{quoted(value)}"


def timeline(field: str = "", value: str = "", **more: str) -> str:
    """The timeline of one value of a field; empty if there is no value."""
    if field and not value:
        return ""
    return with_query("/timeline", {"q": term(field, value) if field else "", **more})


def search(query: str) -> str:
    """The timeline of a query."""
    return with_query("/timeline", {"q": query})


def export(query: str, form: str, exact: str = "") -> str:
    """What a query finds as a file."""
    return with_query("/v1/export", {"q": query, "format": form, "exact": exact})


def event(event_id: str) -> str:
    """The page of one entry."""
    return "/events/" + _part(event_id)


def record(record_id: str) -> str:
    """The raw record that an event came from."""
    return "/records/" + _part(record_id)


def session(name: str) -> str:
    """The page of a session; empty if there is none."""
    return "/sessions/" + _part(name) if name else ""


def identity(name: str, kind: str = "") -> str:
    """The page of an identity; empty if there is none."""
    return with_query("/identities/" + _part(name), {"kind": kind}) if name else ""


def credential(name: str) -> str:
    """The page of a credential; empty if there is none."""
    return "/credentials/" + _part(name) if name else ""


def inventoried(of: str, name: str, kind: str = "") -> str:
    """The page of one name of the inventory."""
    return with_query(f"/{of}/" + _part(name), {"kind": kind if of == "identities" else ""}) if name else ""


def alert(alert_id: str) -> str:
    """The page of an alert."""
    return "/alerts/" + _part(alert_id)


def finding(finding_id: str) -> str:
    """The page of a finding."""
    return "/findings/" + _part(finding_id)


def case(case_id: str) -> str:
    """The page of a case: an incident that somebody works on."""
    return "/cases/" + _part(case_id)


def notes(about: str, name: str) -> str:
    """Where something is said about an identity, a credential or a session."""
    return f"/notes/{about}/" + _part(name)


def reconstruction(kind: str, clue: str) -> str:
    """Where the incident that a clue belongs to is reconstructed."""
    return with_query("/reconstruct", {"clue": clue, "kind": kind})


def with_query(path: str, given: Mapping[str, Any]) -> str:
    """A path with those parameters that say something."""
    said = urlencode({name: value for name, value in given.items() if value not in ("", None)})
    return f"{path}?{said}" if said else path


def _part(name: str) -> str:
    return quote(name, safe="")
