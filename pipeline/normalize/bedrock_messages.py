"""The messages in the bodies of model requests and answers, in the shapes that Amazon Bedrock's models have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.normalize.documents import few, mapping, sequence, string, text_of

#: Fields that hold a prompt or an answer as one text: Titan, Llama, Mistral, older models of Anthropic.
_PROMPTS = ("inputText", "prompt")
_ANSWERS = ("completion", "generation", "outputText", "text")
#: Characters of a tool's result that are looked at.
_RESULT = 200_000


class Block(msgspec.Struct, frozen=True):
    """A part of a message."""

    #: `user`, `assistant`, or nothing if neither spoke.
    role: str
    #: `text`, `tool_use` or `tool_result`.
    what: str
    text: str = ""
    id: str = ""
    name: str = ""
    value: Any = None
    failed: bool = False


def asked(body: Any) -> list[Block]:
    """What a request adds to the conversation: the blocks after the model's last message."""
    found = mapping(body)
    messages = few("input.inputBodyJson.messages", sequence(found.get("messages")))
    last = max((at for at, one in enumerate(messages) if mapping(one).get("role") == "assistant"), default=-1)
    new = [block for one in messages[last + 1 :] for block in _message(one)]
    texts = [string(found.get(name)) for name in _PROMPTS]
    return new or [Block("user", "text", text) for text in texts if text]


def answered(body: Any) -> list[Block]:
    """The blocks of the model's answer."""
    if isinstance(body, list):
        return _streamed(few("output.outputBodyJson", body))
    found = mapping(body)
    message = mapping(mapping(found.get("output")).get("message")) or found
    blocks = _message({"role": "assistant", "content": message.get("content")})
    for choice in sequence(found.get("choices"))[:16]:
        blocks += _message({**mapping(mapping(choice).get("message")), "role": "assistant"})
    if blocks:
        return blocks
    parts = [
        found,
        *map(mapping, sequence(found.get("results"))[:16]),
        *map(mapping, sequence(found.get("outputs"))[:16]),
    ]
    texts = [string(part.get(name)) for part in parts for name in _ANSWERS]
    return [Block("assistant", "text", text) for text in texts if text]


def _message(one: Any) -> list[Block]:
    message = mapping(one)
    role, content = string(message.get("role")), message.get("content")
    if role == "system":
        return []
    parts = [{"text": content}] if isinstance(content, str) else few("content", sequence(content))
    said = "user" if role == "user" else "assistant"
    return [block for part in parts if (block := _block(said, mapping(part))) is not None] + list(_calls(message))


def _block(role: str, part: dict[str, Any]) -> Block | None:
    """A block of Converse has its kind as its only field, one of Anthropic names it as its type."""
    kind = string(part.get("type"))
    if "toolUse" in part or kind == "tool_use":
        use = mapping(part.get("toolUse")) or part
        name = string(use.get("name"))
        return Block(role, "tool_use", id=_id(use), name=name, value=use.get("input"))
    if "toolResult" in part or kind == "tool_result":
        result = mapping(part.get("toolResult")) or part
        failed = result.get("status") == "error" or result.get("is_error") is True
        return Block(role, "tool_result", _text(result.get("content")), _id(result), failed=failed)
    text = string(part.get("text"))
    return Block(role, "text", text) if text else None


def _id(stated: dict[str, Any]) -> str:
    names = (stated.get("toolUseId"), stated.get("tool_use_id"), stated.get("id"))
    return next((text for text in map(string, names) if text), "")


def _calls(message: dict[str, Any]) -> Iterator[Block]:
    """Tool calls as OpenAI's models have them."""
    for call in map(mapping, sequence(message.get("tool_calls"))[:256]):
        function = mapping(call.get("function"))
        value = function.get("arguments")
        yield Block("assistant", "tool_use", id=_id(call), name=string(function.get("name")), value=value)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    told = []
    for part in map(mapping, sequence(content)[:1024]):
        told.append(string(part.get("text")) or (text_of(part["json"], _RESULT) if "json" in part else ""))
    return "\n".join(text for text in told if text)


def _streamed(chunks: list[Any]) -> list[Block]:
    """The events of a streamed answer of Anthropic's models: blocks that start, grow and stop."""
    blocks: dict[int, dict[str, Any]] = {}
    grown: dict[int, list[str]] = {}
    for chunk in map(mapping, chunks):
        number = chunk.get("index")
        if not isinstance(number, int):
            continue
        if chunk.get("type") == "content_block_start":
            blocks[number] = mapping(chunk.get("content_block"))
        delta = mapping(chunk.get("delta"))
        grown.setdefault(number, []).append(string(delta.get("text")) or string(delta.get("partial_json")))
    found = []
    for number, block in blocks.items():
        text = "".join(grown.get(number, ()))
        whole = {**block, "input": _parsed(text)} if block.get("type") == "tool_use" else {**block, "text": text}
        if (made := _block("assistant", whole)) is not None:
            found.append(made)
    return found


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return text
