"""Records whose names a data lake has made small become records with the vendor's names again.

Hive, Glue and what is built on them know no capital letters in the names of columns and fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from pipeline.normalize.documents import document


class Cases:
    """The names that a format has with capital letters."""

    def __init__(self, names: Iterable[str]) -> None:
        """Names, or dotted paths of them."""
        self._names = {part.lower(): part for name in names for part in name.split(".")}

    def restored(self, value: bytes) -> bytes:
        """The record with its names as the vendor writes them; names that nobody knows stay. Raises Invalid."""
        return msgspec.json.encode(self._restored(document(value)))

    def _restored(self, found: Any) -> Any:
        if isinstance(found, list):
            return [self._restored(inner) for inner in found]
        if not isinstance(found, dict):
            return found
        return {self._names.get(name, name): self._restored(inner) for name, inner in found.items()}
