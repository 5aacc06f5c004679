"""The findings of one actor, session and family become episodes: runs without a long silence between them (event time).

What comes out depends on what was found, not on the order in which it came or how often. An episode that began in the
same stretch of time (of the length of the silence) has the same name, so it keeps it while it grows; no two can begin
in one stretch. An earlier finding that comes late may join two episodes, or give one an earlier beginning.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas.finding import Finding

#: Findings of one group that are kept; of further ones nothing is known but that there were more.
MOST = 1000


class Kept(msgspec.Struct, array_like=True, gc=False):
    """A finding as it is now, and the first and the last event time that it ever had (microseconds)."""

    finding: Finding
    first: int
    last: int


class Episode(msgspec.Struct, gc=False):
    """Findings that belong together, oldest first."""

    kept: list[Kept]
    first: int
    last: int

    @property
    def findings(self) -> list[Finding]:
        """As they are now."""
        return [one.finding for one in self.kept]


def keep(known: dict[str, Kept], finding: Finding) -> bool:
    """Take in a finding or a revision of one; False if that changes nothing, or there is no room for another."""
    one = known.get(finding.finding_id)
    if one is None:
        if len(known) >= MOST:
            return False
        known[finding.finding_id] = Kept(finding, finding.time, finding.time)
        return True
    spread = (min(one.first, finding.time), max(one.last, finding.time))
    if finding.revision <= one.finding.revision and spread == (one.first, one.last):
        return False
    one.first, one.last = spread
    if finding.revision > one.finding.revision:
        one.finding = finding
    return True


def episodes(known: Iterable[Kept], quiet: int) -> list[Episode]:
    """Episodes of the findings that stand, oldest first; `quiet`: microseconds of silence that end one."""
    standing = sorted(
        (one for one in known if not one.finding.retracted), key=lambda one: (one.first, one.finding.finding_id)
    )
    found: list[Episode] = []
    for one in standing:
        if found and one.first - found[-1].last <= quiet:
            found[-1].kept.append(one)
            found[-1].last = max(found[-1].last, one.last)
        else:
            found.append(Episode([one], one.first, one.last))
    return found
