"""The commands `producers`: who vouches for records, and keys to sign them with."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipeline.cli import views
from pipeline.cli.main import app, fail, settings_from
from pipeline.cli.tables import Column
from pipeline.cli.views import Format
from pipeline.kit.producers import File, Producer, Trust
from pipeline.kit.selecting import listed
from pipeline.kit.signing import key_id, raw

commands = typer.Typer(help="Who vouches for records on the public topics (docs/producers.md).", no_args_is_help=True)
app.add_typer(commands, name="producers")

View = Annotated[Format, typer.Option("--format", help="table, json, jsonl or csv.")]
_FIELDS = ("name", "by", "key", "topics", "formats")
_COLUMNS = (
    Column("Name", lambda row: row["name"], weight=2),
    Column("Known by", lambda row: row["by"], whole=True),
    Column("Key", lambda row: row["key"], whole=True),
    Column("Topics", lambda row: ", ".join(row["topics"]), weight=3),
    Column("Formats", lambda row: ", ".join(row["formats"]), weight=2),
)


@commands.command("make")
def make(
    name: Annotated[str, typer.Argument(help="What the producer is to be called.", metavar="NAME")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File that its private key is written to (mode 0600).")],
) -> None:
    """Make a producer's key, and print its line for the file of producers.

    The private key goes to the producer (WHODID_PRODUCER, WHODID_PRODUCER_KEY), the line to the file that
    WHODID_PRODUCERS names where records are normalized. The line is no secret.

    Examples:
      whodid producers make okta-bridge -o okta-bridge.pem
    """
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(raw(key.public_key())).decode()
    try:
        File(producers=[Producer(name=name, ed25519=public)])
    except ValueError:
        fail(f"NAME: expected letters, digits and _ . @ -, 64 at most, and not whodid, got {name!r}", 2)
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"{out}: cannot be made ({error.strerror}): a key is never written over", 2)
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    typer.echo(f"producers:\n  - name: {name}\n    ed25519: {public}")


@commands.command("list")
def list_(view: View = "table") -> None:
    """Print who vouches for records, as the file of producers says it.

    Examples:
      whodid producers list
      whodid producers list --format json
    """
    said = Trust(settings_from()).said
    rows = [
        {"name": one.name, "by": "signature", "key": key_id(raw(one.public)), "topics": list(one.topics),
         "formats": listed(one.formats)}
        for one in said.producers
    ] + [
        {"name": name, "by": "broker", "key": "", "topics": [topic], "formats": ["*"]}
        for topic, name in said.broker.items()
    ]  # fmt: skip
    views.listing(rows, view, sys.stdout, _COLUMNS, _FIELDS)
    if view == "table":
        refused = [topic for topic in sorted(Producer.model_fields["topics"].default) if said.refuses(topic)]
        typer.echo(
            f"Records of nobody are refused on: {', '.join(refused)}." if refused else "Records of nobody are marked."
        )
