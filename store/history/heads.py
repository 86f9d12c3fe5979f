"""Signed heads of the tree: what they sign, and the file outside the database in which they are kept.

A head is the TreeHeadDataV2 of RFC 9162 (section 4.9), signed with Ed25519. In the file it is a line of JSON, with the
names of RFC 6962 (section 4.3).
"""

from __future__ import annotations

import base64
import binascii
import errno
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from config.regular_files import open_regular
from jurat.errors import ConfigurationError

_LOST: Final = 0xFF00
"""The type of our extension: the size that the tree had before a restore."""


@dataclass(frozen=True, slots=True)
class Head:
    """The tree as it was at a time, in milliseconds since 1970. If a backup was restored just before, `lost_from` is
    the size that the tree had had.
    """

    signed_ms: int
    tree_size: int
    root_hash: bytes
    signature: bytes
    lost_from: int | None = None

    @property
    def signed_at(self) -> datetime:
        """When it was signed, by the clock of who signed it."""
        return datetime.fromtimestamp(self.signed_ms / 1000, UTC)

    def verified_by(self, key: VerifyKey) -> bool:
        try:
            key.verify(_signed(self.signed_ms, self.tree_size, self.root_hash, self.lost_from), self.signature)
        except (BadSignatureError, ValueError):
            return False
        return True

    def line(self) -> bytes:
        """The head as a line of the file."""
        document = {
            "timestamp": self.signed_ms,
            "tree_size": self.tree_size,
            "sha256_root_hash": base64.b64encode(self.root_hash).decode(),
            "tree_head_signature": base64.b64encode(self.signature).decode(),
        }
        lost = {} if self.lost_from is None else {"lost_from": self.lost_from}
        return json.dumps({**document, **lost}).encode() + b"\n"


def sign(key: SigningKey, signed_ms: int, tree_size: int, root_hash: bytes, lost_from: int | None = None) -> Head:
    """A new head."""
    signature = key.sign(_signed(signed_ms, tree_size, root_hash, lost_from)).signature
    return Head(signed_ms, tree_size, root_hash, signature, lost_from)


def _signed(signed_ms: int, tree_size: int, root_hash: bytes, lost_from: int | None) -> bytes:
    extensions = b"" if lost_from is None else struct.pack(">HHQ", _LOST, 8, lost_from)
    head = struct.pack(">QQB", signed_ms, tree_size, len(root_hash)) + root_hash
    return head + struct.pack(">H", len(extensions)) + extensions


def read_heads(path: Path, *, needed: bool = False) -> list[Head]:
    """The heads in a file, in its order. Lines that were cut off are left out. Raises ConfigurationError, which names
    the line, for what is no head; if they are `needed`, also where there is none.
    """
    heads = []
    try:
        with open_regular(path) as file:
            for number, line in enumerate(file, start=1):
                if line.endswith((b"}", b"}\n")):
                    heads.append(_read_head(line, f"{path}:{number}:1"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror})") from None
    if needed and not heads:
        raise ConfigurationError(
            f"{path}:1:1: no line is a whole head; give the file that `bin/jurat history seal` keeps"
        )
    return heads


def _read_head(line: bytes, place: str) -> Head:
    try:
        return head_of(json.loads(line))
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise ConfigurationError(f"{place}: this is no signed head of a history") from None


def head_of(document: Any) -> Head:
    """The head in a JSON document. Raises ValueError, KeyError or TypeError for what is none."""
    numbers = document["timestamp"], document["tree_size"], document.get("lost_from", 0)
    if not all(type(each) is int and 0 <= each < 1 << 63 for each in numbers):
        raise ValueError
    root, signature = (
        base64.b64decode(document[name], validate=True) for name in ("sha256_root_hash", "tree_head_signature")
    )
    return Head(numbers[0], numbers[1], root, signature, document.get("lost_from"))


def append_heads(path: Path, heads: Sequence[Head]) -> None:
    """Add heads to a file, to last through a power cut. Raises ConfigurationError if it cannot be written."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(handle).st_size
            cut_off = size and os.pread(handle, 1, size - 1) != b"\n"
            lines = b"\n" * bool(cut_off) + b"".join(head.line() for head in heads)
            if os.write(handle, lines) != len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        why = f"{path} cannot be written ({error.strerror}); make room, or correct its rights"
        raise ConfigurationError(why) from None
