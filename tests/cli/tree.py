"""The commands of `whodid`, all of them: a new one is found here by itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from pipeline.cli.main import app, register

register()
ROOT: Any = get_command(app)


def leaves(group: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""
    for name, command in group.commands.items():
        words = (*path, name)
        if hasattr(command, "commands"):
            if getattr(command, "invoke_without_command", False):
                yield " ".join(words), command
            yield from leaves(command, words)
        else:
            yield " ".join(words), command


COMMANDS = dict(leaves())
#: Those that print what they read, or what they did, in the format that is asked for.
PRINTING = {
    name
    for name, one in COMMANDS.items()
    if any("--format" in param.opts and "jsonl" in (param.help or "") for param in one.params)
}


def examples(command: Any) -> list[list[str]]:
    """The examples of its help, as a shell would split them, without what takes their output."""
    _, _, told = (command.help or "").partition("Example")
    lines = [line.strip() for line in told.partition(":")[2].splitlines()]
    found = [line for line in lines if re.match(r"([A-Z_]+=\S+ )*whodid ", line)]
    return [
        shlex.split(re.sub(r"^([A-Z_]+=\S+ )+", "", line).partition(" | ")[0].partition(" > ")[0])[1:] for line in found
    ]


def parsed(words: list[str]) -> str:
    """The command that a line is of. Raises a usage error for a line that the program would refuse."""
    command, path = ROOT, []
    context = ROOT.make_context("whodid", list(words))
    while hasattr(command, "commands"):
        rest = [*context._protected_args, *context.args]
        if not rest:
            break
        name, command, rest = command.resolve_command(context, rest)
        path.append(name)
        context = command.make_context(name, rest, parent=context)
    return " ".join(path)
