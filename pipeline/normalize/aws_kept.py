"""What rules ask of CloudTrail's requests and answers besides names: a few small fields, kept under their own names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.normalize.documents import text_of

#: None of them holds a secret or a name that is among the resources already.
PATHS = (
    "requestParameters.attribute", "requestParameters.attributeName", "requestParameters.setAsDefault",
    "requestParameters.publiclyAccessible", "requestParameters.enable", "requestParameters.withDecryption",
    "requestParameters.documentName", "requestParameters.regionName",
    "requestParameters.status", "requestParameters.peerOwnerId", "requestParameters.VersioningConfiguration.Status",
    "requestParameters.PublicAccessBlockConfiguration.BlockPublicAcls",
    "requestParameters.PublicAccessBlockConfiguration.IgnorePublicAcls",
    "requestParameters.PublicAccessBlockConfiguration.BlockPublicPolicy",
    "requestParameters.PublicAccessBlockConfiguration.RestrictPublicBuckets",
    "responseElements.ConsoleLogin", "responseElements.publiclyAccessible", "responseElements.command.status",
    "additionalEventData.MFAUsed", "additionalEventData.MobileVersion",
)  # fmt: skip
Tree = dict[str, "Tree | str"]


def _tree() -> Tree:
    made: Tree = {}
    for path in PATHS:
        *parents, name = path.split(".")
        at = made
        for parent in parents:
            below = at.setdefault(parent, {})
            assert isinstance(below, dict)  # noqa: S101  (a path that is the beginning of another has no place)
            at = below
        at[name] = path
    return made


_TREE = _tree()
_NAMES = {part: frozenset(below) for part, below in _TREE.items()}


def kept(part: str, found: object) -> list[tuple[str, str]]:
    """Of `requestParameters`, `responseElements` or `additionalEventData`: the fields that are kept."""
    # Most records have none of them.
    if not isinstance(found, dict) or _NAMES[part].isdisjoint(found):
        return []
    below = _TREE[part]
    return list(_walked(found, below)) if isinstance(below, dict) else []


def _walked(found: dict[str, Any], tree: Tree) -> Iterator[tuple[str, str]]:
    # In an order of their own, whatever that of the record: equal records make equal events.
    for name, below in tree.items():
        value = found.get(name)
        if isinstance(below, str):
            if isinstance(value, str | bool | int):
                yield below, text_of(value)
        elif isinstance(value, dict):
            yield from _walked(value, below)
