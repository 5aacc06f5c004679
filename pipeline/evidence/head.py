"""A tree's root becomes a signed head: what the log was at a moment, and the head before it.

In:     a log's name, size, root, and its last head
Out:    Signed: the exact bytes that were signed, the signature, and the tree's peaks
Fails:  Invalid for bytes that are no head

What is signed is JSON text, kept as it is, so nobody has to encode it again to check the signature.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from pipeline.evidence.keys import Key, Ring
from pipeline.evidence.tree import Frontier
from pipeline.kit.failures import Invalid
from schemas.tree_head import SignedHead
from schemas.tree_head import TreeHead as Head


class Signed(SignedHead, kw_only=True, frozen=True):
    """A head as it is stored, published and checked."""

    @property
    def fields(self) -> Head:
        """What the signed bytes say. Raises Invalid."""
        try:
            found = _decode(self.head)
        except msgspec.MsgspecError as error:
            raise Invalid("head", f"a signed tree head ({error})", self.head) from error
        if found.what != "tree-head":
            raise Invalid("head.what", "tree-head", found.what)
        return found

    @property
    def hash(self) -> str:
        """What the next head has as `previous`."""
        return sha256(self.head.encode()).hexdigest()

    def frontier(self) -> Frontier:
        """The tree that was signed, to go on with. Raises Invalid when the peaks do not make its root."""
        head = self.fields
        try:
            found = Frontier(head.size, [bytes.fromhex(peak) for peak in self.peaks])
        except ValueError as error:
            raise Invalid("head.peaks", f"those of its tree ({error})") from error
        if found.root().hex() != head.root:
            raise Invalid("head.peaks", "those of the signed root", head.root)
        return found

    def verified(self, ring: Ring) -> bool:
        """Whether a key of the ring signed this, and the key is the one that it names."""
        try:
            signature = bytes.fromhex(self.signature)
        except ValueError:
            return False
        return ring.verified(self.fields.key, self.head.encode(), signature)


__all__ = ["Head", "Signed", "decoded", "encoded", "signed"]
_decode = msgspec.json.Decoder(Head).decode
_encode = msgspec.json.Encoder().encode


def signed(head: Head, peaks: list[bytes], key: Key) -> Signed:
    """A head with its signature."""
    text = _encode(head)
    return Signed(head=text.decode(), signature=key.sign(text).hex(), peaks=[peak.hex() for peak in peaks])


def encoded(item: Signed) -> bytes:
    """As it is published."""
    return _encode(item)


def decoded(data: bytes) -> Signed:
    """From what was published. Raises Invalid."""
    try:
        found = msgspec.json.decode(data, type=Signed)
    except msgspec.MsgspecError as error:
        raise Invalid("head", f"a published tree head ({error})", data[:80]) from error
    found.fields  # noqa: B018  (raises for what is no head)
    return found
