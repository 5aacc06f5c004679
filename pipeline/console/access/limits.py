"""How much somebody may ask: token buckets, one for each person, key or address, but never more than fit."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from math import ceil

from starlette.exceptions import HTTPException

#: Buckets that are remembered; of more, those go first that were used longest ago.
MOST = 10_000


class Buckets:
    """A bucket each name: `burst` at once, and `rate` a second after that. For one thread, such as an event loop."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        #: How much is in a bucket, and when that was so.
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._filled)

    def take(self, name: str, amount: float = 1) -> float:
        """Take from a bucket. 0 if there was enough, else the seconds until there will be, and nothing is taken."""
        left, now = self._left(name)
        short = amount - left
        self._filled[name] = (left if short > 0 else left - amount, now)
        self._filled.move_to_end(name)
        if len(self._filled) > MOST:
            self._filled.popitem(last=False)
        return short / self._rate if short > 0 else 0.0

    def wait(self, name: str, amount: float = 1) -> float:
        """The seconds until there is so much in a bucket, without taking it."""
        return max(0.0, (amount - self._left(name)[0]) / self._rate)

    def _left(self, name: str) -> tuple[float, float]:
        now = self._clock()
        left, since = self._filled.get(name, (self._burst, now))
        return min(self._burst, left + (now - since) * self._rate), now


class Slots:
    """How many requests of a kind are answered at once. For one thread, such as an event loop."""

    def __init__(self, most: dict[str, int]) -> None:
        self._most = most
        self._busy: Counter[str] = Counter()

    @contextmanager
    def taken(self, name: str) -> Iterator[None]:
        """A slot for as long as it takes. Raises HTTPException (429) when all are taken."""
        if name not in self._most:
            yield
            return
        if self._busy[name] >= self._most[name]:
            raise slow(2.0, f"busy: {self._most[name]} such requests are answered at once, and so many are under way")
        self._busy[name] += 1
        try:
            yield
        finally:
            self._busy[name] -= 1


def slow(wait: float, message: str) -> HTTPException:
    """What somebody is told who asks too much."""
    return HTTPException(429, message, {"retry-after": str(max(1, ceil(wait)))})


def neighbourhood(address: str) -> str:
    """Whom an address counts for: of IPv6, where everybody has 2^64 of them, its network."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    return str(found) if found.version == 4 else f"{IPv6Address(int(found) >> 64 << 64)}/64"
