"""What every command that asks a store has in common: which store, and how rows are printed."""

from __future__ import annotations

import getpass
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipeline.cli.main import settings_from
from pipeline.cli.reader import Reader
from pipeline.cli.remote import open_reader, open_store
from pipeline.kit.config import Settings
from pipeline.store import Store

View = Literal["table", "json", "jsonl", "csv"]


class Shown(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


#: Options by the name of their parameter: annotation and default.
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "format_": (Annotated[Shown, typer.Option("--format", help="table, json, jsonl or csv.")], Shown.TABLE),
    "clickhouse": (
        Annotated[str | None, typer.Option(help="chdb:///path or http://user:secret@host:port/db.")], None
    ),
    "store": (Annotated[Path | None, typer.Option("--store", help="Directory of an embedded store.")], None),
    "data_dir": (Annotated[Path | None, typer.Option(help="Where the embedded store lives.")], None),
    "port": (Annotated[int | None, typer.Option(help="Port of the running desk that owns the embedded store.")], None),
    "key": (Annotated[str | None, typer.Option(
        help="Key with which that desk is asked; better in WHODID_API_KEY, where no list of processes shows it."
    )], None),
}  # fmt: skip


class Place:
    """The store that a command's options name, and how they want rows printed."""

    def __init__(
        self, format_: Shown, clickhouse: str | None, store: Path | None, data_dir: Path | None, port: int | None,
        key: str | None = None,
    ) -> None:  # fmt: skip
        self.view: View = format_.value
        self.settings = _settings(clickhouse, store, data_dir, port)
        if key is not None:
            self.settings.api_key = key

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """A Reader of it."""
        source = open_reader(self.settings)
        try:
            yield source
        finally:
            source.close()

    def store(self) -> Store:
        """The store itself, to be written to."""
        return open_store(self.settings)


def stored(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first parameter is a Place: it gets the options that make one, after its own."""
    signature = inspect.signature(command, eval_str=True)
    shared = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
        for name, (annotation, default) in _OPTIONS.items()
    ]
    parameters = [*list(signature.parameters.values())[1:], *shared]

    @wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401
        command(Place(*[given.pop(name) for name in _OPTIONS]), **given)

    # Typer reads both, and would follow `__wrapped__` to the parameter that is no option.
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__
    return run


def _settings(clickhouse: str | None, store: Path | None, data_dir: Path | None, port: int | None) -> Settings:
    """Of the store that options and environment name; by default the embedded one in the data directory."""
    settings = settings_from(data_dir=data_dir, port=port)
    if store is not None or (clickhouse is None and settings.clickhouse == "chdb://memory"):
        clickhouse = f"chdb://{(store or settings.data_dir / 'clickhouse').resolve()}"
    return settings_from(data_dir=data_dir, port=port, clickhouse=clickhouse)


def user() -> str:
    """The user of this terminal, who says or decides; empty under a number that has no name, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
