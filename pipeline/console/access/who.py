"""Somebody who asks: a person who signed in, a program with a key, or whoever sits at this machine."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, NamedTuple

from starlette.requests import HTTPConnection

from pipeline.report.content import ROLES, Content

Scope = Literal["read", "write", "collect"]
#: `read`: questions. `write`: everything that changes something. `collect`: sending events, and nothing else.
SCOPES: tuple[Scope, ...] = ("read", "write", "collect")
#: Where the gate leaves in a request who it is from.
STATE = "whodid.who"


class Role(IntEnum):
    """What somebody may do; whoever may do more may do all that those below may."""

    VIEWER = 1
    ANALYST = 2
    RESPONDER = 3
    ADMIN = 4

    @property
    def title(self) -> str:
        """The name in settings, commands and answers."""
        return self.name.lower()


BY_TITLE = {role.title: role for role in Role}


class Who(NamedTuple):
    """Who a request is from."""

    #: Of a person what the identity provider says (an address), of a key its name, `local` on an open desk.
    name: str
    role: Role
    #: What of prompts, arguments, results and raw records they may read (`pipeline.report.content`).
    content: Content
    scopes: frozenset[Scope]
    #: How that is known: `open` (nobody has to say), `key`, `oidc`.
    via: Literal["open", "key", "oidc"]
    #: The session of a browser, and the key that a request or a session is by; empty where there is none.
    session: str = ""
    key: str = ""

    @property
    def known(self) -> bool:
        """Whether somebody signed in: then what they decide is in their name, whatever a form says."""
        return self.via != "open"

    @property
    def reads(self) -> bool:
        """Whether they may read contents, and so may ask for entries by words in them: to be told which have a word
        is to be told the word."""
        return self.content != "hashes"


#: Everybody, on a desk that asks for no login.
LOCAL = Who("local", Role.ADMIN, ROLES[Role.ADMIN.title], frozenset(SCOPES), "open")


def who(request: HTTPConnection) -> Who:
    """Who a request is from. A KeyError is a bug: no gate stands before the route."""
    found: Who = request.scope[STATE]
    return found


def caller(request: HTTPConnection) -> Who | None:
    """The same on a route that is open to everybody; None for a stranger."""
    found: Who | None = request.scope[STATE]
    return found
