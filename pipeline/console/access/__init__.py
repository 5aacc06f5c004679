"""Who may use the desk, and what of contents they may read (docs/access.md).

A route of the desk needs two things of this package: its line in `rights.RIGHTS`, and, if it wants to know who asks,
`who(request)`.
"""

from __future__ import annotations

from pipeline.console.access.rights import COLLECT, OPEN, RIGHTS, reads
from pipeline.console.access.who import Role, Who, who

__all__ = ["COLLECT", "OPEN", "RIGHTS", "Role", "Who", "reads", "who"]
