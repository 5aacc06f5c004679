"""Fields of a record that its format does not know: a vendor has added or renamed them.

They are kept among the event's attributes under their own paths, within limits, and named in UNKNOWN, so that drift of
a source's schema can be counted. Almost every record has none, so that is what must be cheap: a decoder that refuses
unknown fields finds out in about a microsecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from pipeline.normalize.documents import text_of
from schemas.event import UNKNOWN

#: Unknown fields that an event keeps, characters of their paths and of their values, and levels that are looked at.
FIELDS, PATH, VALUE, LEVELS = 8, 96, 128, 8


class Known:
    """The fields that a format knows."""

    def __init__(self, paths: frozenset[str], inner: Iterable[str] = ()) -> None:
        """The dotted paths of `Source.known`; what lies below one of them is known too. And names within that."""
        self._tree = _tree(path for path in paths if "[]" not in path)
        names = {*inner, *(part for path in paths for part in path.replace("[]", "").split("."))}
        # Only what has no capitals has lost them; of two spellings of one name the first in order is taken.
        self._spelling = {name.lower(): name for name in sorted(names, reverse=True) if name.lower() not in names}
        self._plain = msgspec.json.Decoder(_type(self._tree)).decode

    def strange(self, value: bytes) -> dict[str, str]:
        """Attributes that keep what is unknown in a record, and name it; empty if all is known or it is no object."""
        try:
            self._plain(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._found(value)
        return {}

    def respelled(self, found: object) -> object:
        """The same document with its fields spelled as the format has them, where only capitals differ.

        Tables of Athena, Glue and Hive have no capitals in their columns, so a log that went through one has lost them.
        """
        return _respelled(found, self._spelling)

    def _found(self, value: bytes) -> dict[str, str]:
        try:
            record = msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {}
        found: dict[str, str] = {}
        for path, inner in _unknown(record, self._tree, "", LEVELS):
            found.setdefault(path[:PATH], text_of(inner, VALUE))
            if len(found) == FIELDS:
                break
        return {**found, UNKNOWN: "\n".join(found)} if found else {}


def _tree(paths: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(paths):
        node = found
        for part in path.split("."):
            node = node.setdefault(part, {})
    return found


def _respelled(found: object, spelling: dict[str, str]) -> object:
    if isinstance(found, list):
        return [_respelled(one, spelling) for one in found]
    if not isinstance(found, dict):
        return found
    result: dict[str, object] = {}
    for name, inner in found.items():
        result.setdefault(str(spelling.get(name, name)), _respelled(inner, spelling))
    return result


def _unknown(record: Any, tree: dict[str, Any], before: str, levels: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(record, dict) or not tree or not levels:
        return
    for name, inner in record.items():
        path = f"{before}{name}"
        if name in tree:
            yield from _unknown(inner, tree[name], f"{path}.", levels - 1)
        elif inner is not None:
            yield path.replace("\n", " "), inner


def _type(tree: dict[str, Any]) -> Any:
    """A type that only decodes objects without unknown fields; values are not looked at, but for their syntax."""
    names = list(tree)
    members = [(f"f{number}", _below(tree[name]), msgspec.UNSET) for number, name in enumerate(names)]
    rename = {f"f{number}": name for number, name in enumerate(names)}
    return msgspec.defstruct("Known", members, rename=rename, forbid_unknown_fields=True, gc=False)


def _below(tree: dict[str, Any]) -> Any:
    return _type(tree) | None | msgspec.UnsetType if tree else msgspec.Raw | msgspec.UnsetType
