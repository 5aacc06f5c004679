"""What pages are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pipeline.console.alerts import Decide
from pipeline.console.state import Status
from pipeline.kit.config import Settings
from pipeline.store import Store


class Desk(NamedTuple):
    """The store, what the process says of itself, and where decisions go (None: nothing can be decided here)."""

    store: Store
    settings: Settings
    status: Status
    decide: Decide | None
    #: Microseconds since 1970, now.
    now: Callable[[], int]

    @property
    def marked(self) -> bool:
        """Whether lists say which rows nobody vouches for: where there are producers, so that it means something."""
        return self.settings.producers is not None
