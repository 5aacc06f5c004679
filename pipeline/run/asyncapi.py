"""Write schemas/asyncapi.yaml anew, the public topics as AsyncAPI 3.0: `python -m pipeline.run.asyncapi`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from pipeline.kit.topics import PUBLIC, catalogue
from pipeline.normalize.formats import FORMATS
from schemas.canonical import MODELS

DOCUMENT = Path(__file__).parents[2] / "schemas" / "asyncapi.yaml"
_MODEL = {
    "prompts": "prompt-event", "tool-calls": "tool-call-event",
    "token-issuance": "token-issuance-event", "cloud-audit": "cloud-audit-event",
}  # fmt: skip


def document() -> dict[str, Any]:
    """The document. A topic takes its canonical event, and the records of every native format."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "whodid",
            "version": "1",
            "description": "Audit events in. With WHODID_PREFIX set, every address has it in front.",
        },
        "defaultContentType": "application/json",
        "channels": {topic: _channel(topic) for topic in PUBLIC},
        "operations": {
            f"take-{topic}": {"action": "receive", "channel": {"$ref": f"#/channels/{topic}"}} for topic in PUBLIC
        },
        "components": {"messages": {**{name: _canonical(name) for name in MODELS}, "native": _native()}},
    }


def text() -> str:
    """The file's content."""
    # Through JSON: no aliases, and nothing that YAML would write as a Python object.
    return yaml.safe_dump(json.loads(json.dumps(document())), sort_keys=False, allow_unicode=True, width=120)


def _channel(topic: str) -> dict[str, Any]:
    known = catalogue()[topic]
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in (_MODEL[topic], "native")}
    kafka = {
        "topicConfiguration": {"retention.ms": (known.retention_hours or 0) * 3_600_000},
        "bindingVersion": "0.5.0",
    }
    return {"address": topic, "description": known.about, "messages": messages, "bindings": {"kafka": kafka}}


def _canonical(name: str) -> dict[str, Any]:
    model = MODELS[name]
    schema = model.model_json_schema(ref_template=f"#/components/messages/{name}/payload/schema/$defs/{{model}}")
    return {
        "title": model.__name__,
        "summary": (model.__doc__ or "").split("\n")[0],
        "headers": _headers(["canonical"], "May be left out: the shape is recognised."),
        "payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": schema},
    }


def _native() -> dict[str, Any]:
    names = [name for name in FORMATS if name != "canonical"]
    return {
        "title": "NativeRecord",
        "summary": "One record of a native format, or one envelope of many, as the source wrote it.",
        "headers": _headers(names, "Native format; left out, it is recognised by shape."),
        "payload": {"description": "See docs/sources/, a page a format."},
    }


def _headers(names: list[str], what: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"format": {"type": "string", "enum": names, "description": what}}}


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
