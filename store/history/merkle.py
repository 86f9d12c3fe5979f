"""The Merkle tree of RFC 9162, section 2.1 (the same as in RFC 6962): hashes, heads as they grow, proofs of inclusion.

https://www.rfc-editor.org/rfc/rfc9162#section-2.1
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

SIZE: Final = 32
"""Bytes of a hash."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf. The prefix keeps it apart from a node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with two children."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree to which leaves are added: the roots of its complete subtrees, the largest first. There is one for each
    bit of the size, so it is small, and it is all that a longer tree needs of this one.
    """

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        self.size = size
        self._roots = list(roots)

    @classmethod
    def from_bytes(cls, size: int, roots: bytes) -> Frontier:
        """The tree of `size` leaves whose roots `to_bytes` gave. Raises ValueError if that is not their number."""
        if len(roots) != SIZE * size.bit_count():
            raise ValueError(f"a tree of {size} leaves does not have {len(roots) / SIZE:g} complete subtrees")
        return cls(size, [roots[at : at + SIZE] for at in range(0, len(roots), SIZE)])

    def to_bytes(self) -> bytes:
        return b"".join(self._roots)

    def add(self, leaf: bytes) -> None:
        for _ in range(_trailing_ones(self.size)):
            leaf = node_hash(self._roots.pop(), leaf)
        self._roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self._roots:
            return sha256().digest()
        *others, root = self._roots
        for left in reversed(others):
            root = node_hash(left, root)
        return root


def inclusion_path(number: int, leaves: Iterable[bytes]) -> list[bytes]:
    """What proves that the leaf of this number (from 0 on) is in the tree of all `leaves`, which are hashes: the nodes
    beside its way to the root, from below. Reads the leaves once, and keeps few.

    Raises ValueError if there are not so many leaves.
    """
    path: list[bytes] = []

    def join(left: tuple[bytes, bool], right: tuple[bytes, bool]) -> tuple[bytes, bool]:
        if left[1] or right[1]:
            path.append(right[0] if left[1] else left[0])
        return node_hash(left[0], right[0]), left[1] or right[1]

    subtrees: list[tuple[bytes, bool]] = []
    """The roots of complete subtrees, and whether each holds our leaf."""
    size = 0
    for leaf in leaves:
        last = leaf, size == number
        for _ in range(_trailing_ones(size)):
            last = join(subtrees.pop(), last)
        subtrees.append(last)
        size += 1
    if number >= size:
        raise ValueError(f"there is no leaf {number} in a tree of {size}")
    while len(subtrees) > 1:
        right = subtrees.pop()
        subtrees.append(join(subtrees.pop(), right))
    return path


def root_of_path(leaf: bytes, number: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of the tree of `size` leaves in which `path` proves this leaf; None if it proves nothing (section
    2.1.3.2).
    """
    if not 0 <= number < size:
        return None
    at, last, root = number, size - 1, leaf
    for node in path:
        if last == 0:
            return None
        if at % 2 or at == last:
            root = node_hash(node, root)
            while at and not at % 2:
                at, last = at // 2, last // 2
        else:
            root = node_hash(root, node)
        at, last = at // 2, last // 2
    return root if last == 0 else None


def _trailing_ones(size: int) -> int:
    """How many complete subtrees the next leaf completes."""
    return (~size & (size + 1)).bit_length() - 1
