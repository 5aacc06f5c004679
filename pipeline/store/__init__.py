"""The timeline in ClickHouse: connect, migrate, write, and every query as one named function."""

from __future__ import annotations

from pipeline.store.client import Store
from pipeline.store.connection import connect
from pipeline.store.migrations import migrate
from pipeline.store.pivots import PIVOTS, Page, Pivot, timeline

__all__ = ["PIVOTS", "Page", "Pivot", "Store", "connect", "migrate", "timeline"]
