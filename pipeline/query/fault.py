"""What is wrong with a query, and where."""

from __future__ import annotations

from pipeline.kit.failures import Invalid


class Fault(Invalid):
    """A query is at fault at `column` (from 1), `length` characters long.

    `expected` says what would be right there, `meant` the nearest that there is (empty: nothing is near).
    """

    def __init__(self, text: str, column: int, length: int, expected: str, meant: str = "") -> None:
        got = text[column - 1 : column - 1 + length]
        hint = f"; did you mean {meant}?" if meant else ""
        super().__init__("q", f"{expected} at column {column}{hint}", got or "the end")
        self.text, self.column, self.length, self.expected, self.meant = text, column, max(1, length), expected, meant

    def pointed(self) -> str:
        """The text, and below it a line of carets under what is wrong; what cannot be shown is a dot."""
        begin, most = max(0, self.column - 60), 100
        shown = "".join(letter if letter.isprintable() else "·" for letter in self.text[begin : begin + most])
        at = self.column - 1 - begin
        return f"{shown}\n{' ' * at}{'^' * max(1, min(self.length, most - at))}"
