"""Reads the rows of a roster's file: the number as it is looked up, and the columns that are kept.

A file may have millions of rows. It is read once, and every problem is reported with line and column, never with a
value, for values are personal data.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing
from typing import BinaryIO, NamedTuple

from adapters.file_lines import UTF_8, Lines, Problems, WrongFile
from adapters.registry.numbers import Cleaner
from config.registry.model.inputs import Input
from config.registry.roster import RosterFile
from config.suggestions import did_you_mean

SHOWN_PROBLEMS = 10
LONGEST_VALUE = 1000
"""Characters of one column."""

MOST_LINES = 2_000_000_000
_SPREADSHEET = re.compile(r"[0-9]+[.,]0+|[0-9]+([.,][0-9]+)?[Ee]\+[0-9]+")
"""How spreadsheets write a column of numbers that they read as amounts: 99000101.0, 9.9E+07."""

_DELIMITERS = ",;\t|"
_SHOWN_COLUMNS = 40


class RosterRow(NamedTuple):
    """One row: the line on which it begins, the cleaned number, and the columns that are kept, in their order."""

    line: int
    number: str
    kept: tuple[str, ...]

    def __repr__(self) -> str:
        return f"RosterRow(line={self.line})"


class _WrongRow(Exception):
    """A row is wrong; the message says in which column."""


class RosterRows:
    """The people in `file`, to be iterated over once: then it is opened. `name` is its name in messages.

    With `skip_malformed`, a row whose number is empty or cannot be right is left out and counted (`left_out`, and
    `left_out_at` has the first lines); otherwise it is a problem. `rows` counts the rows read, `columns` are those of
    the first line.
    """

    def __init__(
        self,
        file: AbstractContextManager[BinaryIO],
        name: str,
        layout: RosterFile,
        number: Input,
        *,
        packed: bool = False,
        skip_malformed: bool = False,
    ) -> None:
        self._file = file
        self._packed = packed
        self._layout = layout
        self._clean = Cleaner(number).clean_record_value
        self._longest_number = number.max_length
        self._skip = skip_malformed
        self._problems = Problems(name, SHOWN_PROBLEMS)
        self.columns: Sequence[str] = ()
        self.rows = self.left_out = 0
        self.left_out_at: list[int] = []
        self._lengths: Counter[int] = Counter()
        self._first: dict[int, list[int]] = {}

    def __iter__(self) -> Iterator[RosterRow]:
        """The people before the first problem; the rest is only checked. Raises FileError with all problems."""
        encoding = self._layout.encoding
        with self._problems.collect():
            with self._file as raw, closing(Lines(raw, packed=self._packed, encoding=encoding)) as lines:
                yield from self._people(lines)
            if not (self._problems or self.rows > self.left_out):
                raise WrongFile(0, "has no person in it")

    def _people(self, lines: Lines) -> Iterator[RosterRow]:
        problems = self._problems
        reader = csv.reader(lines, delimiter=self._layout.delimiter, strict=True)
        try:
            self.columns = header = [name.strip() for name in next(reader, [])]
            wanted = self._positions(header)
            width = len(header)
            lines.end_row()
            for row in reader:
                line = lines.row
                lines.end_row()
                if not any(row):
                    continue  # spreadsheets write such rows at their end
                self.rows += 1
                if line > MOST_LINES:
                    raise WrongFile(line, f"has more than {MOST_LINES:,} lines")
                try:
                    if len(row) != width and (len(row) < width or any(row[width:])):
                        raise _WrongRow(f"has {len(row)} columns, and the first line {width}; is a quote missing?")
                    person = self._person(line, [row[position] for position in wanted])
                except _WrongRow as error:
                    problems.add(line, str(error), self.rows)
                else:
                    if person is not None and not problems:
                        yield person
        except csv.Error as error:
            raise WrongFile(lines.row, _csv_problem(str(error))) from None

    def _positions(self, header: Sequence[str]) -> list[int]:
        """The positions in a row of the number and of the columns that are kept."""
        wanted = [self._layout.number, *self._layout.keep]
        if missing := [name for name in wanted if name not in header]:
            raise WrongFile(1, self._header_problem(header, missing))
        if twice := [name for name in wanted if header.count(name) > 1]:
            raise WrongFile(1, f"has the column {', '.join(twice)} more than once; rename the others")
        return [header.index(name) for name in wanted]

    def _header_problem(self, header: Sequence[str], missing: Sequence[str]) -> str:
        wanted = [self._layout.number, *self._layout.keep]
        if len(missing) == len(wanted):
            # The first line may already be a person: nothing of it is shown.
            joined = self._layout.delimiter.join(header)
            for other in _DELIMITERS:
                if set(wanted) <= {name.strip(' "') for name in joined.split(other)}:
                    return f"its delimiter is not {self._layout.delimiter!r} but {other!r}; write it in its source"
            return f"its first line must name the columns, and names none of {', '.join(wanted)}"
        hint = did_you_mean(missing[0], header) if len(missing) == 1 else ""
        more = len(header) - _SHOWN_COLUMNS
        there = ", ".join(header[:_SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")
        return f"has no column {', '.join(missing)}; {f'{hint} There' if hint else 'there'} are {there}"

    @property
    def shorter(self) -> int:
        """How many numbers have fewer digits than others; 0 where some are not digits alone."""
        return 0 if 0 in self._lengths else self._lengths.total() - self._lengths[max(self._lengths, default=0)]

    @property
    def shorter_at(self) -> list[int]:
        """The first lines of those."""
        longest = max(self._first, default=0)
        return sorted(line for length, lines in self._first.items() if length < longest for line in lines)[
            :SHOWN_PROBLEMS
        ]

    def _person(self, line: int, cells: Sequence[str]) -> RosterRow | None:
        """The person in a row; None where it is left out. Raises _WrongRow."""
        written = cells[0].strip()
        number = None if _SPREADSHEET.fullmatch(written) else self._clean(written)
        if number is None or len(number) > self._longest_number:
            if not self._skip:
                raise _WrongRow(f"column {self._layout.number}: {_number_problem(written)}")
            self.left_out += 1
            if len(self.left_out_at) < SHOWN_PROBLEMS:
                self.left_out_at.append(line)
            return None
        length = len(number) if number.isdigit() else 0
        self._lengths[length] += 1
        if self._lengths[length] <= SHOWN_PROBLEMS:
            self._first.setdefault(length, []).append(line)
        kept = [cell.strip() for cell in cells[1:]]
        whole = "".join(kept)
        if not whole.isprintable() or len(whole) > LONGEST_VALUE:
            kept = [self._tidy(name, text) for name, text in zip(self._layout.keep, kept, strict=True)]
        return RosterRow(line, number, tuple(kept))

    def _tidy(self, column: str, text: str) -> str:
        """A value without line ends and tabs."""
        if len(text) > LONGEST_VALUE:
            raise _WrongRow(f"column {column}: is longer than {LONGEST_VALUE:,} characters")
        if text.isprintable():
            return text
        text = "".join(" " if character in "\t\r\n\x0b\x0c\x85\u2028\u2029" else character for character in text)
        if any(character < " " or "\x7f" <= character < "\xa0" for character in text):
            doubt = "" if self._layout.encoding == UTF_8 else f"; is it really {self._layout.encoding}?"
            raise _WrongRow(f"column {column}: has a control character{doubt}")
        return text


def _number_problem(written: str) -> str:
    if _SPREADSHEET.fullmatch(written):
        return (
            "is written as a spreadsheet writes amounts, with .0 or E+, and may have lost zeros; give the column the "
            "format text there, and export it again"
        )
    return "is not a number that its source accepts" if written else "is empty"


def _csv_problem(error: str) -> str:
    if "end of data" in error:
        return "a quote that is opened here is never closed"
    if "new-line character" in error:
        return "its lines end with carriage returns alone; save it with the line ends of Unix or Windows"
    return f"is not CSV: {error}"
