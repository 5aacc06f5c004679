"""Write the JSON Schemas of what others send and receive: `python -m schemas.generate` (or `make schemas`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas import canonical
from schemas.notification import AlertNotification

#: What producers send, and what receivers of alerts get.
MODELS: dict[str, type[BaseModel]] = {**canonical.MODELS, "alert-notification": AlertNotification}
FOLDER = Path(__file__).parent / "json"


def schema(name: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of one of them."""
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
