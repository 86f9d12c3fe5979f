"""The tree of RFC 9162, against its definition and the test vectors of Certificate Transparency."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.history.merkle import Frontier, inclusion_path, leaf_hash, node_hash, root_of_path

ENTRIES = [bytes.fromhex(entry) for entry in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ENTRIES.append(bytes(range(0x60, 0x70)))
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""https://github.com/google/certificate-transparency: cpp/merkletree/merkle_tree_test.cc."""


def definition(hashes: Sequence[bytes]) -> bytes:
    """MTH of section 2.1.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256().digest()
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(definition(hashes[:left]), definition(hashes[left:]))


def test_the_published_roots() -> None:
    tree = Frontier()
    for entry, root in zip([*ENTRIES, b""], ROOTS, strict=True):
        assert tree.root().hex() == root
        tree.add(leaf_hash(entry))


@given(st.lists(st.binary(min_size=1, max_size=3), max_size=70), st.integers(0, 70))
def test_a_tree_goes_on_from_its_frontier(entries: list[bytes], at: int) -> None:
    hashes = [leaf_hash(entry) for entry in entries]
    tree = Frontier()
    for number, each in enumerate(hashes):
        if number == at:
            tree = Frontier.from_bytes(tree.size, tree.to_bytes())
        tree.add(each)
    assert tree.root() == definition(hashes)


@given(st.integers(1, 70), st.data())
def test_a_path_proves_its_leaf_and_no_other(size: int, data: st.DataObject) -> None:
    hashes = [leaf_hash(bytes([number])) for number in range(size)]
    number = data.draw(st.integers(0, size - 1))
    path = inclusion_path(number, iter(hashes))
    root = definition(hashes)
    assert root_of_path(hashes[number], number, size, path) == root
    other = data.draw(st.integers(-1, size))
    if other != number:
        assert root_of_path(hashes[number], other, size, path) != root
    assert root_of_path(leaf_hash(b"other"), number, size, path) != root
    assert root_of_path(hashes[number], number, size, [*path, root]) is None
    assert not path or root_of_path(hashes[number], number, size, path[:-1]) != root


def test_what_is_no_frontier_or_leaf_is_named() -> None:
    with pytest.raises(ValueError, match=r"a tree of 3 leaves does not have 1 complete subtrees"):
        Frontier.from_bytes(3, bytes(32))
    with pytest.raises(ValueError, match=r"there is no leaf 2 in a tree of 2"):
        inclusion_path(2, [bytes(32)] * 2)
