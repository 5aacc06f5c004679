"""A stream of JSON becomes the bytes of its records: lines, elements of arrays and envelopes, or whole documents.

Only brackets and strings are looked at. Whether a record is valid JSON is for the normalizer to say, so a damaged
record keeps its bytes and becomes a dead letter instead of stopping the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from pipeline.sources.streams import Unreadable

#: Bytes looked at to tell lines from documents.
HEAD = 1024 * 1024
#: No record is longer: what goes on without an end is cut here, so that memory stays bounded.
LONGEST = 64 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
#: A string (closed or cut off by the end of the buffer), or a bracket.
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)|[\[\]{}]', re.DOTALL)
ENVELOPE = re.compile(rb'\s*\{\s*"Records"\s*:\s*\[')
BLANK, BETWEEN = re.compile(rb"[ \t\r\n]*"), re.compile(rb"[ \t\r\n,]*")
#: How deep a value may nest to be taken in one go.
DEPTH = 10
Read = Callable[[int], bytes]


class _Envelope(msgspec.Struct):
    Records: list[msgspec.Raw]


def split(read: Read, chunk: int = 256 * 1024) -> Iterator[bytes]:
    """The records of a stream in order, without blank lines; memory is bounded by the longest record.

    Args:
        read: returns the next bytes, at most as many as asked, empty at the end.
        chunk: bytes asked for at a time.

    Raises Unreadable when the stream ends inside a list of records, after the records.
    """
    buffer = Buffer(read, chunk)
    buffer.fill_head()
    if buffer.data.startswith(BOM):
        buffer.drop(len(BOM))
    yield from _lines(buffer) if _is_lines(bytes(buffer.data), buffer.ended) else _documents(buffer)


def elements(line: bytes) -> list[bytes] | None:
    """The elements of a JSON array or of a CloudTrail `Records` envelope; None if it is neither, or damaged."""
    try:
        if line.lstrip()[:1] == b"[":
            return [bytes(item) for item in msgspec.json.decode(line, type=list[msgspec.Raw])]
        if ENVELOPE.match(line):
            return [bytes(item) for item in msgspec.json.decode(line, type=_Envelope).Records]
    except msgspec.MsgspecError:
        return None
    return None


def _nested(depth: int) -> re.Pattern[bytes]:
    """A whole bracketed value up to a depth; possessive, so that it fails as fast as it matches."""
    inside = rb'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
    value = inside
    for _ in range(depth):
        value = rb"(?:%s|[\[{](?:%s)*+[\]}])" % (inside, value)
    return re.compile(rb"[\[{](?:%s)*+[\]}]" % value, re.DOTALL)


VALUE = _nested(DEPTH)


class Buffer:
    """What was read and not yet taken."""

    def __init__(self, read: Read, chunk: int) -> None:
        self._read = read
        self._chunk = chunk
        self.data = bytearray()
        self.ended = False

    def more(self) -> bool:
        """Read on, by as much again as is already held, so that long records are not scanned over and over."""
        if not self.ended:
            got = self._read(max(self._chunk, len(self.data)))
            self.ended = not got
            self.data += got
        return not self.ended

    def fill_head(self) -> None:
        """Read until two lines are held, or `HEAD` bytes, or the end; no further, since it may be a live pipe."""
        while len(self.data) < HEAD and self.data.strip().count(b"\n") < 2 and self.more():
            pass

    def drop(self, amount: int) -> bytes:
        """Take bytes from the front."""
        taken = bytes(self.data[:amount])
        del self.data[:amount]
        return taken


def _is_lines(head: bytes, whole: bool) -> bool:
    lines = head.split(b"\n")
    complete = [line.strip() for line in (lines if whole else lines[:-1]) if line.strip()][:2]
    if not complete:
        return head.lstrip()[:1] not in (b"{", b"[")
    first = complete[0]
    if is_json(first):
        return len(complete) > 1
    if first[:1] == b"[":
        return False
    return first[:1] != b"{" or first[-1:] == b"}" or (len(complete) > 1 and is_json(complete[1]))


def is_json(line: bytes) -> bool:
    """Whether it is one whole object or array."""
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except msgspec.MsgspecError:
        return False
    return True


def _lines(buffer: Buffer) -> Iterator[bytes]:
    while buffer.data or not buffer.ended:
        *whole, rest = bytes(buffer.data).split(b"\n")
        if len(rest) > LONGEST or buffer.ended:
            whole, rest = [*whole, rest], b""
        for line in whole:
            yield from of_line(line)
        buffer.data[:] = rest
        buffer.more()


def of_line(line: bytes) -> Iterator[bytes]:
    """The records of one line; none of a blank one."""
    line = line.strip()
    if not line:
        return
    if line[:1] == b"[" or line.startswith(b'{"Records"'):
        inside = elements(line)
        if inside is not None:
            yield from inside
            return
    yield line


def _documents(buffer: Buffer) -> Iterator[bytes]:
    """Top-level values one after the other; arrays and `Records` envelopes yield their elements instead."""
    while _skip(buffer, BLANK):
        opened = _opening(buffer)
        if not opened:
            yield _value(buffer)
            continue
        buffer.drop(opened)
        while _skip(buffer, BETWEEN) and buffer.data[:1] != b"]":
            yield _value(buffer)
        if not buffer.drop(1):
            raise Unreadable("ends before its array is closed")
        if opened > 1:
            _leave_envelope(buffer)


def _opening(buffer: Buffer) -> int:
    """How many bytes open a list of records here: 1 for an array, more for an envelope, 0 for a plain value."""
    if buffer.data[:1] == b"[":
        return 1
    while len(buffer.data) < 64 and buffer.more():
        pass
    match = ENVELOPE.match(buffer.data)
    return match.end() if match else 0


def _leave_envelope(buffer: Buffer) -> None:
    """Skip what an envelope says after its records, to its closing bracket."""
    buffer.data[:0] = b"{"
    _value(buffer)


def _skip(buffer: Buffer, blanks: re.Pattern[bytes]) -> bool:
    """Go to the next byte that is neither blank nor, between elements, a comma; False at the end."""
    while True:
        match = blanks.match(buffer.data)
        buffer.drop(match.end() if match else 0)
        if buffer.data:
            return True
        if not buffer.more():
            return False


def _value(buffer: Buffer) -> bytes:
    """Take one value: to its closing bracket, or the line if it does not begin with a bracket."""
    if bytes(buffer.data[:1]) not in (b"{", b"["):
        return _scalar(buffer)
    whole = VALUE.match(buffer.data)
    return buffer.drop(whole.end()) if whole else _long_value(buffer)


def _long_value(buffer: Buffer) -> bytes:
    """Take one bracketed value that is deep, or not all there yet."""
    depth = position = 0
    while True:
        token = TOKEN.search(buffer.data, position)
        if token is None or (token[0][:1] == b'"' and not token[1]):
            position = token.start() if token else len(buffer.data)
            if len(buffer.data) > LONGEST or not buffer.more():
                return buffer.drop(len(buffer.data)).rstrip()
            continue
        position = token.end()
        bracket = token[0]
        if bracket in b"{[":
            depth += 1
        elif bracket in b"]}":
            depth -= 1
            if depth == 0:
                return buffer.drop(position)


def _scalar(buffer: Buffer) -> bytes:
    while (end := buffer.data.find(b"\n")) < 0 and len(buffer.data) <= LONGEST and buffer.more():
        pass
    return buffer.drop(end + 1 if end >= 0 else len(buffer.data)).strip()
