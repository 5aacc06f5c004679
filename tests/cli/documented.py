"""docs/cli.md as it says what `--format json` prints: lines of commands, and tables of fields."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
#: A line of a command, with names in capital letters, and what it prints.
LINES: dict[str, str] = dict(re.findall(r"^\* `(whodid [^`]+)`: `([^`]+)`", TEXT, re.MULTILINE))
#: Commands of which no shape is promised.
OTHERS = set(re.findall(r"`whodid ([a-z -]+)`: ", TEXT.partition("These do something")[2].partition("\n")[0]))
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_PLAIN = {
    "text": lambda value: isinstance(value, str),
    "time": lambda value: isinstance(value, str) and bool(_TIME.fullmatch(value)),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "yes or no": lambda value: isinstance(value, bool),
    "anything": lambda value: True,
}


def shapes() -> dict[str, dict[str, str]]:
    """Types by field, by the name of the shape; a shape that begins with another one has its fields, too."""
    found: dict[str, dict[str, str]] = {}
    for section in TEXT.split("\n### ")[1:]:
        name, _, body = section.partition("\n")
        base = re.search(r"^An? (\w+), and:$", body, re.MULTILINE)
        found[name] = {**(found[base[1]] if base else {}), **dict(re.findall(r"^\| `(\S+)` \| (.+?) \|", body, re.M))}
    return found


SHAPES = shapes()


def faults(value: Any, of: str, where: str = "") -> list[str]:
    """Where a value is not what its type says."""
    if of in _PLAIN:
        return [] if _PLAIN[of](value) else [f"{where}: {value!r} is no {of}"]
    if of.endswith(" or null"):
        return [] if value is None else faults(value, of.removesuffix(" or null"), where)
    several = of.startswith("list of ")
    if not isinstance(value, list if several else dict):
        return [f"{where}: {value!r} is no {of}"]
    if several:
        return [fault for one in value for fault in faults(one, of.removeprefix("list of "), f"{where}[]")]
    if of.endswith(" by name"):
        return [
            fault for name, one in value.items() for fault in faults(one, of.removesuffix(" by name"), where + ".*")
        ]
    return _of_shape(value, SHAPES[of], where)


def _of_shape(value: dict[str, Any], fields: dict[str, str], where: str) -> list[str]:
    needed = {name for name in fields if not name.endswith("?")}
    types = {name.removesuffix("?"): of for name, of in fields.items()}
    found = [f"{where}.{name}: not documented" for name in value if name not in types]
    found += [f"{where}.{name}: not printed" for name in needed if name not in value]
    return found + [
        fault for name, one in value.items() if name in types for fault in faults(one, types[name], f"{where}.{name}")
    ]
