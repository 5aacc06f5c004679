"""Exceptions of the driver become the two kinds of failures, or stay what they are: bugs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from pipeline.kit.failures import Transient

#: ClickHouse's ErrorCodes.cpp: what passes by itself, or when an operator mends the store, with the same query.
_PASSING = {
    74: "cannot read from file", 75: "cannot write to file", 76: "cannot open file", 159: "timeout exceeded",
    160: "too slow", 164: "read-only", 192: "unknown user", 193: "wrong password", 194: "password required",
    201: "quota exceeded", 202: "too many simultaneous queries", 203: "no free connection", 209: "socket timeout",
    210: "network error", 225: "no keeper", 236: "aborted", 241: "memory limit exceeded", 242: "table is read-only",
    243: "not enough space", 252: "too many parts", 254: "no active replicas", 265: "unknown status of transaction",
    279: "all connection tries failed", 285: "too few live replicas", 286: "quorum not satisfied",
    319: "unknown status of insert", 373: "session is locked", 394: "query was cancelled", 425: "system error",
    439: "cannot schedule task", 473: "deadlock avoided", 497: "access denied", 499: "object storage error",
    516: "authentication failed", 571: "database replication failed", 646: "cannot resolve host",
    733: "table is being restarted", 999: "keeper error", 1000: "network library error",
}  # fmt: skip


@contextmanager
def translated() -> Iterator[None]:
    """Raise Transient for a store that is away; let wrong queries through unchanged.

    An OSError is the embedded engine's: what is to be inserted goes through a temporary file, and the disk may be full.
    """
    try:
        yield
    except OSError as error:
        raise Transient(f"store: {error}") from error
    except DatabaseError as error:
        if not _passing(error):
            raise
        raise Transient(f"store: {_first_line(error)}") from error


def passing(code: int) -> bool:
    """Whether an error of ClickHouse passes by itself, or when an operator mends the store."""
    return code in _PASSING


def unreached(error: DatabaseError) -> bool:
    """Whether it was no answer of ClickHouse's, since it has no code of it: refused, broken off, or a proxy's 502."""
    return error.code is None and (isinstance(error, OperationalError) or type(error) is DatabaseError)


def _passing(error: DatabaseError) -> bool:
    return unreached(error) if error.code is None else passing(error.code)


def _first_line(error: DatabaseError, limit: int = 300) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:limit]
