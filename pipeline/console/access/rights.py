"""The one table that says who may use which route. A route without a line in it does not start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount, compile_path

from pipeline.console.access.who import Role, Scope, Who
from pipeline.kit.failures import Permanent


class Right(NamedTuple):
    """What a route asks for: at least this role, and of a key this scope. Without a role it is open to everybody."""

    role: Role | None
    scope: Scope | None = None

    def allows(self, who: Who) -> bool:
        """Whether somebody has it."""
        return self.role is None or (who.role >= self.role and self.scope in who.scopes)


#: For everybody, strangers too.
OPEN = Right(None)
#: For producers: any key with the scope `collect`.
COLLECT = Right(Role.VIEWER, "collect")


def reads(role: Role) -> Right:
    """Of a POST that only asks something."""
    return Right(role, "read")


#: Method and path as the route is declared → the least role. Of a key a GET takes the scope `read`, all else `write`.
#: Add a route: add its line.
RIGHTS: dict[str, Role | Right] = {
    # Strangers.
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /login": OPEN,
    "POST /login": OPEN,
    "GET /login/oidc": OPEN,
    "GET /login/callback": OPEN,
    # Questions.
    "GET /v1/openapi.json": Role.VIEWER,
    "GET /v1/me": Role.VIEWER,
    "GET /v1/timeline": Role.VIEWER,
    "GET /v1/events/{event_id:path}": Role.VIEWER,
    "GET /v1/identities": Role.VIEWER,
    "GET /v1/identities/{name:path}": Role.VIEWER,
    "GET /v1/credentials": Role.VIEWER,
    "GET /v1/credentials/{name:path}": Role.VIEWER,
    "GET /v1/sessions": Role.VIEWER,
    "GET /v1/sessions/{name:path}": Role.VIEWER,
    "GET /v1/aliases": Role.VIEWER,
    "GET /v1/findings": Role.VIEWER,
    "GET /v1/findings/{finding_id:path}": Role.VIEWER,
    "GET /v1/alerts": Role.VIEWER,
    "GET /v1/alerts/{alert_id}": Role.VIEWER,
    "GET /v1/reconstruct": Role.VIEWER,
    "GET /v1/reconstruct/bundle": Role.VIEWER,
    "GET /v1/status": Role.VIEWER,
    "GET /metrics": Role.VIEWER,
    "GET /v1/coverage": Role.VIEWER,
    "GET /v1/search": Role.VIEWER,
    "GET /v1/search/count": Role.VIEWER,
    "GET /v1/search/histogram": Role.VIEWER,
    "GET /v1/search/points": Role.VIEWER,
    "GET /v1/complete": Role.VIEWER,
    "GET /v1/fields": Role.VIEWER,
    "GET /v1/tail": Role.VIEWER,
    "GET /v1/export": Role.ANALYST,
    "GET /v1/evidence/heads": Role.VIEWER,
    "GET /v1/evidence/keys": Role.VIEWER,
    "GET /v1/evidence/proof/{event_id:path}": Role.VIEWER,
    # What may hold what nobody has masked; what costs much.
    "GET /v1/dead-letters": Role.ANALYST,
    "GET /v1/dead-letters/{rejected_id:path}": Role.ANALYST,
    "GET /v1/deliveries": Role.ANALYST,
    "GET /v1/responses": Role.ANALYST,
    "GET /v1/evidence/verify": Role.ANALYST,
    "POST /v1/evidence/verify": reads(Role.ANALYST),
    # Decisions. What touches a response takes more: see DECISIONS.
    "POST /v1/{kind}/{about}/decisions": Role.ANALYST,
    "POST /alerts/{name}/decide": Role.ANALYST,
    # What people say of what they see.
    "GET /v1/cases": Role.VIEWER,
    "GET /v1/cases/{case_id}": Role.VIEWER,
    "GET /v1/cases/{case_id}/export": Role.VIEWER,
    "POST /v1/cases": Role.ANALYST,
    "PATCH /v1/cases/{case_id}": Role.ANALYST,
    "GET /v1/notes/{about}/{name:path}": Role.VIEWER,
    "POST /v1/notes/{about}/{name:path}": Role.ANALYST,
    "DELETE /v1/notes/{about}/{note_id}/{name:path}": Role.ANALYST,
    "GET /v1/views": Role.VIEWER,
    "POST /v1/views": Role.ANALYST,
    "DELETE /v1/views/{name:path}": Role.ANALYST,
    "POST /cases": Role.ANALYST,
    "POST /cases/{name}/change": Role.ANALYST,
    "POST /cases/{name}/notes": Role.ANALYST,
    "POST /cases/{name}/notes/{note_id}/remove": Role.ANALYST,
    "POST /notes/{about}/{name:path}": Role.ANALYST,
    "POST /pins": Role.ANALYST,
    "POST /views": Role.ANALYST,
    "POST /views/drop": Role.ANALYST,
    # Pages.
    "GET /": Role.VIEWER,
    "GET /timeline": Role.VIEWER,
    "GET /events/{name:path}": Role.VIEWER,
    "GET /records/{name:path}": Role.VIEWER,
    "GET /inventory": Role.VIEWER,
    "GET /identities/{name:path}": Role.VIEWER,
    "GET /credentials/{name:path}": Role.VIEWER,
    "GET /sessions/{name:path}": Role.VIEWER,
    "GET /findings": Role.VIEWER,
    "GET /findings/{name:path}": Role.VIEWER,
    "GET /alerts": Role.VIEWER,
    "GET /alerts/{name:path}": Role.VIEWER,
    "GET /reconstruct": Role.VIEWER,
    "GET /cases": Role.VIEWER,
    "GET /cases/{name}": Role.VIEWER,
    "GET /cases/{name}/story": Role.VIEWER,
    "GET /pins": Role.ANALYST,
    "GET /views": Role.VIEWER,
    "GET /status": Role.VIEWER,
    "GET /coverage": Role.VIEWER,
    "GET /dead-letters": Role.ANALYST,
    "GET /dead-letters/{name:path}": Role.ANALYST,
    "GET /settings": Role.ADMIN,
    # A reader may end what they began, whatever else they may.
    "POST /logout": reads(Role.VIEWER),
    # Who may use the desk, and who has read what.
    "GET /v1/keys": Role.ADMIN,
    "POST /v1/keys": Role.ADMIN,
    "DELETE /v1/keys/{key_id}": Role.ADMIN,
    "GET /v1/reads": Role.ADMIN,
    # Producers.
    "POST /v1/events/{topic}": COLLECT,
    "POST /v1/traces": COLLECT,
    "POST /v1/logs": COLLECT,
    "POST /v1/firehose/{topic}": COLLECT,
    "POST /v1/pubsub/{topic}": COLLECT,
}
#: The least role for a decision that is none of an analyst's: it has something done to somebody's credential.
DECISIONS: dict[str, Role] = {"request": Role.RESPONDER, "approve": Role.RESPONDER, "reject": Role.RESPONDER}
#: Read only, and the same for everybody: files below a mount.
MOUNTS: dict[str, Right] = {"/static": OPEN}
#: What costs much, and how many of each are answered at once.
HEAVY: dict[str, int] = {
    "GET /v1/reconstruct": 4,
    "GET /v1/reconstruct/bundle": 2,
    "GET /reconstruct": 4,
    "GET /cases/{name}/story": 4,
    "GET /v1/export": 4,
    "GET /v1/evidence/verify": 1,
    "POST /v1/evidence/verify": 1,
}


class Line(NamedTuple):
    """A line of the table, ready to be compared with requests."""

    name: str
    method: str
    path: re.Pattern[str]
    right: Right


class Table:
    """All lines. Of a request that fits several, every one must allow it: no order of routes can open a gap."""

    def __init__(self, rights: dict[str, Role | Right] | None = None) -> None:
        given = RIGHTS if rights is None else rights
        self._lines = [_line(name, right) for name, right in given.items()]
        self._lines += [Line(path, "GET", re.compile(f"^{re.escape(path)}/"), right) for path, right in MOUNTS.items()]

    def rights(self, method: str, path: str) -> list[Right]:
        """What a request needs, all of it; nothing when there is no such route. HEAD is a GET."""
        return [line.right for line in self._matching(method, path)]

    def names(self, method: str, path: str) -> list[str]:
        """The lines that a request fits."""
        return [line.name for line in self._matching(method, path)]

    def methods(self, path: str) -> list[str]:
        """The methods that a path has; none when there is no such path."""
        return sorted({line.method for line in self._lines if line.path.match(path)})

    def _matching(self, method: str, path: str) -> list[Line]:
        method = "GET" if method == "HEAD" else method
        return [line for line in self._lines if line.method == method and line.path.match(path)]


def check(routes: Iterable[BaseRoute], rights: dict[str, Role | Right] | None = None) -> None:
    """Raises Permanent for a route without a line."""
    known = RIGHTS if rights is None else rights
    missing = sorted(name for name in names(routes) if name not in known and name not in MOUNTS)
    if missing:
        raise Permanent(
            f"rights: no line for {', '.join(missing)}: add one to RIGHTS in pipeline/console/access/rights.py"
        )


def names(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Every route as the table names it; a mount by its path."""
    for one in iter_route_contexts(list(routes)):
        if isinstance(one.original_route, Mount):
            yield str(one.path)
            continue
        # Whatever has no methods (a socket, a frontend) has no line either, and is refused by its path.
        for method in sorted((one.methods or {"ANY"}) - {"HEAD"}):
            yield f"{method} {one.path}"


def _line(name: str, right: Role | Right) -> Line:
    method, _, path = name.partition(" ")
    if isinstance(right, Role):
        right = Right(right, "read" if method == "GET" else "write")
    return Line(name, method, compile_path(path)[0], right)
