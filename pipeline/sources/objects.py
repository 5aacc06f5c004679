"""Objects of a store such as S3, and notices that there are new ones: what is asked of whoever provides them.

`s3.py` has both for AWS. Another provider is a module with these two classes, and a line at the end of this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from pipeline.kit.failures import Invalid
from pipeline.sources.files import records
from pipeline.sources.streams import Progress, Source, Stream
from schemas.rejected import Record


class Object(NamedTuple):
    """One object, and which content of it."""

    #: `s3://bucket/key`.
    name: str
    #: Changes with the content (S3: ETag); empty if not stated.
    tag: str = ""
    size: int = 0


class Objects(Protocol):
    """Reads objects."""

    def under(self, address: str) -> Iterator[Object]:
        """The objects whose names begin with an address. Raises Permanent; Transient when the store is away."""

    def open(self, name: str) -> Source:
        """The bytes of one, as they come. Raises Unreadable if it is gone or refused; Transient."""


class Notice(NamedTuple):
    """A message that tells of objects."""

    #: By which it is extended, deleted and given back.
    handle: str
    objects: Sequence[Object] = ()
    #: Why it is no notice; empty if it is one. One that tells of nothing new has neither this nor objects.
    strange: str = ""


class Notices(Protocol):
    """A queue of notices. A message is hidden from others for a while; after that it comes again.

    All methods raise Permanent, or Transient when the queue is away.
    """

    #: Seconds that a message is hidden.
    hidden: float

    def receive(self) -> Sequence[Notice]:
        """Wait a few seconds for messages."""

    def extend(self, notices: Sequence[Notice]) -> None:
        """Hide them for `hidden` seconds from now. One that cannot be hidden any longer comes again."""

    def done(self, notices: Sequence[Notice]) -> None:
        """Delete them."""

    def back(self, notices: Sequence[Notice], after: float) -> None:
        """Let them come again in so many seconds, or go where the queue sends those that came too often."""


def contents(objects: Objects, one: Object, native: str, progress: Progress = lambda _: None) -> Iterator[Record]:
    """The records of an object, as of a file. Raises Unreadable; Transient."""
    return records(Stream(one.name, progress, objects.open(one.name)), native)


def of_bucket(address: str) -> Objects:
    """Who reads `s3://…`. Raises Invalid."""
    from pipeline.sources.s3 import Bucket  # noqa: PLC0415  (boto3 is an extra)

    return Bucket(address)


def of_queue(address: str) -> tuple[Objects, Notices]:
    """Who reads a queue, and the objects that it tells of. Raises Invalid."""
    if not address.startswith(("https://", "http://")):
        raise Invalid("--queue", "the URL of an SQS queue, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME", address)
    from pipeline.sources.s3 import Bucket, Queue  # noqa: PLC0415  (boto3 is an extra)

    return Bucket(address), Queue(address)
