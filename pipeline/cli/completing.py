"""Values that a shell completes: names of the inventory and of detections, as far as they can be had at once.

In:     the options that the line has so far, and the beginning of a value
Out:    names that begin like it
Fails:  never: what cannot be had is not completed

Names come out of logs, so they are hostile: one that a shell would not take for one plain word is not offered, since
`$(…)` on a line that somebody sends off would be run.
"""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from pipeline.cli.desk import DeskReader
from pipeline.cli.reader import Reader
from pipeline.cli.remote import address_of, open_reader
from pipeline.cli.stored import Place, Shown
from pipeline.kit.failures import Failure
from pipeline.score import definition
from pipeline.score.rules.rulebook import Rulebook
from pipeline.store.inventory import Of

#: Names that are looked at, the latest of the inventory.
LATEST = 2000
#: Options that name a store.
_STORE = ("clickhouse", "store", "data_dir")
Completing = Callable[[typer.Context, str], list[str]]


def detections(context: typer.Context, incomplete: str) -> list[str]:
    """Names of detections, those of the folder of rules too."""
    with _quiet():
        place = _place(context)
        rules = Rulebook.load(context.params.get("rules") or place.settings.rules)
        return _plain([*definition.built_in(), *rules.definitions], incomplete)
    return []


def _inventory(of: Of) -> Completing:
    def complete(context: typer.Context, incomplete: str) -> list[str]:
        """Names of the inventory, the latest first."""
        with _quiet(), _reader(context) as source:
            found = source.inventory(of, {}, LATEST) if source else iter(())
            return _plain([row["name"] for row in found], incomplete)
        return []

    return complete


identities, credentials, sessions = _inventory("identities"), _inventory("credentials"), _inventory("sessions")


def _plain(names: list[str], incomplete: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete) and shlex.quote(name) == name]


def _place(context: typer.Context) -> Place:
    clickhouse, store, data_dir = (context.params.get(name) for name in _STORE)
    return Place(Shown.TABLE, clickhouse, store, data_dir, context.params.get("port"))


@contextmanager
def _reader(context: typer.Context) -> Iterator[Reader | None]:
    """A reader, or none: an embedded store that the line does not name is left to who has it, or is about to."""
    settings = _place(context).settings
    named = any(context.params.get(name) for name in _STORE)
    if settings.clickhouse.startswith("chdb:") and not named:
        desk = DeskReader(address_of(settings))
        yield desk if desk.owns(settings.clickhouse) else None
        return
    source = open_reader(settings)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is said in the middle of a line, and nothing fails there."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(Failure, OSError, typer.Exit):
        yield
