"""A record of which a part is replaced, left out, doubled, or grown."""

import json
import random
from typing import Any

STRANGE: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**63, 1e300, "", "x", "a" * 300, "\u0000", "é", "2026-01-31T09:00:00Z", "1970", [],
    {}, [[]], [{}], {"a": {"b": []}}, "{", '{"a": 1}', "[1]", "arn:aws:iam::1:role/x", "user@example.com", "eyJhbGciOi",
    "<secret:x:y>", "sk-" + "a" * 30, "%2e%2e", "ghp_" + "a" * 36,
]  # fmt: skip


def mutated(value: bytes, examples: dict[str, list[bytes]], draw: random.Random) -> bytes:
    """Another record; of what is no JSON, an example is changed."""
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        document = json.loads(_some(examples, draw))
    for _ in range(draw.choice((1, 1, 2, 4))):
        document = _changed(document, examples, draw)
    text = json.dumps(document, ensure_ascii=draw.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _changed(document: Any, examples: dict[str, list[bytes]], draw: random.Random) -> Any:
    if isinstance(document, dict) and document and draw.random() < 0.9:
        key = draw.choice(list(document))
        return _within(document, key, examples, draw)
    if isinstance(document, list) and document and draw.random() < 0.9:
        place = draw.randrange(len(document))
        return [*document[:place], _changed(document[place], examples, draw), *document[place + 1 :]]
    return _other(document, examples, draw)


def _within(document: dict[str, Any], key: str, examples: dict[str, list[bytes]], draw: random.Random) -> Any:
    what = draw.random()
    if what < 0.1:
        return {name: inner for name, inner in document.items() if name != key}
    if what < 0.2:
        return {**document, draw.choice(("", "x", "a.b", key + "s", key.upper(), "ä\n")): document[key]}
    return {**document, key: _changed(document[key], examples, draw)}


def _other(part: Any, examples: dict[str, list[bytes]], draw: random.Random) -> Any:
    what = draw.random()
    if what < 0.6:
        return draw.choice(STRANGE)
    if what < 0.8:
        return json.loads(_some(examples, draw))
    if isinstance(part, str) and what < 0.9:
        return (part[:100] or "x") * draw.choice((2, 100, 2000))
    return [part, part] if what < 0.95 else {"a": part}


def _some(examples: dict[str, list[bytes]], draw: random.Random) -> bytes:
    return draw.choice(examples[draw.choice(sorted(examples))])
