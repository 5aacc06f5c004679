"""What a source that is followed hands over: records, and what is to happen once the broker has acknowledged them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.kit.failures import Transient
from schemas.rejected import Record


@dataclass
class Delivery:
    """Records in order; `acknowledged` is called when the broker has all of them, and of the dead letters.

    Attributes:
        records: read once.
        acknowledged: keeps the checkpoint, or deletes the notification.
        broken: what could not be read, with the reason; filled while `records` is read.
        failed: told when `records` raised Transient; None = whoever reads shall try again later.
    """

    records: Iterator[Record]
    acknowledged: Callable[[], None]
    broken: list[tuple[Record, str]] = field(default_factory=list)
    failed: Callable[[Transient], None] | None = None


class Followed(Protocol):
    """A place where logs appear: a directory, or a queue that tells of objects."""

    #: What is worth telling whoever started the command; emptied by whoever tells it.
    faults: list[str]
    #: Whether something is there that only time makes whole.
    waiting: bool

    def poll(self) -> Iterator[Delivery]:
        """What is there now. What is not acknowledged comes again."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...
