"""Reading rosters: what is taken of a file, and that nothing in one does more than be a problem."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import file_lines
from adapters.file_lines import FileError
from adapters.registry.record import RecordReader
from adapters.registry.roster_rows import LONGEST_VALUE, RosterRow, RosterRows
from config.registry.model.inputs import CleaningStep, Input
from config.registry.roster import RosterFile, Row

HEADER = "Ref No;Surname;Given Name;Town;Status"
IRIS = "9000 010 000;Valombre;Iris Anne;Valmont;Registered"
TWO = f"{HEADER}\n{IRIS}\n9000010372;Sardel;Maëlle;Valmont;Suspended\n"
DIGITS = Input(clean=(CleaningStep.DIGITS,), max_length=20)


def layout(**changes: Any) -> RosterFile:
    written = {"encoding": "utf-8", "delimiter": ";", "number": "Ref No", "keep": ["Surname", "Status"], **changes}
    return RosterFile.model_validate(written)


def rows(content: bytes | str, *, skip: bool = False, packed: bool = False, **changes: Any) -> RosterRows:
    raw = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return RosterRows(raw, "a.csv", layout(**changes), DIGITS, packed=packed, skip_malformed=skip)


def problems(content: bytes | str, **changes: Any) -> list[str]:
    with pytest.raises(FileError) as raised:
        list(rows(content, **changes))
    return str(raised.value).splitlines()


def test_the_number_is_cleaned_and_only_what_is_kept_is_given() -> None:
    read = rows(TWO)
    assert list(read) == [
        RosterRow(2, "9000010000", ("Valombre", "Registered")),
        RosterRow(3, "9000010372", ("Sardel", "Suspended")),
    ]
    assert read.columns == ["Ref No", "Surname", "Given Name", "Town", "Status"]
    assert (read.rows, read.left_out) == (2, 0)


@pytest.mark.parametrize("written", ["99000101.0", "99000101,00", "9.9000101E+07", "9E+7", "9,90E+12"])
def test_a_number_that_a_spreadsheet_took_for_an_amount_is_told_with_its_line(written: str) -> None:
    content = f"{HEADER}\n{IRIS}\n{written};Sardel;Maëlle;Valmont;Suspended\n"
    (problem,) = problems(content)
    assert problem.startswith("a.csv:3: column Ref No: is written as a spreadsheet writes amounts, with .0 or E+")
    assert "99" not in problem
    read = rows(content, skip=True)
    assert [person.number for person in read] == ["9000010000"]
    assert read.left_out_at == [3]


@pytest.mark.parametrize("written", ["99.000.101", "12.5", "90/101.0", "12E34"])
def test_other_signs_in_a_number_are_separators_as_before(written: str) -> None:
    content = f"{HEADER}\n{written};Sardel;Maëlle;Valmont;Suspended\n"
    text = Input(clean=(CleaningStep.ALNUM,), max_length=20)
    assert len(list(RosterRows(io.BytesIO(content.encode()), "a.csv", layout(), text))) == 1


def test_numbers_with_fewer_digits_than_others_are_counted_with_their_lines() -> None:
    def read(*numbers: str) -> RosterRows:
        found = rows("\n".join([HEADER, *(f"{number};X;Y;Z;on" for number in numbers)]) + "\n")
        list(found)
        return found

    found = read("99000101", "1000102", "99000103", "104")
    assert (found.shorter, found.shorter_at) == (2, [3, 5])
    assert (read("99000101", "01000102").shorter, read("99000101").shorter_at) == (0, [])
    many = read("99000101", *map(str, range(1, 31)))
    assert (many.shorter, many.shorter_at) == (30, list(range(3, 13)))


def test_nothing_but_the_number_need_be_kept() -> None:
    assert [person.kept for person in rows(TWO, keep=[])] == [(), ()]


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (TWO.encode("utf-8-sig"), {}),
        (TWO.replace("\n", "\r\n").encode(), {}),
        (TWO.replace(";", "\t").encode(), {"delimiter": "\t"}),
        (TWO.replace(";", "|").encode(), {"delimiter": "|"}),
        (TWO.encode("windows-1252"), {"encoding": "windows-1252"}),
        (TWO.encode("iso-8859-15"), {"encoding": "iso-8859-15"}),
        (TWO.rstrip().encode(), {}),
        (TWO.replace("\n", "\n\n").encode(), {}),
        ((TWO + ";;;;\n" * 3).encode(), {}),
        (TWO.replace("Suspended", "Suspended;;").encode(), {}),
        (TWO.replace("Ref No", '"Ref No"').replace("Sardel", ' "Sardel" '.strip()).encode(), {}),
        (TWO.replace("Sardel", "  Sardel ").encode(), {}),
        (TWO.replace("Ref No;", " Ref No ;").encode(), {}),
    ],
)
def test_the_same_table_in_other_clothes(content: bytes, changes: dict[str, Any]) -> None:
    assert [(person.number, *person.kept) for person in rows(content, keep=["Surname", "Given Name"], **changes)] == [
        ("9000010000", "Valombre", "Iris Anne"),
        ("9000010372", "Sardel", "Maëlle"),
    ]


def test_a_gzip_file_is_unpacked() -> None:
    assert len(list(rows(gzip.compress(TWO.encode()), packed=True))) == 2
    for spoiled in (gzip.compress(TWO.encode())[:-9], b"\x1f\x8bno gzip", TWO.encode()):
        assert problems(spoiled, packed=True)[-1].startswith("a.csv: ")


def test_a_value_over_several_lines_becomes_one_line_and_the_row_is_told_by_its_first() -> None:
    content = f'{HEADER}\n1;"Val\r\nombre\t";I;;on\n2;X;Y;;off\n'
    assert list(rows(content)) == [RosterRow(2, "1", ("Val  ombre", "on")), RosterRow(4, "2", ("X", "off"))]
    assert problems(f'{HEADER}\n1;"a\nb";I;;on\n;X;Y;;off\n') == ["a.csv:4: column Ref No: is empty"]


def test_names_of_every_script_are_kept_as_they_are() -> None:
    for name in (
        "Müller",
        "Nguyễn",
        "\u0141ukasz",
        "Мельник",
        "王",
        "O\u2019Brien",
        "De\u00a0la Tour",
        "e\u0301",
        "\u200fשלום",
    ):
        assert next(iter(rows(f"{HEADER}\n1;{name};x;;on\n"))).kept[0] == name  # fmt: skip


# -- what is wrong


@pytest.mark.parametrize(
    ("content", "changes", "said"),
    [
        ("", {}, "a.csv:1: its first line must name the columns, and names none of Ref No, Surname, Status"),
        ("\n", {}, "a.csv:1: its first line must name the columns, and names none of Ref No, Surname, Status"),
        (HEADER, {}, "a.csv: has no person in it"),
        (f"{HEADER}\n;;;;\n", {}, "a.csv: has no person in it"),
        (TWO, {"delimiter": ","}, "a.csv:1: its delimiter is not ',' but ';'; write it in its source"),
        (TWO.replace(";", "\t"), {}, r"a.csv:1: its delimiter is not ';' but '\t'; write it in its source"),
        (IRIS, {}, "a.csv:1: its first line must name the columns, and names none of Ref No, Surname, Status"),
        (TWO, {"keep": ["Name"]}, "a.csv:1: has no column Name; did you mean 'Surname'? There are Ref No, Surname, "),
        (TWO, {"number": "RefNo"}, "a.csv:1: has no column RefNo; did you mean 'Ref No'? There are Ref No, Surname, "),
        (TWO, {"number": "No", "keep": ["x", "Status"]}, "a.csv:1: has no column No, x; there are Ref No, Surname, "),
        (TWO.replace("Town", "Status"), {}, "a.csv:1: has the column Status more than once; rename the others"),
        (f"{HEADER}\n1;X;Y;on\n", {}, "a.csv:2: has 4 columns, and the first line 5; is a quote missing?"),
        (f"{HEADER}\n1;X;Y;;on;more\n", {}, "a.csv:2: has 6 columns, and the first line 5; is a quote missing?"),
        (f"{HEADER}\n;X;Y;;on\n", {}, "a.csv:2: column Ref No: is empty"),
        (f"{HEADER}\n \u00a0;X;Y;;on\n", {}, "a.csv:2: column Ref No: is empty"),
        (f"{HEADER}\n9,00001E+09;X;Y;;on\n", {}, "a.csv:2: column Ref No: is written as a spreadsheet writes amounts"),
        (f"{HEADER}\n{'9' * 21};X;Y;;on\n", {}, "a.csv:2: column Ref No: is not a number that its source accepts"),
        (f"{HEADER}\n1;{'x' * 1001};Y;;on\n", {}, "a.csv:2: column Surname: is longer than 1,000 characters"),
        (f"{HEADER}\n1;\x1b[2J;Y;;on\n", {}, "a.csv:2: column Surname: has a control character"),
        (f"{HEADER}\n1;X\x00;Y;;on\n", {}, "a.csv:2: has a NUL character"),
        (TWO.encode("utf-16"), {}, "a.csv:1: is UTF-16; save the file as UTF-8"),
        (TWO.encode("utf-16-be"), {}, "a.csv:1: has a NUL character"),
        (TWO.encode("windows-1252"), {}, "a.csv:3: byte 21 is not UTF-8; save the file as UTF-8"),
        (TWO.encode(), {"encoding": "windows-1252"}, "a.csv: is UTF-8, and not WINDOWS-1252: all its accented"),
        (TWO.encode("utf-8-sig"), {"encoding": "iso-8859-1"}, "a.csv:1: is marked as UTF-8, and not ISO-8859-1"),
        (b"Ref No;Surname;Status\n1;\x81\xff;\n", {"encoding": "windows-1252"}, "a.csv:2: byte 3 is not WINDOWS-1252"),
        (
            f"{HEADER}\n1;L\x92Ange;Y;;on\n".encode("latin-1"),
            {"encoding": "iso-8859-1"},
            "a.csv:2: column Surname: has a control character; is it really iso-8859-1?",
        ),
        (f'{TWO}3;"X;Y;;on\n4;X;Y;;on\n', {}, "a.csv:4: a quote that is opened here is never closed"),
        (f'{TWO}3;"X" Y;Z;;on\n', {}, "a.csv:4: is not CSV"),
        (f'{TWO}3;"' + "\n" * 200_000, {}, "a.csv:4: the row is longer than 128 KiB; is a quote missing?"),
        (f"{TWO}3;{'x' * 200_000}", {}, "a.csv:4: the row is longer than 128 KiB"),
        (f"{HEADER}\r{IRIS}\r", {}, "a.csv:1: its lines end with carriage returns alone"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_a_problem_with_its_place(content: bytes | str, changes: dict[str, Any], said: str) -> None:
    assert problems(content, **changes)[-1].startswith(said)


def test_no_message_shows_anybody() -> None:
    spoiled = f'{TWO}Geheim;X;Y;;on\n1;\x1bGeheim;Y;;on\n2;Geheim\n3;{"Geheim" * 200};Y;;on\n4;"Geheim'
    for content in (spoiled, IRIS.replace("Valombre", "Geheim"), spoiled.encode("utf-16")):
        assert not any("Geheim" in line or "Valombre" in line for line in problems(content))


def test_a_mistake_that_repeats_is_told_once() -> None:
    content = TWO + ";X;Y;;on\n" * 60
    found = problems(content)
    assert found == ["a.csv:4: column Ref No: is empty (and 59 more: lines 5, 6, 7, …)"]


def test_a_file_that_is_wrong_throughout_is_not_read_to_its_end() -> None:
    assert problems(f"{HEADER}\n" + ";X;Y;;on\n" * 10_000)[-1] == (
        "a.csv:102: read no further: more than 5% of the rows are wrong"
    )


def test_nobody_is_given_after_the_first_problem() -> None:
    read = iter(rows(f"{HEADER}\n1;X;Y;;on\n;X;Y;;on\n3;X;Y;;on\n"))
    assert next(read).number == "1"
    with pytest.raises(FileError):
        next(read)


def test_rows_without_a_number_may_be_left_out_and_are_counted() -> None:
    read = rows(f"{HEADER}\n1;X;Y;;on\n" + ";X;Y;;on\n" * 12 + "none;X;Y;;on\n14;X;Y;;on\n", skip=True)
    assert [person.number for person in read] == ["1", "14"]
    assert (read.rows, read.left_out, read.left_out_at) == (15, 13, list(range(3, 13)))
    assert problems(f"{HEADER}\n;X;Y;;on\n", skip=True) == ["a.csv: has no person in it"]


def test_what_is_kept_can_be_read_as_a_record() -> None:
    reader = RecordReader(Row.model_validate({"fields": {"town": "Surname"}}))
    (person,) = rows(f"{HEADER}\n1;{'x' * LONGEST_VALUE};Y;;on\n", keep=["Surname"])
    assert reader.read(dict(zip(["Surname"], person.kept, strict=True))).values("town") == ("x" * LONGEST_VALUE,)


# -- memory, and whatever comes


class Endless(io.RawIOBase):
    """A file of `count` rows that is made while it is read."""

    def __init__(self, count: int) -> None:
        self._left = self._rows(count)

    def _rows(self, count: int) -> Iterator[bytes]:
        yield HEADER.encode() + b"\n"
        for number in range(count):
            yield b"%d;Valombre;Iris;Valmont;Registered\n" % number

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = next(self._left, b"")
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file() -> None:
    raw: BinaryIO = io.BufferedReader(Endless(40_000))
    tracemalloc.start()
    try:
        read = RosterRows(raw, "a.csv", layout(), DIGITS)
        assert sum(1 for _ in read) == 40_000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_gzip_file_that_unpacks_without_end_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lines, "EXPANDED_FROM", 1 << 20)
    bomb = gzip.compress((f"{HEADER}\n" + f"{IRIS}\n" * 400_000).encode())
    assert "unpacks to more than 100 times its size" in problems(bomb, packed=True)[-1]


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_people_or_problems(content: bytes) -> None:
    for encoding in ("utf-8", "windows-1252"):
        for start in (b"", HEADER.encode() + b"\n"):
            with suppress(FileError):
                found = list(rows(start + content, encoding=encoding))
                assert all(person.number.isdigit() and person.number.isascii() for person in found)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@given(st.lists(st.tuples(st.integers(0, 10**19), texts, texts), min_size=1, max_size=20))
def test_what_a_spreadsheet_writes_is_read_back(people: list[tuple[int, str, str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=";").writerows([("Ref No", "Surname", "Status"), *people])
    assert [(person.number, *person.kept) for person in rows(written.getvalue())] == [
        (str(number), _on_one_line(surname), _on_one_line(status)) for number, surname, status in people
    ]


def _on_one_line(text: str) -> str:
    return text.strip().replace("\u2028", " ").replace("\u2029", " ")
