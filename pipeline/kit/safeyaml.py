"""YAML that others wrote becomes plain values, within bounds.

In:     text of a file
Out:    its documents: dict, list, str, int, float, bool, None
Fails:  Invalid (naming the file and the line): no YAML, too large, too deep, an alias, a tag, a key given twice

Plain words are read as YAML 1.2 reads them: `on`, `yes` and `2026-03-02T08:00:00Z` are texts. Aliases are refused
because a file of one kilobyte can stand for terabytes with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from pipeline.kit.failures import Invalid

#: Bytes of a file, levels of nesting, values of a file.
MOST_BYTES, MOST_DEPTH, MOST_VALUES = 256 * 1024, 32, 20_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL, _BOOL = {"", "~", "null", "Null", "NULL"}, {"true": True, "True": True, "false": False, "False": False}
_INT, _FLOAT = re.compile(r"[-+]?[0-9]{1,18}"), re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def read(file: Path | Traversable) -> str:
    """Text of a file. Raises Invalid if it is larger than MOST_BYTES, or no UTF-8; OSError."""
    with file.open("rb") as handle:
        data = handle.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Invalid(file.name, f"a file of at most {MOST_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(file.name, f"UTF-8 (byte {error.start} is none)") from error


def document(text: str, name: str) -> Any:  # noqa: ANN401  (what YAML may be)
    """The only document of a text; None if it is empty. Raises Invalid."""
    found = documents(text, name)
    if len(found) > 1:
        raise Invalid(name, "one YAML document", f"{len(found)} documents")
    return found[0] if found else None


def documents(text: str, name: str) -> list[Any]:
    """All documents of a text. Raises Invalid."""
    if len(text) > MOST_BYTES:
        raise Invalid(name, f"a file of at most {MOST_BYTES} bytes")
    events = _Bounded(text, name)
    try:
        return [_value(events, next(events), 0) for event in events if isinstance(event, yaml.DocumentStartEvent)]
    except UnicodeEncodeError as error:
        raise Invalid(name, f"YAML: {error.reason}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise Invalid(name, f"YAML{where}: {getattr(error, 'problem', None) or error}") from error


class _Bounded:
    """The events of a text, at most MOST_VALUES of them."""

    def __init__(self, text: str, name: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._name = name
        self._count = 0

    def __iter__(self) -> _Bounded:
        return self

    def __next__(self) -> Any:  # noqa: ANN401
        self._count += 1
        if self._count > MOST_VALUES:
            raise Invalid(self._name, f"at most {MOST_VALUES} values in a file")
        return next(self._events)

    def wrong(self, event: Any, expected: str) -> Invalid:  # noqa: ANN401
        """What to raise at an event."""
        return Invalid(f"{self._name} line {event.start_mark.line + 1}", expected)


def _value(events: _Bounded, event: Any, depth: int) -> Any:  # noqa: ANN401
    if depth > MOST_DEPTH:
        raise events.wrong(event, f"at most {MOST_DEPTH} levels of nesting")
    if isinstance(event, yaml.AliasEvent):
        raise events.wrong(event, f"no YAML alias (*{event.anchor}): write the value out")
    if event.tag is not None and event.tag != "!":
        raise events.wrong(event, f"no YAML tag ({event.tag}): write a plain value")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event.value) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_value(events, event, depth + 1))
        return items
    return _mapping(events, depth)


def _mapping(events: _Bounded, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise events.wrong(event, "a text as key")
        if event.value in found:
            raise events.wrong(event, f"the key {event.value!r} once")
        found[event.value] = _value(events, next(events), depth + 1)
    return found


def _scalar(text: str) -> Any:  # noqa: ANN401
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
