"""Writes private keys into the file or the folder that holds them, and destroys them there. None is ever lost."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from cli.output import Exit, Failure, new_file
from config.secrets import OTHERS_RIGHTS, read_keys, read_secret_file
from jurat.seal import generate, key_from_text, key_id, key_to_text, public_key
from store.requests.erasure_journal import sync_folder


def keep_copy(file: Path, key: str) -> None:
    """Write a key into a new file durably. One that has it already, as an earlier try left it, is fine.

    Raises Failure if the file exists with anything else.
    """
    if file.exists() and file.read_bytes() == f"{key}\n".encode():
        return
    with new_file(file, 0o600) as stream:
        stream.write(f"{key}\n")
        _sync(stream)
    sync_folder(file.resolve().parent)


def signing_key(file: Path) -> bytes:
    """The operator's signing key in a file. Raises Failure, SecretError or ConfigurationError."""
    try:
        if file.stat().st_mode & OTHERS_RIGHTS:
            raise Failure(f"{file} can be read or changed by others; run `chmod 600 {file}`", Exit.USAGE)
        return key_from_text(read_secret_file(file), str(file))
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}; `bin/jurat keys pin` makes it", Exit.USAGE) from None


def make_signing_key(file: Path) -> bytes:
    """The operator's signing key in a file, which is made if there is none. Raises Failure as `signing_key`."""
    if not file.exists():
        keep_copy(file, key_to_text(generate()[0]))  # any 32 random bytes
    return signing_key(file)


def replace_keys(place: Path, before: Sequence[bytes], after: Sequence[bytes], *, destroy: bool = False) -> None:
    """Have a file or folder hold keys in place of those `before`, with the same rights and owner. With `destroy`, what
    goes is overwritten first: where the file system writes in place, nothing of it is left in that file.

    Raises Failure, SecretError or ConfigurationError if it holds anything else than those before, or cannot be written;
    it is as before then.
    """
    try:
        if _keys_in(place) != list(before):
            raise Failure(f"{place} was changed meanwhile; run this again", Exit.USAGE)
        replace = _replace_in_folder if place.is_dir() else _replace_file
        replace(place.resolve(), [key for key in before if key not in after], after, destroy=destroy)
    except OSError as error:
        raise Failure(
            f"{place} cannot be replaced ({error.strerror}); add --print, and put what it prints there yourself",
            Exit.USAGE,
        ) from None


def _keys_in(place: Path) -> list[bytes]:
    return [key_from_text(word, str(place)) for word in read_keys(place).replace(",", " ").split()]


def _replace_file(file: Path, gone: Sequence[bytes], after: Sequence[bytes], *, destroy: bool) -> None:
    with ExitStack() as last_first:
        old = last_first.enter_context(file.open("r+b")) if gone and destroy else None
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        new = Path(name)
        last_first.callback(new.unlink, missing_ok=True)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            _make_like(stream, file.stat())
            stream.write(",".join(map(key_to_text, after)) + "\n")
            _sync(stream)
        new.replace(file)
        sync_folder(file.parent)
        if old is not None:
            _overwrite(old)


def _replace_in_folder(folder: Path, gone: Sequence[bytes], after: Sequence[bytes], *, destroy: bool) -> None:
    held = {file: _keys_in(file) for file in _files(folder)}
    going = [file for file, keys in held.items() if any(key in gone for key in keys)]
    if shared := next((file for file in going if len(held[file]) > 1), None):
        raise Failure(f"{shared} has several keys; give each a file of its own in that folder", Exit.USAGE)
    had = next(iter(held)).stat()
    for key in after:
        if not any(key in keys for keys in held.values()):
            with new_file(folder / key_id(public_key(key)), 0o600) as stream:
                _make_like(stream, had)
                stream.write(key_to_text(key) + "\n")
                _sync(stream)
    for file in going:
        if destroy:
            with file.open("r+b") as old:
                _overwrite(old)
        file.unlink()
    sync_folder(folder)


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.iterdir()) if not file.name.startswith("."))


def _make_like(stream: IO[str], had: os.stat_result) -> None:
    """Give a new file the rights and the owner of the one before: those that workers can read."""
    os.fchmod(stream.fileno(), stat.S_IMODE(had.st_mode))
    made = os.fstat(stream.fileno())
    if (had.st_uid, had.st_gid) != (made.st_uid, made.st_gid):
        os.fchown(stream.fileno(), had.st_uid, had.st_gid)


def _overwrite(file: IO[bytes]) -> None:
    file.write(os.urandom(os.fstat(file.fileno()).st_size))
    _sync(file)


def _sync(stream: IO[str] | IO[bytes]) -> None:
    stream.flush()
    os.fsync(stream.fileno())
