"""Leaves become a Merkle tree, its root, and proofs, as RFC 9162 hashes them (section 2.1).

In:     hashes of leaves, in order
Out:    roots, inclusion proofs, consistency proofs
Fails:  ValueError for an index or a size outside of the tree
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

#: Levels of one tile: a tile is 256 hashes of one level, under one node eight levels above.
TILE_LEVELS, TILE = 8, 256
EMPTY = sha256(b"").digest()
#: The hash of a complete subtree, by its level (0 = leaves) and its position on that level.
Node = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Of one leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of two nodes side by side."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows: of its hashes it keeps the roots of the complete subtrees on its right edge."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """`peaks` are the subtrees of a tree of this size, the largest first. Raises ValueError."""
        if len(peaks) != size.bit_count():
            raise ValueError(f"peaks: expected {size.bit_count()} of a tree of {size} leaves, got {len(peaks)}")
        self.size = size
        self.peaks = list(peaks)

    def root(self) -> bytes:
        """Of the tree as it is."""
        if not self.peaks:
            return EMPTY
        found = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            found = node_hash(peak, found)
        return found

    def extend(self, hashes: Sequence[bytes]) -> list[tuple[int, int, bytes]]:
        """Append leaves; returns the roots of tiles that became complete: level, position, hash."""
        complete: list[tuple[int, int, bytes]] = []
        at = 0
        while at < len(hashes):
            # Whole tiles at once, one by one what comes before and after.
            if self.size % TILE == 0 and len(hashes) - at >= TILE:
                self._add(_complete(hashes[at : at + TILE]), TILE_LEVELS, complete)
                at += TILE
            else:
                self._add(hashes[at], 0, complete)
                at += 1
        return complete

    def _add(self, found: bytes, level: int, complete: list[tuple[int, int, bytes]]) -> None:
        position = self.size >> level
        self.size += 1 << level
        while True:
            if level and level % TILE_LEVELS == 0:
                complete.append((level, position, found))
            if not position & 1:
                break
            found = node_hash(self.peaks.pop(), found)
            level, position = level + 1, position >> 1
        self.peaks.append(found)


def _complete(hashes: Sequence[bytes]) -> bytes:
    """The root of as many hashes as a power of two."""
    while len(hashes) > 1:
        hashes = [
            sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"index: expected 0 to {size - 1}, got {index}")
    first, last, proof = 0, size, []
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            proof.append(subtree(middle, last, node))
            last = middle
        else:
            proof.append(subtree(first, middle, node))
            first = middle
    return proof[::-1]


def consistency(before: int, size: int, node: Node) -> list[bytes]:
    """The proof that the tree of `before` leaves is the beginning of that of `size` leaves (RFC 9162, 2.1.4.1)."""
    if not 0 <= before <= size:
        raise ValueError(f"before: expected 0 to {size}, got {before}")
    if before in (0, size):
        return []
    first, last, whole, proof = 0, size, True, []
    while first + before != last:
        middle = first + _split(last - first)
        if first + before <= middle:
            proof.append(subtree(middle, last, node))
            last = middle
        else:
            proof.append(subtree(first, middle, node))
            before -= middle - first
            first, whole = middle, False
    if not whole:
        proof.append(subtree(first, last, node))
    return proof[::-1]


def subtree(first: int, last: int, node: Node) -> bytes:
    """The root over leaves `first` to `last` (excluded), where `first` is where such a subtree may begin."""
    size = last - first
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, first >> level)
    middle = first + _split(size)
    return node_hash(subtree(first, middle, node), subtree(middle, last, node))


def _split(size: int) -> int:
    """The largest power of two below a size."""
    return 1 << ((size - 1).bit_length() - 1)


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the leaf with this hash is in the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(other, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, other)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def consistent(before: int, size: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the tree `old` is the beginning of the tree `new` (RFC 9162, 2.1.4.2)."""
    if before == size:
        return not proof and old == new
    if before == 0:
        return not proof and old == EMPTY
    if not 0 < before < size or not proof:
        return False
    path = [old, *proof] if before & (before - 1) == 0 else list(proof)
    at, last = before - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    left = right = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            left, right = node_hash(other, left), node_hash(other, right)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            right = node_hash(right, other)
        at, last = at >> 1, last >> 1
    return last == 0 and left == old and right == new


def over(hashes: Sequence[bytes]) -> Node:
    """The nodes of a tree whose leaves are all at hand."""
    levels: list[Sequence[bytes]] = [hashes]

    def node(level: int, position: int) -> bytes:
        while len(levels) <= level:
            levels.append(list(_pairs(levels[-1])))
        return levels[level][position]

    return node


def _pairs(hashes: Sequence[bytes]) -> Iterator[bytes]:
    for left, right in zip(hashes[::2], hashes[1::2], strict=False):
        yield node_hash(left, right)
