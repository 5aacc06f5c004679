"""A line loads the modules of the command that it names, and no others."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.cli.main import MODULES, app
from tests.cli.tree import COMMANDS


def modules_of(group: Any) -> Iterator[str]:
    if group.registered_callback:
        yield group.registered_callback.callback.__module__
    for command in group.registered_commands:
        yield command.callback.__module__
    for below in group.registered_groups:
        yield from modules_of(below.typer_instance)


def test_the_table_of_modules_is_that_of_the_commands() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for command in app.registered_commands:
        callback: Any = command.callback
        found[command.name or callback.__name__.replace("_", "-")].add(callback.__module__)
    for group in app.registered_groups:
        found[str(group.name)].update(modules_of(group.typer_instance))
    assert set(found) == {name.split()[0] for name in COMMANDS}
    stated: dict[str, set[str]] = defaultdict(set)
    for module, commands in MODULES.items():
        for command in commands.split():
            stated[command].add(f"pipeline.cli.{module}")
    assert stated == found


@pytest.mark.parametrize(
    ("line", "without"),
    [
        ("run normalize", "pipeline.console fastapi faust sklearn pipeline.cli.alerts"),
        ("timeline", "faust sklearn pipeline.cli.alerts"),
    ],
)
def test_a_command_does_without_what_others_need(line: str, without: str) -> None:
    code = (
        "import sys; from pipeline.cli.main import main\n"
        "try: main()\nexcept SystemExit: print([name for name in sys.modules if name.startswith('pipeline.cli')])\n"
        f"print([name for name in {without.split()} if name in sys.modules], file=sys.stderr)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, *line.split(), "--help"], capture_output=True, text=True, check=True
    )
    assert shown.stderr.strip() == "[]"
    assert f"pipeline.cli.{'processes' if 'run' in line else 'outputs'}" in shown.stdout
