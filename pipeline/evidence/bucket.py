"""Signed heads become objects of an S3 bucket, put on the condition that there is none of that name.

In:     `s3://bucket/prefix`, credentials as boto3 finds them
Out:    the files of `pipeline.evidence.publish` as objects
Fails:  Taken when there is something else of that name; Transient when S3 is away; Invalid without boto3

Whether objects can be deleted is the bucket's affair: give it Object Lock with a default retention.
"""

from __future__ import annotations

from typing import Any

from pipeline.evidence.publish import Taken
from pipeline.kit.failures import Invalid, Transient


class Bucket:
    """A Place (`pipeline.evidence.publish`)."""

    def __init__(self, address: str) -> None:
        """Raises Invalid."""
        try:
            import boto3  # noqa: PLC0415  (an extra)
            from botocore import exceptions  # noqa: PLC0415
        except ImportError as error:
            raise Invalid("evidence", "an installed boto3 (pip install 'whodid[s3]')", address) from error
        self._bucket, _, prefix = address.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client: Any = boto3.client("s3")
        self._away: Any = (exceptions.BotoCoreError, exceptions.ClientError)

    def put(self, name: str, data: bytes) -> None:
        """See Place."""
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + name, Body=data, IfNoneMatch="*",
                ContentType="application/json",
            )  # fmt: skip
        except self._away as error:
            if _code(error) not in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
                raise Transient(
                    f"evidence: cannot publish s3://{self._bucket}/{self._prefix}{name}: {error}"
                ) from error
            if self.get(name) != data:
                raise Taken(f"evidence: {name} was written before, and says something else") from error

    def get(self, name: str) -> bytes | None:
        """See Place."""
        try:
            found: bytes = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
        except self._away as error:
            if _code(error) in ("NoSuchKey", "404"):
                return None
            raise Transient(f"evidence: cannot read s3://{self._bucket}/{self._prefix}{name}: {error}") from error
        return found

    def names(self, under: str) -> list[str]:
        """See Place."""
        found = [
            item["Key"].removeprefix(self._prefix) for page in self._pages(under) for item in page.get("Contents", [])
        ]
        return sorted(name for name in found if name.endswith(".json"))

    def folders(self, under: str) -> list[str]:
        """See Place."""
        pages = self._pages(under, Delimiter="/")
        found = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
        return sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in found)

    def _pages(self, under: str, **more: str) -> list[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        try:
            return list(pages.paginate(Bucket=self._bucket, Prefix=f"{self._prefix}{under}/", **more))
        except self._away as error:
            raise Transient(f"evidence: cannot list s3://{self._bucket}/{self._prefix}{under}: {error}") from error


def _code(error: Any) -> str:  # noqa: ANN401  (an exception of boto3, which has no types)
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
