"""What normalizing needs beside the record: limits, the hashing key, and the time it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline.kit.config import Settings

DAY = 86_400_000_000


@dataclass(frozen=True)
class Context:
    """Shared by all normalizers; holds no state."""

    key: bytes
    #: Characters of a text that an Event keeps.
    text_limit: int = 2048
    #: Bytes of a record.
    message_limit: int = 16 * 1024 * 1024
    #: Microseconds since 1970; None asks the clock.
    fixed_now: int | None = None
    #: How much of what was said is kept (`pipeline.normalize.content.Modes`).
    content: str = "full"
    #: Whether texts are searched for secrets; not those of a record that was searched as a whole and holds none.
    masking: bool = True

    @classmethod
    def of(cls, settings: Settings) -> Context:
        """The context that settings describe."""
        return cls(settings.hashing_key[:64], settings.text_limit, settings.message_limit, content=settings.content)

    @cached_property
    def harmless(self) -> Context:
        """The same for records without secrets."""
        return replace(self, masking=False)

    @property
    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000 if self.fixed_now is None else self.fixed_now
