"""Opens only regular files. A pipe, a device or a socket could block forever."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, Final

_KINDS: Final = {
    stat.S_IFDIR: "Is a directory",
    stat.S_IFIFO: "it is a pipe, and no file",
    stat.S_IFCHR: "it is a device, and no file",
    stat.S_IFBLK: "it is a device, and no file",
    stat.S_IFSOCK: "it is a socket, and no file",
}

_IS_OPEN: Final = re.compile(r"/dev/(?:stdin|fd/[0-9]+)|/proc/(?:self|[0-9]+)/fd/[0-9]+")


class NoRegularFile(OSError):
    """This is no regular file. `strerror` says what it is."""


def open_regular(path: Path) -> BinaryIO:
    """The file at `path`, open for reading. Never waits for a writer.

    Raises OSError if it cannot be opened, NoRegularFile for a folder, a pipe, a device or a socket.
    """
    _check(path.stat().st_mode)
    # It may have been replaced since then: only the open file counts, and a pipe must not block.
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check(os.fstat(opened).st_mode)
        return os.fdopen(opened, "rb")
    except BaseException:
        os.close(opened)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """At most `most` bytes from the beginning of the file at `path`. Raises as `open_regular`."""
    with open_regular(path) as file:
        return file.read(most)


def read_given(path: Path, most: int) -> bytes:
    """The same for an argument of a command, also `/dev/stdin`, or `/dev/fd/63` of `<(…)`: these may block.

    Raises OSError, which names the file and says what to do instead of a pipe.
    """
    if _IS_OPEN.fullmatch(str(path)):
        with path.open("rb") as file:
            return file.read(most)
    try:
        return read_regular(path, most)
    except NoRegularFile as error:
        hint = "" if path.is_dir() else "; write it into a file first, or give - and pipe it in"
        raise NoRegularFile(error.errno, f"{error.strerror}{hint}", str(path)) from None


def _check(mode: int) -> None:
    if said := _KINDS.get(stat.S_IFMT(mode)):
        raise NoRegularFile(errno.EINVAL, said)
