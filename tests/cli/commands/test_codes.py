"""`codes generate | import | list`."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.fingerprints import hash_key_id
from cli.commands.codes import _MOST
from jurat.codes import clean, generate
from jurat.seal import key_to_text
from store.hash_keys import use_key
from store.requests.code_files import MOST_CODES, guesses_needed
from tests.cli.commands.test_now import opened
from tests.cli.conftest import CONFIGURATION, configure
from tests.cli.shell import Shell, is_one_sentence

GENERATE = ("codes", "generate", "spring")


def counts(shell: Shell, code_list: str = "spring") -> dict[str, int]:
    for row in shell("codes", "list", "--json").json:
        if row["name"] == code_list:
            return {name: row[name] for name in ("codes", "free", "redeemed", "expired", "revoked")}
    return {}


def stored(shell: Shell, column: str) -> set[str]:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection:
        return {str(row[0]) for row in connection.execute(f"SELECT {column} FROM jurat_codes")}


def test_codes_are_printed_once_and_kept_as_hashes_alone(shell: Shell) -> None:
    ran = shell(*GENERATE, "--count", "5")
    codes = ran.out.split()
    assert len(set(codes)) == 5
    assert all(clean(code) for code in codes)
    assert counts(shell) == {"codes": 5, "free": 5, "redeemed": 0, "expired": 0, "revoked": 0}
    content = (
        (shell.folder / "jurat.db").read_bytes() + (shell.folder / "jurat.db-wal").read_bytes()
        if (shell.folder / "jurat.db-wal").exists()
        else (shell.folder / "jurat.db").read_bytes()
    )
    for code in codes:
        assert code.encode() not in content
        assert code.replace("-", "").encode() not in content


def test_as_json_they_are_a_list(shell: Shell) -> None:
    assert len(shell(*GENERATE, "--count", "3", "--json").json["generated"]) == 3


def test_a_file_of_codes_is_for_the_owner_alone_and_nothing_is_printed(shell: Shell) -> None:
    ran = shell(*GENERATE, "--count", "4", "--out", "codes.txt")
    path = shell.folder / "codes.txt"
    assert (ran.code, ran.out) == (0, "")
    assert len(path.read_text().split()) == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(code in ran.err for code in path.read_text().split())


def test_a_file_that_is_there_is_not_overwritten_and_no_code_is_stored(shell: Shell) -> None:
    shell.write("codes.txt", "precious")
    ran = shell(*GENERATE, "--count", "4", "--out", "codes.txt")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert (shell.folder / "codes.txt").read_text() == "precious"
    assert counts(shell) == {}


def test_codes_that_could_not_be_stored_leave_no_file(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON jurat_codes BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    ran = shell(*GENERATE, "--count", "4", "--out", "codes.txt")
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert not (shell.folder / "codes.txt").exists()


def test_a_day_counts_to_its_end(shell: Shell) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    ran = shell(*GENERATE, "--count", "1", "--expires", str(tomorrow), "--json")
    assert ran.json["expires_at"] == f"{tomorrow + timedelta(days=1)}T00:00:00Z"
    assert stored(shell, "expires_at") == {f"{tomorrow + timedelta(days=1)} 00:00:00.000"}
    later = shell(*GENERATE, "--count", "1", "--expires", f"{tomorrow}T18:00+02:00", "--json")
    assert later.json["expires_at"] == f"{tomorrow}T16:00:00Z"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--count 1 --expires 2020-01-01", "has passed"),
        ("--count 1 --expires 2099-13-01", "a day such as"),
        ("--count 1 --expires 9999-12-31", "a day such as"),
        ("--count 1 --expires 2099-01-01T10:00", "offset"),
        ("--count 0", "1<=x"),
        ("--count 100001", "100000"),
        ("", "--count"),
    ],
)
def test_what_cannot_be_generated_is_one_sentence(shell: Shell, words: str, said: str) -> None:
    ran = shell(*GENERATE, *words.split())
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err
    assert counts(shell) == {}


def test_a_list_has_a_name_that_a_configuration_can_use(shell: Shell) -> None:
    for name in ("Spring", "a b", "x" * 64, "é"):
        ran = shell("codes", "generate", name, "--count", "1")
        assert ran.code == 2
        assert is_one_sentence(ran)


def test_codes_need_the_keys_of_their_hashes(shell: Shell) -> None:
    ran = shell(*GENERATE, "--count", "1", JURAT_HASH_KEYS="")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "JURAT_HASH_KEYS" in ran.err


def test_imported_codes_are_read_as_the_configured_source_reads_them(configured: Shell) -> None:
    codes = [generate() for _ in range(3)]
    configured.write("more.txt", "\ufeff" + "\r\n".join(code.lower() for code in codes) + "\r\n\r\n")
    ran = configured("codes", "import", "spring", "more.txt", "--json")
    assert ran.json | {"expires_at": None} == {
        "list": "spring",
        "codes": 3,
        "added": 3,
        "checked": True,
        "expires_at": None,
    }
    again = configured(
        "codes",
        "import",
        "spring",
        "-",
        stdin="\n".join(codes),
    )
    assert (again.code, again.out) == (0, "0 of 3\n")
    assert counts(configured)["codes"] == 5
    refused = configured("codes", "import", "spring", "more.txt", "--unchecked")
    assert refused.code == 2
    assert "checked: true" in refused.err


@pytest.mark.parametrize(
    "words", ["codes import spring pipe", "submit budget p-1 who --answer-file pipe", "zones locate --answer-file pipe"]
)
def test_a_pipe_with_a_name_is_told_and_not_waited_for(configured: Shell, words: str) -> None:
    os.mkfifo(configured.folder / "pipe")
    ran = configured(*words.split())
    assert ran.code == 2, ran.err
    assert is_one_sentence(ran)
    assert "pipe: it is a pipe, and no file; write it into a file first, or give - and pipe it in" in ran.err


OTHER_NAMES = [pytest.param(name, marks=pytest.mark.slow) for name in ("-", "/dev/fd/0", "/proc/self/fd/0")]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["/dev/stdin", *OTHER_NAMES])
def test_a_pipe_that_the_shell_has_opened_is_read(configured: Shell, place: str) -> None:
    ran = configured.process("codes", "import", "spring", place, stdin=f"{generate()}\n")
    assert (ran.code, ran.out) == (0, "1 of 1\n"), ran.err
    ran = configured.process("submit", "budget", "p-1", "who", "--answer-file", place, stdin='{"x": "accept"}')
    assert (ran.code, ran.err) == (0, "")


def test_codes_of_others_are_imported_before_their_source_is_configured(shell: Shell) -> None:
    shell.write("members.txt", "M-1001\nM-1002\n")
    ran = shell("codes", "import", "members", "members.txt")
    assert ran.code == 2
    assert "--unchecked" in ran.err
    assert shell("codes", "import", "members", "members.txt", "--unchecked").code == 0
    assert counts(shell, "members")["codes"] == 2


def test_codes_that_are_easily_guessed_are_imported_with_the_odds(shell: Shell) -> None:
    shell.write("members.txt", "".join(f"{7 * number + 1000}\n" for number in range(200)))
    ran = shell("codes", "import", "members", "members.txt", "--unchecked")
    assert (ran.code, counts(shell, "members")["codes"]) == (0, 200)
    assert "warning: of 50 guesses at these codes, one is right; use longer random codes" in ran.err
    shell.write("long.txt", "".join(f"{generate()}\n" for _ in range(200)))
    assert "warning" not in shell("codes", "import", "members", "long.txt", "--unchecked").err


@pytest.mark.parametrize(
    ("codes", "guesses"),
    [
        (["0017"], 10**4),
        (["0017", "4711"], 10**4 // 2),
        (["A017", "B711"], 26 * 10**3 // 2),
        (["A017", "7711"], 36 * 10**3 // 2),
        ([f"M{number}" for number in range(1000, 1200)], 5),
        (["0017", "471105"], 10**4),
        ([str(number) for number in range(1000, 10000)], 1),
    ],
)
def test_the_odds_follow_from_the_form_of_the_codes(codes: list[str], guesses: int) -> None:
    assert guesses_needed(codes) == guesses


def test_one_bad_line_and_nothing_is_imported(shell: Shell) -> None:
    shell.write("members.txt", "M-1001\n\n  ab\nM-1003\nm 1001\nüüüü\n")
    ran = shell("codes", "import", "members", "members.txt", "--unchecked")
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.splitlines() == [
        "jurat: members.txt:3:3: this is no code: 4 to 64 letters and digits are expected",
        "jurat: members.txt:5:1: this is the same code as in line 1; remove one",
        "jurat: members.txt:6:1: this is no code: 4 to 64 letters and digits are expected",
        "jurat: nothing was imported",
    ]
    assert counts(shell, "members") == {}


def test_a_long_list_of_problems_is_cut(shell: Shell) -> None:
    shell.write("members.txt", "x\n" * 200)
    ran = shell("codes", "import", "members", "members.txt", "--unchecked")
    assert len(ran.err.splitlines()) == 52
    assert "and 150 more" in ran.err


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "holds no codes"), (b"\n\n", "holds no codes"), (b"abcd\nef\xff\n", "members.txt:2:1: this is not UTF-8")],
)
def test_a_file_without_codes_is_one_sentence(shell: Shell, content: bytes, said: str) -> None:
    (shell.folder / "members.txt").write_bytes(content)
    ran = shell("codes", "import", "members", "members.txt", "--unchecked")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err


def test_the_list_counts_what_became_of_codes(shell: Shell) -> None:
    shell(*GENERATE, "--count", "5")
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        for column, position in (("expires_at", 0), ("revoked_at", 1), ("redeemed_at", 2)):
            extra = ", redeemed_by = 'x'" if column == "redeemed_at" else ""
            connection.execute(
                f"UPDATE jurat_codes SET {column} = '2020-01-01 00:00:00.000'{extra} WHERE fingerprint = "
                f"(SELECT fingerprint FROM jurat_codes ORDER BY fingerprint LIMIT 1 OFFSET {position})"
            )
    assert counts(shell) == {"codes": 5, "free": 2, "redeemed": 1, "expired": 1, "revoked": 1}
    assert shell("codes", "list").out.splitlines()[1].split() == ["spring", "5", "2", "1", "1", "1"]


def test_without_codes_the_list_says_how_to_make_some(shell: Shell) -> None:
    ran = shell("codes", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "codes generate" in ran.err
    assert shell("codes", "list", "--json").json == []


def test_codes_that_were_hashed_with_an_older_key_are_in_the_list_already(configured: Shell) -> None:
    """Who restores a list from the file of its codes must not make used ones valid again."""
    codes = [generate() for _ in range(3)]
    configured.write("codes.txt", "\n".join(codes))
    assert configured("codes", "import", "spring", "codes.txt").out == "3 of 3\n"
    old, new = configured.environment["JURAT_HASH_KEYS"], key_to_text(bytes(32))
    again = configured("codes", "import", "spring", "codes.txt", JURAT_HASH_KEYS=f"{new},{old}")
    assert (again.code, again.out) == (0, "0 of 3\n")
    ran = configured("codes", "import", "spring", "codes.txt", JURAT_HASH_KEYS=new)
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "which JURAT_HASH_KEYS lacks here" in ran.err
    with opened(configured) as engine, engine.begin() as connection:
        use_key(connection, hash_key_id(bytes(32)))
    ran = configured("codes", "import", "spring", "codes.txt", JURAT_HASH_KEYS=new)
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "would not be recognised" in ran.err
    assert counts(configured)["codes"] == 5


def test_who_did_it_stands_in_the_audit(shell: Shell) -> None:
    shell(*GENERATE, "--count", "1", "--as", "Iris of the council")
    shell(*GENERATE, "--count", "1")
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection:
        actors = [row[0] for row in connection.execute("SELECT actor FROM jurat_audit ORDER BY at, id")]
    assert actors[0] == "Iris of the council"
    assert "@" in actors[1]


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    configure(postgresql_shell)
    assert postgresql_shell(*GENERATE, "--count", "2", "--expires", "2099-01-01").code == 0
    assert counts(postgresql_shell) == {"codes": 4, "free": 4, "redeemed": 0, "expired": 0, "revoked": 0}


def test_a_configuration_of_another_list_does_not_count(shell: Shell) -> None:
    shell("codes", "generate", "spring", "--count", "1")
    shell("config", "apply", str(shell.write("jurat.yaml", CONFIGURATION)))
    shell.write("x.txt", "abcd")
    assert "no applied source or question has the list autumn" in shell("codes", "import", "autumn", "x.txt").err
    assert Path(shell.folder / "x.txt").exists()


def test_as_many_are_generated_as_a_file_may_have() -> None:
    assert _MOST == MOST_CODES
