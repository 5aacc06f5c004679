"""Stores of objects behind one small interface: what is there, and the bytes of one. So far S3 and its like."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, Protocol

from pipeline.kit.failures import Invalid, Permanent, Transient

S3 = "s3://"
_GONE = ("NoSuchKey", "NoSuchBucket", "404")


class Found(NamedTuple):
    """An object; `etag` changes with its bytes, empty = not told."""

    bucket: str
    key: str
    etag: str = ""

    @property
    def name(self) -> str:
        """Its address."""
        return f"{S3}{self.bucket}/{self.key}"


class Gone(Permanent):
    """The object is there no more."""


class Objects(Protocol):
    """A store of objects."""

    def listing(self, bucket: str, prefix: str) -> Iterator[Found]:
        """Objects by key. Raises Transient when the store is away, Permanent when there is no such bucket."""
        ...

    def open(self, found: Found) -> IO[bytes]:
        """The bytes as they lie there; reading may raise OSError. Raises Gone, Transient."""
        ...


class S3Objects:
    """S3, with credentials and endpoint from the usual variables (AWS_PROFILE, AWS_ENDPOINT_URL_S3, …)."""

    def __init__(self) -> None:
        """Raises Invalid without boto3."""
        self._client, self._away = client("s3")

    def listing(self, bucket: str, prefix: str) -> Iterator[Found]:
        """See Objects."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for one in page.get("Contents", ()):
                    # What the console shows as folders are objects without bytes.
                    if not one["Key"].endswith("/"):
                        yield Found(bucket, one["Key"], one["ETag"].strip('"'))
        except self._away as error:
            raise _failure(error, f"{S3}{bucket}/{prefix}") from error

    def open(self, found: Found) -> IO[bytes]:
        """See Objects."""
        try:
            body = self._client.get_object(Bucket=found.bucket, Key=found.key)["Body"]
        except self._away as error:
            raise _failure(error, found.name) from error
        return _Body(body, self._away)  # type: ignore[return-value]


class _Body(io.RawIOBase):
    """A response's body whose failures are those of a file."""

    def __init__(self, body: Any, away: Any) -> None:  # noqa: ANN401  (boto3 has no types)
        self._body, self._away = body, away

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        try:
            data = self._body.read(len(buffer))
        except self._away as error:
            raise OSError(str(error)) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()


def client(service: str) -> tuple[Any, Any]:
    """A client of boto3, and what it raises. Raises Invalid without boto3 or a region."""
    try:
        import boto3  # noqa: PLC0415  (an extra)
        from botocore import exceptions  # noqa: PLC0415
    except ImportError as error:
        raise Invalid(service, "an installed boto3 (pip install 'whodid[s3]')") from error
    try:
        return boto3.client(service), (exceptions.BotoCoreError, exceptions.HTTPClientError, exceptions.ClientError)
    except (exceptions.BotoCoreError, ValueError) as error:
        raise Invalid(service, "AWS's usual settings, e.g. AWS_DEFAULT_REGION", str(error)) from error


def _failure(error: Any, name: str) -> Permanent | Transient:  # noqa: ANN401
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    if code in _GONE:
        return Gone(f"{name}: there is no such object or bucket")
    return Transient(f"{name}: {error}")
