"""Examples of a detection, written flat, become Entries.

    - name: a burst of reads with a key that is a day old
      entries:
        - {action: "iam:CreateAccessKey", actor: ana, issued: AKIA1, issued_kind: access-key}
        - {action: "s3:GetObject", credential: AKIA1, after: 1d, resources: ["s3://b/{n}"], repeat: 40, every: 1s}

In:     Example: mappings of field names of Event and of Entry to values
Out:    Entries in the order in which they are written
Fails:  Invalid, which names the example, the entry and the field

A name that both have (`actor`, `session`, …) is set in both; `event.actor` sets only what the source says. `time` is
ISO 8601, `after` the time since the entry before; `repeat` writes an entry several times, `every` so far apart, and
`{n}` in its texts is 1, 2, 3 …
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.score.definition import Example
from schemas.entry import Entry, Link
from schemas.event import Argument, Event

#: When an example begins that does not say so (2026-03-02T08:00:00Z, a Monday), in microseconds.
BEGINS = 1_772_438_400_000_000
SECOND = 1_000_000
#: Entries of one example.
MOST = 20_000
#: Written by the reader, not by hand.
_HIDDEN = {"record_id", "tokens", "argument_tokens", "mentions", "links", "event"}
_TIMING = {"after", "repeat", "every"}
_UNITS = {"ms": 1_000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND, "w": 604800 * SECOND}
_SPAN = re.compile(r"(\d{1,9})(ms|s|m|h|d|w)")

_EVENT = {field.name: field for field in msgspec.structs.fields(Event) if field.name not in _HIDDEN}
_ATTRIBUTED = {field.name: field for field in msgspec.structs.fields(Entry) if field.name not in _HIDDEN}
#: Times that are told as texts too.
_MOMENTS = {"issued_expires", "credential_expires", "credential_revoked"}


def entries_of(example: Example) -> list[Entry]:
    """The Entries of an example. Raises Invalid."""
    found: list[Entry] = []
    time = BEGINS
    for number, given in enumerate(example.entries, 1):
        written = _Written(f"example {example.name!r}, entry {number}", given)
        first = written.begins(time)
        count, every = written.times()
        if len(found) + count > MOST:
            raise Invalid(written.where, f"at most {MOST} entries in an example")
        for index in range(count):
            time = first + index * every
            found.append(written.entry(f"e{len(found) + 1}", time, index + 1))
    return found


def span(text: object, field: str) -> int:
    """Microseconds of `30s`, `5m`, `2h`, `1d` … Raises Invalid."""
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Invalid(field, "a duration such as 30s, 5m, 2h or 1d", text)
    return int(found[1]) * _UNITS[found[2]]


class _Written:
    """One entry as it is written."""

    def __init__(self, where: str, given: Mapping[str, Any]) -> None:
        self.where = where
        self._given = given
        for name in given:
            if name.removeprefix("event.") not in {*_EVENT, "links"} and name not in {*_ATTRIBUTED, *_TIMING}:
                raise Invalid(f"{where}: {name}", "a field that `whodid rules fields` lists")

    def begins(self, before: int) -> int:
        if "time" in self._given:
            return _moment(self._given["time"], f"{self.where}: time")
        return before + (span(self._given["after"], f"{self.where}: after") if "after" in self._given else 0)

    def times(self) -> tuple[int, int]:
        count = self._given.get("repeat", 1)
        if type(count) is not int or not 1 <= count <= MOST:
            raise Invalid(f"{self.where}: repeat", f"1 to {MOST}", count)
        return count, span(self._given["every"], f"{self.where}: every") if "every" in self._given else 0

    def entry(self, event_id: str, time: int, number: int) -> Entry:
        defaults = {"event_id": event_id, "kind": "cloud_audit", "format": "canonical"}
        event = {**defaults, **dict(self._fields(_EVENT, number)), "time": time}
        for name, value in self._given.items():
            if name.startswith("event."):
                event[name[6:]] = self._value(_EVENT[name[6:]], name, value, number)
        found = dict(self._fields(_ATTRIBUTED, number))
        if event.get("credential"):
            found.setdefault("credential_chain", [event["credential"]])
        return Entry(event=Event(**event), links=list(self._links()), **found)

    def _fields(self, known: Mapping[str, Any], number: int) -> Iterator[tuple[str, Any]]:
        for name, value in self._given.items():
            if name in known and name != "time":
                yield name, self._value(known[name], name, value, number)

    def _value(self, field: Any, name: str, value: object, number: int) -> Any:  # noqa: ANN401
        where = f"{self.where}: {name}"
        if field.name == "arguments":
            return list(_arguments(value, where, number))
        if field.name in _MOMENTS and isinstance(value, str):
            return _moment(value, where)
        try:
            return msgspec.convert(_numbered(value, number), field.type)
        except msgspec.ValidationError as error:
            raise Invalid(where, str(error).removeprefix("Expected ").partition(",")[0], value) from error

    def _links(self) -> Iterator[Link]:
        given = self._given.get("links", {})
        if not isinstance(given, dict):
            raise Invalid(f"{self.where}: links", "a mapping such as {tool_call: 0.9}", given)
        for target, value in given.items():
            method, confidence = value if isinstance(value, list) and len(value) == 2 else ("stated", value)
            if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not isinstance(method, str):
                raise Invalid(f"{self.where}: links.{target}", "a confidence 0 to 1, or [method, confidence]", value)
            yield Link(target, method, float(confidence))


def _arguments(given: object, where: str, number: int) -> Iterator[Argument]:
    if not isinstance(given, dict):
        raise Invalid(where, "a mapping such as {url: https://example.com}", given)
    for path, value in given.items():
        one = value if isinstance(value, dict) else {"value": value}
        if set(one) - {"value", "origin"}:
            raise Invalid(f"{where}.{path}", "a text, or {value: …, origin: prompt|result|both|agent}", value)
        yield Argument(path, str(_numbered(one.get("value", ""), number)), str(one.get("origin", "")))


def _numbered(value: object, number: int) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, list):
        return [_numbered(one, number) for one in value]
    if isinstance(value, dict):
        return {name: _numbered(one, number) for name, one in value.items()}
    return value


def _moment(text: object, where: str) -> int:
    try:
        moment = datetime.datetime.fromisoformat(str(text))
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return (moment - datetime.datetime.fromtimestamp(0, datetime.UTC)) // datetime.timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise Invalid(where, "ISO 8601 with an offset, e.g. 2026-03-02T08:00:00Z", text) from error
