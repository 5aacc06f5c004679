"""Write the JSON Schemas of the canonical events: `python -m schemas.generate` (or `make schemas`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.canonical import MODELS

FOLDER = Path(__file__).parent / "json"


def schema(name: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of one canonical event."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"whodid/{name}.json",
        **MODELS[name].model_json_schema(),
    }


def text(name: str) -> str:
    """The file's content."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for known in MODELS:
        (FOLDER / f"{known}.json").write_text(text(known), encoding="utf-8")
