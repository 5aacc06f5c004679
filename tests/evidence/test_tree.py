"""Roots and proofs agree with the definition in RFC 9162 and with known vectors."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evidence.tree import (
    EMPTY,
    Frontier,
    consistency,
    consistent,
    included,
    inclusion,
    leaf_hash,
    over,
)

#: The leaves and roots that the tests of Certificate Transparency's implementations share.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(leaves):
    """MTH as section 2.1.1 writes it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive(leaves[:split]) + naive(leaves[split:])).digest()


def test_roots_are_the_known_ones():
    frontier = Frontier()
    assert frontier.root() == EMPTY
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        frontier.extend([leaf_hash(leaf)])
        assert frontier.root().hex() == root


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 700, 1023, 1024, 70_000])
def test_a_tree_that_grows_in_pieces_has_the_root_of_the_whole(size):
    leaves = [str(n).encode() for n in range(size)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    grown, complete = Frontier(), []
    for at in range(0, size, 97):
        complete += grown.extend(hashes[at : at + 97])
    at_once = Frontier()
    assert at_once.extend(hashes) == complete
    assert grown.root() == at_once.root() == naive(leaves)
    node = over(hashes)
    assert all(node(level, position) == found for level, position, found in complete)
    assert len([1 for level, *_ in complete if level == 8]) == size // 256


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_every_leaf_has_a_proof_and_no_other_leaf_has_it(case):
    size, index = case
    leaves = [str(n).encode() for n in range(size)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    root, proof = naive(leaves), inclusion(index, size, over(hashes))
    assert included(hashes[index], index, size, proof, root)
    assert not included(leaf_hash(b"other"), index, size, proof, root)
    assert size == 1 or not included(hashes[index], (index + 1) % size, size, proof, root)
    assert not included(hashes[index], index, size, [*proof, EMPTY], root)
    assert not included(hashes[index], size, size, proof, root)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size))))
def test_every_beginning_is_consistent_and_nothing_else_is(case):
    size, before = case
    leaves = [str(n).encode() for n in range(size)]
    old, new = naive(leaves[:before]), naive(leaves)
    proof = consistency(before, size, over([leaf_hash(leaf) for leaf in leaves]))
    assert consistent(before, size, old, new, proof)
    if before > 0:
        changed = naive([b"changed", *leaves[1:before]])
        assert not consistent(before, size, changed, new, proof)


def test_a_frontier_goes_on_where_it_stopped():
    hashes = [leaf_hash(str(n).encode()) for n in range(1000)]
    first = Frontier()
    first.extend(hashes[:613])
    again = Frontier(first.size, first.peaks)
    again.extend(hashes[613:])
    first.extend(hashes[613:])
    assert again.root() == first.root()
    with pytest.raises(ValueError, match="peaks"):
        Frontier(3, [EMPTY])
