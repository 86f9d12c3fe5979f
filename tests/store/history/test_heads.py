"""The file of signed heads: read as it was written, whatever was cut off, and nothing else is taken for a head."""

from __future__ import annotations

from pathlib import Path

import pytest
from nacl.signing import SigningKey

from jurat.errors import ConfigurationError
from store.history.heads import append_heads, read_heads, sign

KEY = SigningKey(bytes(range(32)))
HEADS = [sign(KEY, 1_800_000_000_000 + n, n, bytes([n]) * 32, 7 if n == 2 else None) for n in range(4)]


def test_heads_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    append_heads(file, HEADS[:3])
    append_heads(file, HEADS[3:])
    assert read_heads(file) == HEADS
    assert all(head.verified_by(KEY.verify_key) for head in HEADS)


def test_a_line_that_was_cut_off_is_left_out_and_ended(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    append_heads(file, HEADS[:2])
    whole = file.read_bytes()
    for size in range(len(HEADS[0].line()), len(whole)):
        file.write_bytes(whole[:size])
        assert read_heads(file) == HEADS[:1] + HEADS[1:2] * (size == len(whole) - 1)
        append_heads(file, HEADS[2:3])
        assert read_heads(file)[-1] == HEADS[2]


@pytest.mark.parametrize("content", [b"", b"\n\n", HEADS[0].line()[:-2], b"nothing\n", b"nothing\nmore\n"])
def test_a_file_without_a_head_is_not_taken_for_one_with_heads(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "heads"
    file.write_bytes(content)
    assert read_heads(file) == []
    with pytest.raises(ConfigurationError, match=r"heads:1:1: no line is a whole head; give the file that `bin/jurat "):
        read_heads(file, needed=True)


@pytest.mark.parametrize(
    "line", ["{}", '{"timestamp": "1"}', "[1, {}", "nothing}", '{"timestamp": -1, "tree_size": 1}', "{\x00}"]
)
def test_what_is_no_head_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "heads"
    append_heads(file, HEADS[:1])
    with file.open("a") as opened:
        opened.write(line + ("" if line.endswith("}") else "}") + "\n")
    with pytest.raises(ConfigurationError, match=r"heads:2:1: this is no signed head of a history"):
        read_heads(file)


def test_any_other_head_is_not_signed() -> None:
    head = HEADS[2]
    others = [
        type(head)(head.signed_ms + 1, head.tree_size, head.root_hash, head.signature, head.lost_from),
        type(head)(head.signed_ms, head.tree_size + 1, head.root_hash, head.signature, head.lost_from),
        type(head)(head.signed_ms, head.tree_size, bytes(32), head.signature, head.lost_from),
        type(head)(head.signed_ms, head.tree_size, head.root_hash, bytes(64), head.lost_from),
        type(head)(head.signed_ms, head.tree_size, head.root_hash, b"short", head.lost_from),
        type(head)(head.signed_ms, head.tree_size, head.root_hash, head.signature),
        type(head)(head.signed_ms, head.tree_size, head.root_hash, head.signature, 8),
    ]
    assert not any(each.verified_by(KEY.verify_key) for each in others)
    assert not head.verified_by(SigningKey.generate().verify_key)


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read \(No such file or directory\)"):
        read_heads(tmp_path / "none")
    with pytest.raises(ConfigurationError, match=r"cannot be written \(Is a directory\); make room, or correct its"):
        append_heads(tmp_path, HEADS)
