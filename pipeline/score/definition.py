"""What a detection says of itself, `name.yml`, becomes a Definition.

In:     a folder (or the package) with `name.yml` files
Out:    Definitions by name
Fails:  Invalid, which names the file, the field and what is expected there
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from pipeline.kit import safeyaml
from pipeline.kit.checked import Strict, checked
from pipeline.kit.failures import Invalid
from pipeline.kit.selecting import pattern
from pipeline.score.frameworks import catalogue
from schemas.event import Event, Kind
from schemas.finding import Severity, Tactic

#: What detections are sorted by; `own` are those that somebody added.
Family = Literal["cadence", "token", "identity", "llm", "agent", "cloud", "own"]
#: Names of detections: those of their files.
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
#: Characters of one value in a sentence.
SHOWN = 80
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Parameter = int | float | Text | list[Text]


class Concern(Strict):
    """Which entries concern a detection: all that are of one of these kinds, and whose action fits one of these."""

    #: Patterns, `*` stands for anything: `iam:*`. Capitals and small letters are one. None = all.
    actions: list[Text] = []
    kinds: list[Kind] = []

    @cached_property
    def _action(self) -> Any:  # noqa: ANN401
        return pattern(self.actions)

    def __call__(self, event: Event) -> bool:
        """Whether this event concerns it."""
        if self.kinds and event.kind not in self.kinds:
            return False
        return not self.actions or self._action.fullmatch(event.action) is not None


class Example(Strict):
    """A few entries, as `pipeline.score.examples` reads them."""

    name: Text
    entries: list[dict[str, Any]] = Field(min_length=1, max_length=500)


class Examples(Strict):
    """What must be found, and what must not."""

    found: list[Example] = []
    silent: list[Example] = []


class Definition(Strict):
    """What a detection says of itself."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    #: Why it matters.
    why: Text
    #: The highest severity it may have.
    severity: Severity
    family: Family = "own"
    #: What an attacker who does this wants; empty where that cannot be said.
    tactic: Tactic = ""
    #: Ids of `frameworks.yml`.
    frameworks: list[str] = []
    #: What it does not see.
    blind_spots: list[Text] = []
    #: What to do about a finding, step by step.
    runbook: list[Text] = []
    parameters: dict[str, Parameter] = {}
    #: What an analyst reads, with `{name}` where a value belongs.
    sentence: Text
    on: Concern = Concern()
    #: Sigma's `detection` over the fields of an Entry, for rules that have no code.
    when: dict[str, Any] | None = None
    examples: Examples = Examples()

    @field_validator("frameworks")
    @classmethod
    def _known(cls, ids: list[str]) -> list[str]:
        for one in ids:
            if one not in catalogue():
                raise ValueError(f"{one!r} is not in frameworks.yml; `whodid rules coverage` lists the ids")
        return ids

    @field_validator("sentence")
    @classmethod
    def _plain(cls, sentence: str) -> str:
        fields_of(sentence)
        return sentence

    def say(self, values: Mapping[str, str]) -> str:
        """The sentence with these values, each shortened; one that is missing is called unknown."""
        shown = {name: shortened(str(values.get(name, "")) or "unknown") for name in fields_of(self.sentence)}
        return self.sentence.format_map(shown)


def fields_of(sentence: str) -> list[str]:
    """Names of the values that a sentence asks for. Raises ValueError for anything but plain names in braces."""
    try:
        parts = list(string.Formatter().parse(sentence))
    except ValueError as error:
        raise ValueError(f"braces hold a name, e.g. {{actor}}, and are doubled elsewhere: {error}") from error
    names = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if spec or conversion or not re.fullmatch(r"[a-z_][a-z0-9_]{0,63}", name):
            raise ValueError(f"expected a plain name such as {{actor}}, got {{{name}}}")
        names.append(name)
    return names


def load(folder: Path | Traversable) -> dict[str, Definition]:
    """The definitions of a folder by name, in the order of names. Raises Invalid; OSError."""
    found = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yml"):
            found[name_of(file)] = read(file)
    return found


@cache
def built_in() -> dict[str, Definition]:
    """Those that come with the program, by name: that of their files, with dashes."""
    folder = files("pipeline.score").joinpath("detections")
    return {name.replace("_", "-"): definition for name, definition in load(folder).items()}


def name_of(file: Path | Traversable) -> str:
    """The name of a detection by its file's. Raises Invalid."""
    name = file.name.rpartition(".")[0]
    if not NAME.fullmatch(name):
        raise Invalid(file.name, "a file name of small letters, digits, `_`, `-` and `.`, e.g. new_access_key.yml")
    return name


def read(file: Path | Traversable) -> Definition:
    """One file. Raises Invalid; OSError."""
    return made(safeyaml.document(safeyaml.read(file), file.name), file.name)


def made(given: Any, file: str) -> Definition:  # noqa: ANN401  (what YAML may be)
    """A Definition of what was in a file of this name. Raises Invalid."""
    return checked(Definition, given, file)


def shortened(text: str) -> str:
    """A value as a sentence shows it."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
