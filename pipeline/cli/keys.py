"""The commands `keys` and `reads`: who may use the desk, and who has read whose prompts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any, Protocol

import typer

from pipeline.cli import keys_views
from pipeline.cli.main import app
from pipeline.cli.remote import desk_of, open_store
from pipeline.cli.stored import Place, stored, user
from pipeline.console import asked
from pipeline.console.access import keys, record
from pipeline.console.access.api import make_key
from pipeline.console.access.doors import Doors
from pipeline.console.access.record import Recorder
from pipeline.console.access.who import LOCAL
from pipeline.console.shapes import moment
from pipeline.kit.config import Settings
from pipeline.store import Store, access

commands = typer.Typer(
    help="Keys with which programs ask a desk, and people too who have no identity provider.", no_args_is_help=True
)
app.add_typer(commands, name="keys")

Shape = dict[str, Any]


class RoleName(StrEnum):
    """What the owner of a key may do."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    RESPONDER = "responder"
    ADMIN = "admin"


class ScopeName(StrEnum):
    """What a key is for."""

    READ = "read"
    WRITE = "write"
    COLLECT = "collect"


class Keeper(Protocol):
    """What keeps keys: a desk, or the store itself."""

    def all_keys(self) -> list[Shape]:
        """Every key that there ever was."""

    def make_key(self, given: Mapping[str, Any]) -> Shape:
        """Make one; `key` is in the answer this once. Raises Invalid."""

    def revoke_key(self, key_id: str) -> Shape | None:
        """Revoke one; None if there is none of that id."""

    def reads(self, given: Mapping[str, str]) -> list[Shape]:
        """Who read whose contents, latest first."""


class StoreKeeper:
    """The store itself, by whoever has it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._doors = Doors(store, settings, any_key=True)
        self._recorder = Recorder(store, None)
        self._who = LOCAL._replace(name=user() or LOCAL.name)

    def all_keys(self) -> list[Shape]:
        """See Keeper."""
        used = access.last_uses(self._store)
        return [keys.shape(one, used.get(one.key_id)) for one in access.keys(self._store)]

    def make_key(self, given: Mapping[str, Any]) -> Shape:
        """See Keeper."""
        return make_key(self._doors, self._recorder, dict(given), self._who, "")

    def revoke_key(self, key_id: str) -> Shape | None:
        """See Keeper."""
        found = self._doors.revoke(key_id, self._who.name)
        if found is None:
            return None
        self._recorder.login("key.revoke", self._who.name, "open", "", about=key_id)
        return keys.shape(found, None)

    def reads(self, given: Mapping[str, str]) -> list[Shape]:
        """See Keeper."""
        before = moment(given["before"], "before") if given.get("before") else None
        limit = asked.number(given, "limit", 100, 1, 1000)
        return [record.shape(one) for one in access.reads(self._store, given, before, limit)]


@contextmanager
def _keeper(place: Place) -> Iterator[Keeper]:
    """Of the desk that owns an embedded store, else of the store itself."""
    desk = desk_of(place.settings)
    if place.settings.clickhouse.startswith("chdb:") and desk.owns(place.settings.clickhouse):
        yield desk
        return
    with open_store(place.settings) as store:
        yield StoreKeeper(store, place.settings)


@commands.command()
@stored
def create(
    place: Place,
    name: Annotated[str, typer.Argument(help="Whose it is: a person, a program.", show_default=False)],
    role: Annotated[RoleName, typer.Option(help="What they may do.", show_default=False)],
    scope: Annotated[
        list[ScopeName] | None,
        typer.Option(help="read: ask. write: decide, note, change. collect: send events. May be given again."),
    ] = None,
    content: Annotated[
        bool, typer.Option("--content", help="It may read prompts, arguments and results as its role may.")
    ] = False,
    expires: Annotated[str, typer.Option(help="When it ends: 90d, 12h, 30m.")] = "90d",
) -> None:
    """Make a key and show it, this once. From the first key on, nobody uses the desk without one or a login.

    Without --content texts are shown as hashes, whatever the role is. Without --scope it may only read.

    Examples:
      whodid keys create ana --role admin --scope read --scope write --content
      whodid keys create siem --role viewer --expires 365d
      whodid keys create otel-gateway --role viewer --scope collect
    """
    scopes = [one.value for one in scope or [ScopeName.READ]]
    given = {"name": name, "role": role.value, "scopes": scopes, "content": content, "expires": expires}
    with _keeper(place) as source:
        # Before: with the first key, whoever has none is a stranger.
        governed = any(one["state"] == "live" and _governs(one) for one in source.all_keys())
        made = source.make_key(given)
    keys_views.made(made, place.view, sys.stdout)
    if not governed and not _governs(made):
        typer.echo(
            "whodid: no key may make further keys through the desk; make one with "
            "--role admin --scope read --scope write, or end the desk to make it in the store", err=True,
        )  # fmt: skip


@commands.command("list")
@stored
def list_keys(
    place: Place, all_: Annotated[bool, typer.Option("--all", help="Also those that are revoked or expired.")] = False
) -> None:
    """Print keys: whose, what they may do, until when, and when they were used last. Never the keys themselves.

    Examples:
      whodid keys list
      whodid keys list --all --format json
    """
    with _keeper(place) as source:
        found = [one for one in source.all_keys() if all_ or one["state"] == "live"]
    if not keys_views.keys(found, place.view, sys.stdout):
        typer.echo("whodid: keys: nothing found", err=True)
        raise typer.Exit(4)


@commands.command()
@stored
def revoke(
    place: Place, key_id: Annotated[str, typer.Argument(help="As `whodid keys list` shows it.", show_default=False)]
) -> None:
    """Revoke a key: it opens nothing any more, nor does any session that was opened with it.

    Examples:
      whodid keys revoke 4f0c9a1be2d7
    """
    with _keeper(place) as source:
        found = source.revoke_key(key_id)
    if found is None:
        typer.echo(f"whodid: keys: there is none with the id {key_id[:40]!r}", err=True)
        raise typer.Exit(4)
    keys_views.keys([found], place.view, sys.stdout)


@app.command()
@stored
def reads(
    place: Place,
    by: Annotated[str, typer.Option(help="Only what this person or key read.")] = "",
    of: Annotated[str, typer.Option(help="Only contents of this person or agent.")] = "",
    event: Annotated[str, typer.Option(help="Only of this event.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 100,
) -> None:
    """Print who read whose prompts, arguments, results and raw records at the desk, latest first.

    Examples:
      whodid reads --by ana
      whodid reads --of bob@example.com --format json
    """
    given = {"name": by, "subject": of, "event": event, "limit": str(limit)}
    with _keeper(place) as source:
        found = source.reads({name: value for name, value in given.items() if value})
    if not keys_views.reads(found, place.view, sys.stdout):
        typer.echo("whodid: reads: nothing found", err=True)
        raise typer.Exit(4)


def _governs(one: Shape) -> bool:
    return one["role"] == "admin" and {"read", "write"} <= set(one["scopes"])
