"""Models that somebody names, by file or by version, become the settings that they replace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.score import baseline, model, modelfile

#: By name of a model: the setting that says which file is used, and what reads it and says its version.
KINDS: dict[str, tuple[str, Callable[[Path | None], str]]] = {
    model.NAME: ("drift_model", lambda file: model.load(file).name),
    baseline.NAME: ("baselines", lambda file: baseline.load(file).version),
}


class Chosen(NamedTuple):
    """A model: the setting that it replaces, its file (None = the one that comes with whodid), and `name@version`."""

    setting: str
    file: Path | None
    version: str


def models(given: Sequence[str], settings: Settings) -> list[Chosen]:
    """Each model that is given: a file, `name@version`, or a version.

    A version is looked for among the models that come with whodid, those of the settings, and the files in the folder
    `models` of the data directory. Raises Invalid, which lists what there is; Permanent for a file that is no model.
    """
    found = [_file(Path(one)) if Path(one).is_file() else _version(one, settings) for one in given]
    for number, one in enumerate(found):
        if any(one.setting == other.setting for other in found[:number]):
            raise Invalid("model", "at most one of each kind: " + ", ".join(KINDS), given[number])
    return found


def _file(path: Path) -> Chosen:
    name = modelfile.named(path)
    if name not in KINDS:
        raise Invalid(str(path), "a model of one of these kinds: " + ", ".join(KINDS), name)
    setting, read = KINDS[name]
    return Chosen(setting, path, read(path))


def _version(given: str, settings: Settings) -> Chosen:
    known = list(_known(settings))
    for one in known:
        if given in (one.version, one.version.partition("@")[2]):
            return one
    there = ", ".join(dict.fromkeys(one.version for one in known))
    raise Invalid("model", f"a file, or one of {there}", given)


def _known(settings: Settings) -> Iterator[Chosen]:
    for setting, read in KINDS.values():
        yield Chosen(setting, None, read(None))
        if (file := getattr(settings, setting)) is not None:
            yield _file(file)
    for file in sorted((settings.data_dir / "models").glob("*.json*")):
        try:
            yield _file(file)
        except Permanent:
            # Whatever else lies there; a file that is given by its path says what is wrong with it.
            continue
