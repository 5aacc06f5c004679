"""What one question may cost, and what is said when it would cost more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.kit.failures import Invalid, Transient

#: ClickHouse's ErrorCodes.cpp: too many rows, timeout exceeded, too slow, memory limit exceeded, too many bytes, too
#: many rows or bytes.
_TOO_MUCH = {158, 159, 160, 241, 307, 396}


class Limits(NamedTuple):
    """Of one query of the store: seconds, rows that are read, bytes of memory; and of a page of a search: seconds."""

    seconds: float = 10.0
    rows: int = 200_000_000
    memory: int = 2 * 1024**3
    page: float = 1.0

    @property
    def sql(self) -> str:
        """The clause that sets them; engine and server obey it alike. Numbers of ours, nothing from outside."""
        return (
            f"SETTINGS max_execution_time = {self.seconds:.3f}, max_rows_to_read = {self.rows:d},"
            f" max_memory_usage = {self.memory:d}, timeout_before_checking_execution_speed = 0"
        )


LIMITS = Limits()


class TooMuch(Invalid):
    """A question that costs more than one may."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "q",
            f"a narrower question ({why}): give since: and until:, or one of actor:, session:, credential:, human:",
        )


@contextmanager
def limited(limits: Limits = LIMITS) -> Iterator[None]:
    """Raise TooMuch for what was over the limits; everything else stays what it is."""
    try:
        yield
    except Transient as error:
        if isinstance(error.__cause__, DatabaseError) and error.__cause__.code in _TOO_MUCH:
            raise TooMuch(_why(error.__cause__, limits)) from error
        raise
    except DatabaseError as error:
        if error.code in _TOO_MUCH:
            raise TooMuch(_why(error, limits)) from error
        raise


def _why(error: DatabaseError, limits: Limits) -> str:
    if error.code == 241:
        return f"it needs more than {limits.memory // 1024**2:,} MiB of memory"
    if error.code in (159, 160):
        return f"it takes longer than {limits.seconds:g} s"
    return f"it reads more than {limits.rows:,} rows"
