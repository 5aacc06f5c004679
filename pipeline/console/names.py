"""The names of identities become the JSON objects of the API and of the command line.

* another name of an identity: `name`, `because` (`alias`, or the name of a rule), `of` (the name that it is the same
  as); of an alias `reason`, `by` and `at`, else empty, empty and null
* an alias: `name`, `identity`, `reason`, `by`, `at`, `removed` (somebody took it back)
* a rule: `name`, `holds` (which names are one), `source`, `example` (two names)

Keys may be added; none changes its meaning within `/v1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.console import asked
from pipeline.console.shapes import iso
from pipeline.kit.failures import Invalid
from pipeline.store import aliases
from pipeline.store.aliases import Alias, Known
from pipeline.store.pivots import Rows
from pipeline.store.rules import RULES

PARAMETERS = ("of", "history")


def listing(store: Rows, given: Mapping[str, str]) -> dict[str, Any]:
    """`aliases`, with `history` all that ever were; `rules`; and the `names` of the identity `of`, null if not asked.

    With `of`, aliases are only those that name or named one of the identity's names. Raises Invalid.
    """
    asked.only(given, PARAMETERS)
    said = aliases.changes(store) if asked.flag(given, "history") else aliases.aliases(store)
    names, value = None, given.get("of", "")
    if len(value) > asked.MAX_VALUE:
        raise Invalid("of", f"1 to {asked.MAX_VALUE} characters", f"{len(value)} characters")
    if value:
        names = aliases.known(store, [value])[value]
        ours = {value, *(one.name for one in names)}
        said = [one for one in said if one.name in ours or one.identity in ours]
    return {
        "of": value or None,
        "names": None if names is None else [name(one) for one in names],
        "aliases": [alias(one) for one in said],
        "rules": [
            {"name": rule.name, "holds": rule.holds, "source": rule.source, "example": list(rule.example)}
            for rule in RULES
        ],
    }


def name(one: Known) -> dict[str, Any]:
    """Another name of an identity."""
    return {**one._asdict(), "at": None if one.at is None else iso(one.at)}


def alias(one: Alias) -> dict[str, Any]:
    """An alias."""
    return {**one._asdict(), "at": iso(one.at)}
