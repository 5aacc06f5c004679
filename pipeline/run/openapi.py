"""Write the API's document: `python -m pipeline.run.openapi` (or `make schemas`)."""

from __future__ import annotations

import json
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from confluent_kafka import Producer

from pipeline.console.app import create
from pipeline.console.openapi.document import document
from pipeline.kit.config import Settings
from pipeline.run import evidence_api
from pipeline.sources import collector
from pipeline.store import connect

FILE = Path(str(files("schemas").joinpath("openapi.json")))


def made() -> dict[str, Any]:
    """Of an application with every router that there is."""
    with tempfile.TemporaryDirectory() as home, connect(Settings(clickhouse="chdb://memory")) as store:
        settings = Settings(clickhouse="chdb://memory", data_dir=Path(home))
        app = create(store, settings, dict)
        app.include_router(evidence_api.router(settings, store))
        app.include_router(collector.router(settings, cast(Producer, None)))
        return document(app)


def text(made: dict[str, Any]) -> str:
    """The file's content."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(made()), encoding="utf-8")
