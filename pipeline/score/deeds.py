"""What an action does, by its name: looks or changes, hands out a secret, makes a credential, switches a log off, …

The names are in `deeds.yml`. An action that is not there is known by its verb alone.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

import yaml

_FILE = yaml.safe_load((resources.files("pipeline.score") / "deeds.yml").read_text("utf-8"))
#: What an action may do, one bit each, in this order.
NAMES = ("secret", "mint", "power", "blind", "dim", "share", "door", "run", "probe", "model", "open", "survey")
SECRET, MINT, POWER, BLIND, DIM, SHARE, DOOR, RUN, PROBE, MODEL, OPEN, SURVEY = (1 << bit for bit in range(len(NAMES)))
LOOK, CHANGE = 1 << len(NAMES), 2 << len(NAMES)
#: What an attacker is after: each of these counts as a step that matters.
GRAVE = SECRET | MINT | POWER | BLIND | SHARE | RUN
#: Actions that are remembered.
KNOWN = 65_536

_LOOKS = re.compile("(?:" + "|".join(" ".join(_FILE["looks"]).split()) + ")", re.IGNORECASE)
_TAKES = re.compile("assumerole|getsessiontoken|signin|consolelogin", re.IGNORECASE)
_UNLOOKS = re.compile("|".join(_FILE["unlooks"]), re.IGNORECASE)
_PATTERNS = tuple(
    (1 << bit, re.compile("|".join(fnmatch.translate(name) for name in _FILE[flag]), re.IGNORECASE))
    for bit, flag in enumerate(NAMES)
)


class Deed(NamedTuple):
    """What one action does."""

    #: Bits of the above.
    flags: int
    #: Whose action it is: `s3`, `kubernetes`; empty for a tool or a model.
    service: str


@lru_cache(maxsize=KNOWN)
def deed_of(action: str) -> Deed:
    """What an action does; one without a service (a tool, a model's turn) does nothing that is known."""
    service, colon, name = action.partition(":")
    if not colon:
        return Deed(0, "")
    flags = sum(flag for flag, pattern in _PATTERNS if pattern.match(action))
    # Names may be paths or dotted: `google.iam.admin.v1.CreateRole`, `Microsoft.Compute/virtualMachines/read`.
    verb = re.split(r"[./ ]", name)[-1] if service not in ("kubernetes", "vault") else name.partition(" ")[0]
    looks = bool(_LOOKS.match(verb)) and not _UNLOOKS.match(verb)
    if looks or flags & (SURVEY | PROBE):
        return Deed(flags | LOOK, service)
    # To take a role changes nothing, and a model that answers does not either.
    return Deed(flags if flags & MODEL or _TAKES.match(verb) else flags | CHANGE, service)


def names_of(flags: int) -> list[str]:
    """The names of some bits, for sentences."""
    return [name for bit, name in enumerate(NAMES) if flags >> bit & 1]
