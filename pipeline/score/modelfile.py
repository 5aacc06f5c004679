"""Model files: JSON that is checked on loading; nothing in it is executed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from pipeline.kit.failures import Permanent
from pipeline.kit.state import PartitionState
from pipeline.score.trees import Tree, sound

M = TypeVar("M", bound=msgspec.Struct)
S = TypeVar("S")
_GZIP = b"\x1f\x8b"


def write(model: msgspec.Struct, file: Path) -> None:
    """The same bytes for the same model; compressed if the file's name ends in `.gz`."""
    data = msgspec.json.encode(model)
    file.write_bytes(gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)


def read(kind: type[M], name: str, file: Path | None, made_by: str) -> tuple[M, str]:
    """The model in a file, or the one of that name that comes with the program, and what to call it in errors.

    Raises OSError; Permanent for what `made_by`, a command, does not write.
    """
    data = _place(name, file).read_bytes()
    where = str(file or f"the {name} that comes with the program")
    try:
        return msgspec.json.decode(gzip.decompress(data) if data[:2] == _GZIP else data, type=kind), where
    except (msgspec.MsgspecError, OSError, EOFError) as error:
        raise Permanent(f"{where}: expected what `{made_by}` writes: {error}") from error


@dataclass(frozen=True)
class Scorer(Generic[S]):
    """Makes the stage of a partition, which scores by this model (`name@version`) out of a file written then."""

    make: Callable[[PartitionState], S]
    model: str
    written: float

    def __call__(self, state: PartitionState) -> S:
        """The stage."""
        return self.make(state)


def written(name: str, file: Path | None) -> float:
    """When the same file was last written, seconds since 1970; 0 if that cannot be known."""
    with suppress(OSError), resources.as_file(_place(name, file)) as found:
        return found.stat().st_mtime
    return 0.0


def _place(name: str, file: Path | None) -> Traversable:
    return file or resources.files("pipeline.score") / "models" / f"{name}.json.gz"


class _Named(msgspec.Struct):
    name: str


def named(file: Path) -> str:
    """What a model file says that it is. Raises Permanent, also for what cannot be read."""
    try:
        data = file.read_bytes()
        return msgspec.json.decode(gzip.decompress(data) if data[:2] == _GZIP else data, type=_Named).name
    except (msgspec.MsgspecError, OSError, EOFError) as error:
        raise Permanent(f"{file}: expected a model that `whodid train` writes: {error}") from error


def check(where: str, measures: list[str], known: list[str], trees: Iterable[Tree]) -> None:
    """Raises Permanent for a model that takes other measures, or of which a tree has a walk that does not end."""
    if measures != known:
        raise Permanent(f"{where}: it takes other measures than this version has; train it again")
    if not all(sound(tree, len(known)) for tree in trees):
        raise Permanent(f"{where}: a tree has a node that leads back or nowhere")


def version(model: msgspec.Struct) -> str:
    """First digits of the SHA-256 over everything in it."""
    return hashlib.sha256(msgspec.json.encode(model)).hexdigest()[:12]
