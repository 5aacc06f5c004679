"""Objects of S3, and notices of an SQS queue, by boto3; credentials and regions as boto3 finds them.

Needs `s3:ListBucket` to list and `s3:GetObject` to read; `sqs:ReceiveMessage`, `sqs:DeleteMessage` and
`sqs:ChangeMessageVisibility` for a queue.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from pipeline.kit.failures import Failure, Invalid, Permanent, Transient
from pipeline.sources.notified import Strange, objects
from pipeline.sources.objects import Notice, Object
from pipeline.sources.streams import Unreadable

#: Seconds to wait for messages; longer would be cheaper, but the process would end later when told to.
WAIT = 5
#: SQS gives no more at once.
MOST = 10
#: Seconds that messages are hidden while they are worked at.
HIDDEN = 300
_OFTEN = ("OverLimit", "RequestLimitExceeded", "SlowDown")
_HOST = re.compile(r"sqs\.([a-z0-9-]{1,40})\.amazonaws\.com(?:\.cn)?")


class Bucket:
    """Objects (`pipeline.sources.objects`)."""

    def __init__(self, address: str) -> None:
        """Raises Invalid without boto3."""
        self._aws = _Aws("s3", address)

    def under(self, address: str) -> Iterator[Object]:
        """See Objects. In the order of their names; those without a byte, which stand for folders, are left out."""
        bucket, prefix = _parts(address)
        with self._aws.saying(f"cannot list {address}"):
            for page in self._aws.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    if item["Size"]:
                        yield Object(f"s3://{bucket}/{item['Key']}", item["ETag"].strip('"'), item["Size"])

    def open(self, name: str) -> _Body:
        """See Objects."""
        bucket, key = _parts(name)
        try:
            with self._aws.saying("cannot be read"):
                return _Body(self._aws.client.get_object(Bucket=bucket, Key=key)["Body"])
        except Permanent as refusal:
            raise Unreadable(str(refusal)) from refusal


class Queue:
    """Notices (`pipeline.sources.objects`)."""

    hidden: float = HIDDEN

    def __init__(self, address: str) -> None:
        """Raises Invalid without boto3."""
        region = _HOST.fullmatch(urlsplit(address).hostname or "")
        self._aws = _Aws("sqs", address, region[1] if region else None)
        self._address = address

    def receive(self) -> list[Notice]:
        """See Notices."""
        with self._aws.saying("cannot receive from"):
            answer = self._aws.client.receive_message(
                QueueUrl=self._address, MaxNumberOfMessages=MOST, WaitTimeSeconds=WAIT, VisibilityTimeout=HIDDEN
            )
        return [_notice(message) for message in answer.get("Messages", [])]

    def extend(self, notices: Sequence[Notice]) -> None:
        """See Notices. SQS hides a message for twelve hours at most."""
        self.back(notices, HIDDEN)

    def done(self, notices: Sequence[Notice]) -> None:
        """See Notices. What could not be deleted comes again, which changes nothing."""
        if notices:
            with self._aws.saying("cannot delete from"):
                self._aws.client.delete_message_batch(QueueUrl=self._address, Entries=_entries(notices))

    def back(self, notices: Sequence[Notice], after: float) -> None:
        """See Notices."""
        if notices:
            entries = _entries(notices, VisibilityTimeout=int(after))
            with self._aws.saying("cannot change messages of"):
                self._aws.client.change_message_visibility_batch(QueueUrl=self._address, Entries=entries)


class _Aws:
    """A client, and what its errors mean."""

    def __init__(self, service: str, address: str, region: str | None = None) -> None:
        try:
            import boto3  # noqa: PLC0415  (an extra)
            from botocore import exceptions  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415
        except ImportError as error:
            raise Invalid(service, "an installed boto3 (pip install 'whodid[s3]')", address) from error
        self._service, self._errors = service, exceptions
        try:
            self.client: Any = boto3.client(service, region_name=region, config=Config(retries={"mode": "standard"}))
        except exceptions.BotoCoreError as error:
            raise Invalid(service, f"settings of AWS that make a client ({error})", address) from error

    def saying(self, what: str) -> _Saying:
        """Turn its errors into failures."""
        return _Saying(f"{self._service}: {what}", self._errors)


class _Saying:
    def __init__(self, what: str, errors: Any) -> None:  # noqa: ANN401  (boto3 has no types)
        self._what, self._errors = what, errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        errors = self._errors
        if isinstance(error, errors.ClientError):
            raise self._failure(Transient if _passes(error.response) else Permanent, error) from error
        if isinstance(error, errors.NoCredentialsError | errors.PartialCredentialsError | errors.ParamValidationError):
            raise self._failure(Permanent, error) from error
        if isinstance(error, errors.BotoCoreError):
            raise self._failure(Transient, error) from error

    def _failure(self, kind: type[Failure], error: BaseException) -> Failure:
        return kind(f"{self._what}: {error}")


def _passes(answer: dict[str, Any]) -> bool:
    """Whether asking again later helps: AWS is at fault, or was asked too often (which some services tell with 400)."""
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = answer.get("Error", {}).get("Code", "")
    return not 400 <= status < 500 or status in (408, 429) or "Throttl" in code or code in _OFTEN


class _Body:
    """The bytes of an object while they come over the network."""

    def __init__(self, body: Any) -> None:  # noqa: ANN401  (boto3 has no types)
        from botocore import exceptions  # noqa: PLC0415  (an extra)

        self._body = body
        # Connections that break off are told as any of these.
        self._broken = (exceptions.BotoCoreError, exceptions.HTTPClientError)

    def read(self, amount: int, /) -> bytes:
        """The next bytes. Raises OSError."""
        try:
            data: bytes = self._body.read(amount)
        except self._broken as error:
            raise OSError(errno.EIO, str(error)) from error
        return data

    def close(self) -> None:
        """Give the connection back."""
        self._body.close()


def _parts(name: str) -> tuple[str, str]:
    bucket, _, key = name.removeprefix("s3://").partition("/")
    if not bucket:
        raise Invalid("FILE…", "s3://BUCKET/PREFIX", name)
    return bucket, key


def _notice(message: dict[str, Any]) -> Notice:
    try:
        return Notice(message["ReceiptHandle"], objects(message["Body"]))
    except Strange as strange:
        return Notice(message["ReceiptHandle"], strange=f"{message['MessageId']}: {strange}")


def _entries(notices: Sequence[Notice], **more: int) -> list[dict[str, Any]]:
    return [
        {"Id": str(number), "ReceiptHandle": notice.handle, **more} for number, notice in enumerate(notices)
    ]  # fmt: skip
