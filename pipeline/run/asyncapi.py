"""Write the AsyncAPI document of the public topics: `python -m pipeline.run.asyncapi` (or `make schemas`).

Out: `schemas/asyncapi.yaml` (AsyncAPI 3.0), of `schemas/topics.yaml`, the canonical models and the native formats.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic.json_schema import models_json_schema

from pipeline.kit.topics import PUBLIC, Topic, catalogue
from pipeline.normalize.formats import FORMATS
from schemas.canonical import MODELS

FILE = Path(str(files("schemas").joinpath("asyncapi.yaml")))
_EXAMPLES = Path(str(files("schemas").joinpath("examples")))
Document = dict[str, Any]


def document() -> Document:
    """All of it. `receive` is what whodid does: who sends to a topic is its counterpart."""
    topics = {name: catalogue()[name] for name in PUBLIC}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "whodid: the public topics",
            "version": version("whodid"),
            "description": "Audit events come in by four topics. Any topic takes any format; the four exist so that "
            "people and retention can tell them apart. Sending a message again changes nothing. What cannot be "
            "understood becomes a dead letter.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": "127.0.0.1:9092", "protocol": "kafka", "description": "WHODID_BOOTSTRAP"}},
        "channels": {name: _channel(name, topic) for name, topic in topics.items()},
        "operations": {f"receive-{name}": _operation(name) for name in topics},
        "components": {"messages": _messages(topics), "schemas": _schemas()},
    }


def text(made: Document) -> str:
    """The file's content."""
    head = "# Written by `make schemas` from topics.yaml, canonical.py and the native formats.\n"
    return head + yaml.dump(made, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


class _Plain(yaml.SafeDumper):
    """Writes the same thing twice rather than an anchor."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def canonical_of(topic: Topic) -> str:
    """The canonical event of a topic, as its line in the catalogue names it."""
    return Path(topic.value.rsplit(" ", 1)[1]).stem


def _channel(name: str, topic: Topic) -> Document:
    settings = {"retention.ms": topic.retention_hours * 3_600_000} if topic.retention_hours else {}
    return {
        "address": f"{{prefix}}{name}",
        "title": name,
        "description": topic.about,
        "servers": [{"$ref": "#/servers/broker"}],
        "parameters": {"prefix": {"description": "WHODID_PREFIX; empty unless it is set.", "default": ""}},
        "messages": {
            known: {"$ref": f"#/components/messages/{known}"} for known in (canonical_of(topic), "native-record")
        },
        "bindings": {"kafka": {"topicConfiguration": settings, "bindingVersion": "0.5.0"}},
    }


def _operation(name: str) -> Document:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": f"Take {catalogue()[name].about[:1].lower()}{catalogue()[name].about[1:]}",
        "messages": [
            {"$ref": f"#/channels/{name}/messages/{known}"}
            for known in (canonical_of(catalogue()[name]), "native-record")
        ],
    }


def _messages(topics: dict[str, Topic]) -> Document:
    made = {known: _canonical(known) for known in map(canonical_of, topics.values())}
    native = {
        "name": "native-record",
        "title": "A record of a native format, or one vendor envelope of many",
        "summary": "As the source wrote it. Without the header its format is told by its shape.",
        "headers": {"type": "object", "properties": {"format": {"$ref": "#/components/schemas/Format"}}},
        "payload": {"type": ["object", "array"]},
        "bindings": _key(),
    }
    return {**made, "native-record": native}


def _canonical(name: str) -> Document:
    model = MODELS[name]
    return {
        "name": name,
        "title": " ".join((model.__doc__ or "").split()),
        "headers": {"type": "object", "properties": {"format": {"type": "string", "const": "canonical"}}},
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "examples": [
            {"name": path.stem, "payload": json.loads(path.read_text(encoding="utf-8"))}
            for path in sorted(_EXAMPLES.glob(f"{name}.*.json"))
        ],
        "bindings": _key(),
    }


def _key() -> Document:
    return {"kafka": {"key": {"type": "string", "description": "Any, or none."}, "bindingVersion": "0.5.0"}}


def _schemas() -> Document:
    _, made = models_json_schema(
        [(model, "validation") for model in MODELS.values()], ref_template="#/components/schemas/{model}"
    )
    titles = "\n".join(f"* `{name}`: {form.source.title}" for name, form in FORMATS.items())
    names = {"type": "string", "enum": list(FORMATS), "description": f"The native format's name.\n\n{titles}"}
    return {"Format": names, **made["$defs"]}


if __name__ == "__main__":
    FILE.write_text(text(document()), encoding="utf-8")
