"""What it takes to know whose a record is, beside normalizing it.

python -m benchmarks.producers
"""

from __future__ import annotations

import base64
import itertools
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.load import Load
from pipeline.kit.config import Settings
from pipeline.kit.producers import Trust
from pipeline.kit.signing import Signer, private_key, raw
from pipeline.normalize.stage import context_of, process
from schemas.rejected import Record

RECORDS, ROUNDS = 500, 5
Message = tuple[str, str, bytes]


def main() -> None:
    """Print microseconds a record."""
    messages = list(itertools.islice(Load(RECORDS), RECORDS))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = Ed25519PrivateKey.generate()
        pem, file = folder / "a.pem", folder / "producers.yaml"
        pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.write_text(f"producers: [{{name: a, ed25519: {base64.b64encode(raw(key.public_key())).decode()}}}]")
        settings = Settings(producers=file, data_dir=folder)
        trust, context = Trust(settings), context_of(settings)
        parsed = _each(messages, lambda one: process(Record(one[2], one[1], one[0]), context))
        print(
            f"{'normalize':10} {parsed:6.1f} us a record, {sum(len(one[2]) for one in messages) // RECORDS} bytes each"
        )
        for what, signer in (("HMAC", Signer.own(settings, "collect")), ("Ed25519", Signer("a", private_key(pem)))):
            headers = {one[2]: {k: v.encode() for k, v in signer.headers(*one).items()} for one in messages}
            took = _each(messages, lambda one, of=headers: trust.producer(of[one[2]], one[0], one[2]))  # type: ignore[misc]
            print(f"{what:10} {took:6.1f} us, {took / parsed:.2f} of normalizing")


def _each(messages: list[Message], todo: Callable[[Message], object]) -> float:
    return min(timeit.repeat(lambda: [todo(one) for one in messages], number=1, repeat=ROUNDS)) / len(messages) * 1e6


if __name__ == "__main__":
    main()
