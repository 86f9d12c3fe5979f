"""`codes revoke`: a whole list, or codes from a file or standard input."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from jurat.codes import generate
from tests.cli.commands.test_codes import GENERATE, counts
from tests.cli.conftest import configure
from tests.cli.shell import Shell, is_one_sentence

REVOKE = ("codes", "revoke", "spring")


@pytest.fixture
def codes(configured: Shell) -> list[str]:
    """Those of the list, beside two that the configuration came with."""
    return configured(*GENERATE, "--count", "4").out.split()


def redeem(shell: Shell, count: int = 1) -> None:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        where = "fingerprint IN (SELECT fingerprint FROM jurat_codes ORDER BY created_at DESC, fingerprint LIMIT ?)"
        connection.execute(f"UPDATE jurat_codes SET redeemed_by = 'x' WHERE {where}", (count,))


def test_a_list_is_revoked_and_what_was_redeemed_stays(configured: Shell, codes: list[str]) -> None:
    assert codes
    redeem(configured)
    ran = configured(*REVOKE, "--yes", "--as", "Iris")
    assert (ran.code, ran.out) == (0, "5 of 6\n")
    assert "revoked 5 codes of the list spring; what 1 redeemed code gave stays: `bin/jurat access revoke`" in ran.err
    assert counts(configured) == {"codes": 6, "free": 0, "redeemed": 1, "expired": 0, "revoked": 5}
    assert configured(*REVOKE, "--yes", "--json").json == {"list": "spring", "revoked": 0, "redeemed": 1}
    noted = configured("audit", "--action", "codes revoke", "--json").json
    assert [(each["actor"], each["subject"], each["detail"]) for each in noted] == [("Iris", "spring", {"codes": 5})]


def test_a_person_is_asked_first(configured: Shell, codes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ran = configured(*REVOKE, stdin="\n".join(codes))
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "add --yes" in ran.err
    monkeypatch.setattr("cli.command.at_terminal", lambda: True)
    ran = configured(*REVOKE, stdin="n\n")
    assert ran.code == 1
    assert "6 codes of the list spring will let nobody in, for good. Revoke?" in ran.err
    assert "nothing was revoked" in ran.err
    assert counts(configured)["revoked"] == 0
    assert configured(*REVOKE, stdin="y\n").out == "6 of 6\n"


def test_single_codes_are_revoked_from_a_file_or_standard_input(configured: Shell, codes: list[str]) -> None:
    configured.write("lost.txt", f"{codes[0].lower()}\n\n{codes[1]}\n{generate()}\n")
    ran = configured(*REVOKE, "lost.txt")
    assert (ran.code, ran.out) == (0, "2 of 3\n")
    assert "revoked 2 codes of the list spring (revoked before: 0, not in it: 1)\n" in ran.err
    ran = configured(*REVOKE, "-", "--json", stdin=f"{codes[1]}\n{codes[2]}\n")
    assert ran.json == {"list": "spring", "codes": 2, "revoked": 1, "redeemed": 0, "before": 1, "unknown": 0}
    assert counts(configured)["revoked"] == 3
    assert not any(code in ran.out + ran.err for code in codes)


def test_a_bad_line_is_told_without_its_text_and_nothing_is_revoked(configured: Shell, codes: list[str]) -> None:
    ran = configured(*REVOKE, "-", stdin=f"{codes[0]}\n SECRET\nSECRET-2\n")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "jurat: standard input:2:2: this is no code: 12 letters and digits with a check character are expected",
        "jurat: standard input:3:1: this is no code: 12 letters and digits with a check character are expected",
        "jurat: nothing was revoked",
    ]
    assert counts(configured)["revoked"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("autumn --yes", "there is no list autumn; `bin/jurat codes list` shows them"),
        ("autumn -", "there is no list autumn"),
        ("spring no.txt", "no.txt"),
        ("spring - --unchecked", "checked: true"),
    ],
)
def test_what_cannot_be_revoked_is_one_sentence(configured: Shell, words: str, said: str) -> None:
    ran = configured("codes", "revoke", *words.split(), stdin=generate())
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert said in ran.err


def test_only_single_codes_need_the_keys_of_their_hashes(configured: Shell, codes: list[str]) -> None:
    ran = configured(*REVOKE, "-", stdin=codes[0], JURAT_HASH_KEYS="")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "JURAT_HASH_KEYS is not set" in ran.err
    assert configured(*REVOKE, "--yes", JURAT_HASH_KEYS="").out == "6 of 6\n"


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    configure(postgresql_shell)
    (code,) = postgresql_shell(*GENERATE, "--count", "1").out.split()
    assert postgresql_shell(*REVOKE, "-", stdin=code).out == "1 of 1\n"
    assert postgresql_shell(*REVOKE, "--yes").out == "2 of 3\n"
