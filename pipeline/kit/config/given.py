"""What the environment and the file of settings say, each value with where it stands, and everything that is wrong.

In:     variables (`WHODID_…`), a TOML file, files of secrets
Out:    Given: values by field; faults, each naming the key and the fix
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.kit.config.option import FILE, PREFIX, Option
from pipeline.kit.config.place import VARIABLE, config_file, secret_of, trusted_text
from pipeline.kit.failures import Invalid

#: Variables that are none of the settings: the file itself, the parent of a process, `pipeline.emit`, Grafana, tests.
OTHERS = (
    VARIABLE,
    "WHODID_PARENT",
    "WHODID_COLLECTOR",
    "WHODID_CLICKHOUSE_HOST",
    "WHODID_PROMETHEUS_URL",
    "WHODID_PICTURES",
)
TESTS = "WHODID_TEST_"
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*=""")
_TABLE = re.compile(r"\s*\[\s*([\w.-]+)\s*\]")


class Misconfigured(Invalid):
    """Settings are wrong; `faults` are all of them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("settings", "what docs/configuration.md says")
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(self.faults)


class Value(NamedTuple):
    """A value that is given, as it stands there, and where that is."""

    value: Any
    source: str
    where: str


@dataclass
class Given:
    """What one source says."""

    values: dict[str, Value] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def checked(self) -> dict[str, Any]:
        """Values alone. Raises Misconfigured."""
        if self.faults:
            raise Misconfigured(self.faults)
        return {name: one.value for name, one in self.values.items()}

    def secret(self, option: Option, path: Path, asked: str) -> None:
        """Take a secret out of its file."""
        if option.name in self.values:
            self.faults.append(f"{asked}: expected either this or the secret itself, got both: take one away")
            return
        try:
            self.values[option.name] = Value(secret_of(path, asked), "secret file", f"{path} ({asked})")
        except Invalid as failure:
            self.faults.append(str(failure))


def of_environment(known: Mapping[str, Option], environ: Mapping[str, str]) -> Given:
    """Variables. Empty is no number; of a path that may be left out it says that there is none."""
    given, files = Given(), {}
    variables = {one.variable: one for one in known.values()}
    secrets = {one.variable + FILE.upper(): one for one in known.values() if one.secret}
    for name in sorted(environ):
        value = environ[name]
        if name in variables:
            option = variables[name]
            given.values[option.name] = Value(None if option.optional and not value else value, "environment", name)
        elif name in secrets:
            files[name] = value
        elif name.startswith(PREFIX) and name not in OTHERS and not name.startswith(TESTS):
            given.faults.append(f"{name}: expected a variable of a setting{_meant(name, [*variables, *secrets])}")
    for name, value in files.items():
        if value:
            given.secret(secrets[name], Path(value), name)
    return given


def of_file(known: Mapping[str, Option], environ: Mapping[str, str]) -> Given:
    """The TOML file, if there is one."""
    given = Given()
    try:
        path = config_file(environ)
        if path is None:
            return given
        text = trusted_text(path)
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        given.faults.append(f"{path}: expected TOML: {error}")
        return given
    except Invalid as failure:
        given.faults.append(str(failure))
        return given
    _File(given, path, {one.place: one for one in known.values()}, _lines(text)).read(found)
    return given


class _File:
    """Keys of one file become values or faults."""

    def __init__(self, given: Given, path: Path, places: dict[str, Option], lines: dict[str, int]) -> None:
        self._given, self._path, self._places, self._lines = given, path, places, lines
        self._files = {one.place + FILE: one for one in places.values() if one.secret}

    def read(self, found: Mapping[str, Any]) -> None:
        """Take all keys; secrets in files last, so that one that is there twice is seen."""
        keys = dict(_keys(found))
        for place, value in keys.items():
            if place in self._places:
                self._take(self._places[place], place, value)
            elif place not in self._files:
                self._given.faults.append(f"{self._at(place)}: {self._unknown(place)}")
        for place, value in keys.items():
            if place in self._files:
                self._given.secret(self._files[place], self._path.parent / str(value), self._at(place))

    def _take(self, option: Option, place: str, value: object) -> None:
        if isinstance(value, list | dict) or (option.type in ("text", "path") and not isinstance(value, str)):
            expected = "a text in quotes" if option.type in ("text", "path") else f"a {option.type}"
            shown = "" if option.secret else f", got {str(value)[:80]}"
            self._given.faults.append(f"{self._at(place)}: expected {expected}{shown}")
            return
        if option.path:
            value = self._path.parent / Path(str(value)).expanduser() if value else None
        self._given.values[option.name] = Value(value, "file", self._at(place).partition(" ")[0])

    def _at(self, place: str) -> str:
        line = self._lines.get(place)
        return f"{self._path}{f':{line}' if line else ''} {place}"

    def _unknown(self, place: str) -> str:
        table, _, key = place.rpartition(".")
        homes = [known for known in self._places if known.rpartition(".")[2] == key]
        homes += [one.place for one in self._places.values() if one.name == key and one.place not in homes]
        if homes:
            return (
                f"expected it in another place: {' or '.join(homes)}, got it in {f'[{table}]' if table else 'no table'}"
            )
        return f"expected a key of a setting{_meant(place, [*self._places, *self._files])}"


def _keys(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, value


def _lines(text: str) -> dict[str, int]:
    """The line of each key, as far as plain lines tell; only for messages."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = header[1] + "."
        elif key := _KEY.match(line):
            found.setdefault(table + next(name for name in key.groups() if name is not None), number)
    return found


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f": did you mean {near[0]}?" if near else "; `whodid config explain` lists all"


#: Reads one source.
Read = Callable[[Mapping[str, Option], Mapping[str, str]], Given]
#: All sources but the command line; what comes first wins.
SOURCES: tuple[Read, ...] = (of_environment, of_file)
