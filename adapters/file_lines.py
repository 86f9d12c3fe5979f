"""Reads the lines of an uploaded file, plain or packed, of any size, and collects what is wrong with them.

Whatever the file contains, neither it nor one of its rows takes much memory.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from config.regular_files import open_regular

LONGEST_ROW = 128 << 10
"""Bytes, over all lines of a row."""

MOST_EXPANDED, EXPANDED_FROM = 100, 64 << 20
"""A packed file may unpack to this many times its size, or to so many bytes. Tables pack to a fourth or a tenth."""

SHOWN_LINES = 4
"""Lines of one mistake that are reported."""

MOST_WRONG, FEWEST_WRONG = 0.05, 100
"""Reading stops when more than this share of the rows, and more than so many of them, are wrong."""

PACKED = frozenset({".gz", ".zip"})
"""How the names of packed files end."""

UNPACKABLE = (EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)
"""What is raised for a packed file that is damaged, or packed in an unusual way."""

UTF_8 = "utf-8"
_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class FileError(ValueError):
    """The file cannot be used; the message has a line for each problem: file, line, column, and what to do."""


class WrongFile(Exception):
    """The file cannot be read any further. `line` is where, 0 where that is not known."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class Problems:
    """What is wrong with the file `name`. The first `shown` mistakes are reported, one that repeats only once."""

    def __init__(self, name: str, shown: int) -> None:
        self._name = name
        self._shown = shown
        self._lines: dict[str, list[int]] = {}
        self._times: Counter[str] = Counter()
        self._end = ""
        self.count = 0

    def __bool__(self) -> bool:
        return bool(self.count or self._end)

    def add(self, line: int, what: str, rows: int) -> None:
        """Add a wrong row; `rows` were read so far. Raises WrongFile when there are too many to go on."""
        self.count += 1
        if what in self._lines or len(self._lines) < self._shown:
            self._times[what] += 1
            lines = self._lines.setdefault(what, [])
            if len(lines) < SHOWN_LINES:
                lines.append(line)
        if self.count > max(FEWEST_WRONG, rows * MOST_WRONG):
            raise WrongFile(line, f"read no further: more than {MOST_WRONG:.0%} of the rows are wrong")

    def _set_end(self, what: str, line: int = 0) -> None:
        """Set why the file as a whole cannot be used."""
        self._end = f"{self._name}:{line}: {what}" if line else f"{self._name}: {what}"

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Catch the error that ends the reading of the file. Raises FileError with all problems at the end."""
        try:
            yield
        except WrongFile as error:
            self._set_end(str(error), error.line)
        except OSError as error:
            self._set_end(f"cannot be read: {error.strerror or 'it is no gzip file'}")
        except UNPACKABLE:
            self._set_end("the packed file is cut off or damaged")
        if self:
            raise FileError(str(self))

    def __str__(self) -> str:
        reported = [self._sentence(what, *lines) for what, lines in self._lines.items()]
        unshown = self.count - self._times.total()
        more = f"{self._name}: and {unshown:,} more problems" if unshown else ""
        return "\n".join(filter(None, [*reported, more, self._end]))

    def _sentence(self, what: str, first: int, *others: int) -> str:
        more = self._times[what] - 1
        such = ", ".join(map(str, others)) + (", …" if more > len(others) else "")
        again = f" (and {more:,} more: lines {such})" if more else ""
        return f"{self._name}:{first}: {what}{again}"


def file_digest(path: Path, *settings: object) -> str:
    """A hash of a file and of the settings that it is read with."""
    hashed = hashlib.sha256(repr(settings).encode())
    with open_regular(path) as stream:
        while part := stream.read(1 << 20):
            hashed.update(part)
    return hashed.hexdigest()


@contextmanager
def unchanged(path: Path) -> Iterator[BinaryIO]:
    """The regular file at `path`, open for reading. Raises OSError, and WrongFile if it was changed meanwhile."""
    before = path.stat()
    with open_regular(path) as raw:
        yield raw
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise WrongFile(0, "was changed while it was read; try again")


class Lines(Iterator[str]):
    """The lines of a file as text. No row may be longer than `LONGEST_ROW`.

    `encoding` is UTF-8, with or without a byte order mark, or a single-byte one whose first half is ASCII. `number` is
    the last line read, `row` the line on which the current row begins.
    """

    def __init__(self, raw: BinaryIO, *, packed: bool, encoding: str = UTF_8) -> None:
        self._raw = raw
        self._stream = io.BufferedReader(_unpacked(raw), 1 << 18) if packed else raw
        self._packed = packed
        self._encoding = encoding
        # UTF-8 can be decoded as a single-byte encoding too, and gives other letters.
        self._may_be_utf_8 = encoding != UTF_8
        self._accented = False
        self._length = self._total = self.number = 0
        self.row = 1

    def __next__(self) -> str:
        line = self._stream.readline(LONGEST_ROW - self._length + 1)
        if not line:
            if self._accented and self._may_be_utf_8:
                raise WrongFile(0, f"is UTF-8, and not {self._encoding.upper()}: all its accented letters say so")
            raise StopIteration
        self.number += 1
        self._length += len(line)
        self._total += len(line)
        if self._length > LONGEST_ROW:
            raise WrongFile(self.row, f"the row is longer than {LONGEST_ROW >> 10} KiB; is a quote missing?")
        if self._packed and not self.number % 1024:
            self._check_expansion()
        if self.number == 1:
            line = self._strip_mark(line)
        if b"\0" in line:
            raise WrongFile(self.number, "has a NUL character: it is damaged, or in an encoding of two bytes")
        if self._may_be_utf_8 and not line.isascii():
            self._test_utf_8(line)
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError as error:
            cure = "save the file as UTF-8" if self._encoding == UTF_8 else "state the encoding that it has"
            problem = f"byte {error.start + 1} is not {self._encoding.upper()}; {cure}"
            raise WrongFile(self.number, problem) from None

    def _strip_mark(self, line: bytes) -> bytes:
        """The first line without its byte order mark."""
        if line.startswith(_UTF_16_MARKS):
            raise WrongFile(1, "is UTF-16; save the file as UTF-8")
        if not line.startswith(_UTF_8_MARK):
            return line
        if self._encoding != UTF_8:
            raise WrongFile(1, f"is marked as UTF-8, and not {self._encoding.upper()}")
        return line[len(_UTF_8_MARK) :]

    def _test_utf_8(self, line: bytes) -> None:
        """One line that is not UTF-8 proves that the file is not."""
        self._accented = True
        try:
            line.decode(UTF_8)
        except UnicodeDecodeError:
            self._may_be_utf_8 = False

    def _check_expansion(self) -> None:
        if self._total > EXPANDED_FROM and self._total > MOST_EXPANDED * self._raw.tell():
            raise WrongFile(self.number, f"the packed file unpacks to more than {MOST_EXPANDED} times its size")

    def end_row(self) -> None:
        """Mark the end of a row; the next one may be as long."""
        self._length = 0
        self.row = self.number + 1

    def close(self) -> None:
        if self._packed:
            self._stream.close()


def _unpacked(raw: BinaryIO) -> gzip.GzipFile | zipfile.ZipExtFile:
    """The content of a gzip file, or of the only file in a zip. Raises WrongFile where the zip has another number."""
    begins = raw.read(4)
    raw.seek(0)
    if begins != b"PK\x03\x04":
        return gzip.GzipFile(fileobj=raw)
    archive = zipfile.ZipFile(raw)
    entries = [each for each in archive.infolist() if not each.is_dir() and "__MACOSX" not in each.filename]
    usual = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    if len(entries) != 1 or entries[0].flag_bits & 1 or entries[0].compress_type not in usual:
        raise WrongFile(0, "is no zip of one file alone, packed by deflate and without a password")
    return cast("zipfile.ZipExtFile", archive.open(entries[0]))
