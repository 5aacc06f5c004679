"""Who acts for whom becomes one chain of names: the current actor first, whoever it all began with last.

RFC 8693, section 4.1: claims nest `act`; the outermost names the current actor, the deepest the earliest, and the
subject of the token is whom they all act for. `pipeline.correlate.route` makes the attribute the beginning of the
Entry's `on_behalf_of`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pipeline.normalize.documents import mapping, string
from schemas.event import DELEGATION

#: Characters of one name and of the list; delegates of a token that are looked at.
_NAME, _LIST, _DEEPEST = 256, 1900, 32


def chain_of(claims: dict[str, Any]) -> list[str]:
    """The chain that a token's claims state: each `act`, outermost first, then the subject; empty without `act`."""
    names: list[str] = []
    act = mapping(claims.get("act"))
    while act and len(names) < _DEEPEST:
        names.append(string(act.get("sub")) or string(act.get("client_id")))
        act = mapping(act.get("act"))
    return [*names, string(claims.get("sub"))] if names else []


def delegation(names: Iterable[str]) -> dict[str, str]:
    """The attribute that states a chain; none when nobody acts for somebody else."""
    chain = list(dict.fromkeys(name[:_NAME] for name in names if name))
    if len(chain) < 2:
        return {}
    stated = json.dumps(chain, ensure_ascii=False)
    while len(stated) > _LIST and len(chain) > 2:
        # Who acts and whom it all began with matter most, so the middle gives way, and says so.
        chain = [*chain[: len(chain) // 2 - 1], "…", *chain[len(chain) // 2 + 1 :]]
        stated = json.dumps(chain, ensure_ascii=False)
    return {DELEGATION: stated}
