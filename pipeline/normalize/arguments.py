"""A tool call's arguments: shown leaf by leaf, fingerprinted for their origin, and for what they name."""

from __future__ import annotations

from pipeline.normalize.context import Context
from pipeline.normalize.mentions import mentions, strings
from pipeline.normalize.origin import arguments
from schemas.event import Event


def take_arguments(event: Event, value: object, context: Context) -> None:
    """Set everything of a tool call that comes from its arguments; its tool is known already."""
    event.arguments, event.argument_tokens = arguments(event.tool, value, context)
    event.mentions = mentions(strings(value), context)
