"""When a role ends: when told to, or when nothing more can come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Ending:
    """Shared by the roles of one process."""

    stop: threading.Event
    #: Seconds of silence after which a role ends by itself; None = never.
    until_idle: float | None = None
    #: Whether the roles of this process that feed this one have ended.
    upstream_ended: Callable[[], bool] = lambda: True

    def due(self, active: float | None) -> bool:
        """Whether to end now; `active` is the monotonic time of the last input, None while not ready for any."""
        if self.stop.is_set():
            return True
        if self.until_idle is None or active is None or not self.upstream_ended():
            return False
        return time.monotonic() - active >= self.until_idle
