"""Bodies of requests share a bound: what is beyond it is turned away instead of waiting in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """How many bytes all requests together may keep. For one thread, such as an event loop."""

    def __init__(self, size: int) -> None:
        self.size = size
        #: Bytes of all shares.
        self.kept = 0

    @contextmanager
    def shared(self) -> Iterator[Share]:
        """What one request has of it, for as long as it is dealt with."""
        share = Share(self)
        try:
            yield share
        finally:
            share.reach(0)


class Share:
    """Of one request."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def reach(self, size: int) -> bool:
        """Keep so many bytes; False if there is no room for them, and then none are kept.

        One that is alone always has room: no request is too large for ever.
        """
        others = self._room.kept - self._size
        fits = not others or others + size <= self._room.size
        self._size = size if fits else 0
        self._room.kept = others + self._size
        return fits
