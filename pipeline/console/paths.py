"""Names in addresses may hold any character.

Names come out of logs. The `path` of Starlette ends at a line break, and what is named so could not be looked at.
"""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class Name(Convertor[str]):
    """A name of any characters, slashes and line breaks among them."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """The name."""
        return value

    def to_string(self, value: str) -> str:
        """The name."""
        return value


def allow_any_name() -> None:
    """From now on `{name:path}` takes such names too; to be called before routes are made."""
    register_url_convertor("path", Name())
