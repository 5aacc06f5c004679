"""Objects become tables of a terminal: as wide as it is, every text shown as text."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.console.inert import inert

#: Width when the output is a file or a pipe.
_PIPE_WIDTH = 160
#: Columns of the terminal that a column of a table needs to be read, and blanks between two of them.
_LEAST, _BETWEEN = 8, 2
#: Colours of a confidence, from this value on.
_SURETIES = ((0.9, "green"), (0.7, "yellow"), (0.000001, "dark_orange"), (float("-inf"), "red"))


class Column(NamedTuple):
    """One column of a table."""

    title: str
    text: Callable[[Mapping[str, Any]], str]
    #: Whether it is never shortened; else its share of the width.
    whole: bool = False
    weight: int = 1
    #: The confidence that gives it its colour.
    surety: Callable[[Mapping[str, Any]], float] | None = None


def grid(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], out: TextIO) -> None:
    """A table with a header."""
    console = _console(out)
    cells = [[_cell(column, row) for column in columns] for row in rows]
    cramped = _cramped(columns, cells, console.width)
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        width = _longest(column, number, cells, str.split) if column.whole and cramped else None
        ratio = None if column.whole else column.weight
        table.add_column(column.title, no_wrap=column.whole and not cramped, width=width, ratio=ratio, overflow="fold")
    for line in cells:
        table.add_row(*line)
    console.print(table)


def pairs(items: Iterable[tuple[str, object]], out: TextIO) -> None:
    """Names and values, one pair a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in items:
        table.add_row(_plain(name), _plain(str(value)))
    _console(out).print(table)


def paragraph(text: str, out: TextIO) -> None:
    """Words that break where the terminal ends."""
    _console(out).print(_plain(text), overflow="fold")


def _cramped(columns: Sequence[Column], cells: Sequence[Sequence[Text]], width: int) -> bool:
    """Whether columns that are never shortened leave too little to the others: then they break at blanks, too."""
    whole = [_longest(column, number, cells, str.splitlines) for number, column in enumerate(columns) if column.whole]
    others = len(columns) - len(whole)
    return width - sum(whole) - _BETWEEN * (len(columns) - 1) < _LEAST * others


def _longest(column: Column, number: int, cells: Sequence[Sequence[Text]], parts: Callable[[str], list[str]]) -> int:
    """The widest line, or word, of a column."""
    texts = [column.title, *(line[number].plain for line in cells)]
    return max((cell_len(part) for text in texts for part in parts(text)), default=1)


def _cell(column: Column, row: Mapping[str, Any]) -> Text:
    # Lines are ours, what is between them is not.
    style = _style(column.surety(row)) if column.surety else ""
    return Text("\n".join(map(inert, column.text(row).split("\n"))), style=style)


def _style(confidence: float) -> str:
    return next(style for least, style in _SURETIES if confidence >= least)


def _plain(text: str) -> Text:
    # Text and not str: rich would take [red] in a log line for an instruction.
    return Text(inert(text))


def _console(out: TextIO) -> Console:
    width = None if out.isatty() else shutil.get_terminal_size((_PIPE_WIDTH, 25)).columns
    return Console(file=out, width=width, highlight=False, markup=False, emoji=False)
