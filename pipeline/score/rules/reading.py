"""The files of a rules folder become Rules, Correlations and Scripts.

In:     a folder: `name.yml` (ours or Sigma's), and `name.py` beside ours
Out:    what each file holds; a file that did not change is not read again
Fails:  Invalid, which names the file, the field and the fix
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.kit import safeyaml
from pipeline.kit.failures import Invalid
from pipeline.score import definition
from pipeline.score.definition import Definition
from pipeline.score.rules import mapping, sigma
from pipeline.score.rules.matching import Test, both, fixed
from pipeline.score.rules.sigma import Correlation, Rule

#: Rules and bytes of a folder, and levels of folders in it.
MOST_RULES, MOST_BYTES, MOST_LEVELS = 10_000, 64 * 1024 * 1024, 6
#: Bytes of a rule's code.
MOST_CODE = 256 * 1024
#: Path, time of change (ns), size and inode: what says that a file is the same; twice where there is code beside it.
Signature = tuple[str | int, ...]


class Script(NamedTuple):
    """A rule with code: `score(act, past, parameters)`, as those that come with the program."""

    name: str
    definition: Definition
    score: Callable[..., Any]


Item = Rule | Correlation | Script


def signatures(folder: Path) -> dict[Path, Signature]:
    """The files of a folder that matter, in the order of paths. Raises Invalid where it is too large; OSError."""
    found: dict[Path, Signature] = {}
    size = 0
    for path in _files(folder):
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):
            # Opening a pipe would wait for whoever writes into it.
            raise Invalid(str(path), "a file")
        size += told.st_size
        found[path] = (str(path), told.st_mtime_ns, told.st_size, told.st_ino)
        if len(found) > 2 * MOST_RULES or size > MOST_BYTES:
            raise Invalid(str(folder), f"at most {MOST_RULES} rules and {MOST_BYTES} bytes")
    return dict(sorted(found.items()))


def items(path: Path) -> list[Item]:
    """What a `.yml` file holds. Raises Invalid; OSError."""
    given = [one for one in safeyaml.documents(safeyaml.read(path), path.name) if one is not None]
    return held(given, definition.name_of(path), path)


def held(given: list[Any], name: str, path: Path) -> list[Item]:
    """What the documents of a file are, as rules of this name. Raises Invalid; OSError."""
    if not given:
        raise Invalid(path.name, "a rule, but it is empty")
    if not all(isinstance(one, dict) for one in given):
        raise Invalid(path.name, "a mapping, as a rule is")
    if any("detection" in one or "correlation" in one for one in given):
        return [
            sigma.rule(one, name if len(given) == 1 else f"{name}.{place}", path.name)
            for place, one in enumerate(given, 1)
        ]
    if len(given) > 1:
        raise Invalid(path.name, "one document (only Sigma's files may have several)", len(given))
    return [_ours(definition.made(given[0], path.name), name, path)]


def _ours(said: Definition, name: str, path: Path) -> Item:
    code = path.with_suffix(".py")
    if said.when is None:
        if not code.exists():
            raise Invalid(path.name, f"`when`, or the code of the rule in {code.name} beside it")
        return Script(name, said, _code(code, name))
    if code.exists():
        raise Invalid(path.name, f"either `when` or {code.name}, not both")
    for value in definition.fields_of(said.sentence):
        if value != "count":
            _known(value, path.name)
    view = mapping.own()
    test = sigma.detection(said.when, view, path.name)
    return Rule(name, said, both([_concern(said), test]), view)


def _known(value: str, file: str) -> None:
    try:
        mapping.own().getter(value)
    except Invalid as error:
        raise Invalid(f"{file}: sentence", f"fields that `whodid rules fields` lists, not {{{value}}}") from error


def _concern(said: Definition) -> Test:
    concerns = said.on
    return fixed(lambda entry: concerns(entry.event))


def _files(folder: Path) -> Iterator[Path]:
    for base, below, names in os.walk(folder, followlinks=False):
        depth = len(Path(base).relative_to(folder).parts)
        below[:] = sorted(one for one in below if not one.startswith("."))
        if depth >= MOST_LEVELS and below:
            raise Invalid(str(Path(base) / below[0]), f"at most {MOST_LEVELS} folders inside one another")
        for name in sorted(names):
            if name.endswith((".yml", ".yaml", ".py")) and not name.startswith("."):
                yield Path(base) / name


def _code(path: Path, name: str) -> Callable[..., Any]:
    """The function `score` of a file that only its owner can write: it runs with the rights of this process."""
    text = _trusted(path)
    found: dict[str, Any] = {"__name__": f"whodid_rule_{name}", "__file__": str(path)}
    try:
        exec(compile(text, str(path), "exec"), found)  # noqa: S102  # nosec B102  (operator's code, see _trusted)
    # An operator's code may raise anything.
    except Exception as error:
        raise Invalid(path.name, f"code that can be loaded ({type(error).__name__}: {error})") from error
    score = found.get("score")
    if not callable(score):
        raise Invalid(path.name, "a function `score(act, past, parameters)`")
    return score  # type: ignore[no-any-return]


def _trusted(path: Path) -> str:
    for place in (path, path.parent):
        _only_owner(place.stat(), place)
    with path.open("rb") as handle:
        # The file that was opened counts, whatever its name stands for by now.
        _only_owner(os.fstat(handle.fileno()), path)
        data = handle.read(MOST_CODE + 1)
    if len(data) > MOST_CODE:
        raise Invalid(path.name, f"a file of at most {MOST_CODE} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Invalid(path.name, "UTF-8") from error


def _only_owner(told: os.stat_result, path: Path) -> None:
    if told.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or told.st_uid not in (0, os.geteuid()):
        raise Invalid(
            str(path), f"only its owner to be able to write it (chmod go-w {path}), and that to be you or root: "
            "the code of a rule runs with whodid's rights"
        )  # fmt: skip
