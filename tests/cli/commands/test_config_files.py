"""What `config` reads is a file, and what it prints can be read."""

from __future__ import annotations

import os

import pytest

from config.starters import starter_text
from tests.cli.conftest import CONFIGURATION
from tests.cli.shell import Shell

PIPE = "cannot be read: it is a pipe, and no file — write it into a file first"
DEVICE = "cannot be read: it is a device, and no file — write it into a file first"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("pipe.yaml", f"pipe.yaml:1:1: error: {PIPE}"),
        ("config.d", f"config.d/pipe.yaml:1:1: error: {PIPE}"),
        ("/dev/zero", f"/dev/zero:1:1: error: {DEVICE}"),
        ("/dev/null", f"/dev/null:1:1: error: {DEVICE}"),
        ("/dev/stdin", f"/dev/stdin:1:1: error: {PIPE}"),
        ("empty.d", "empty.d:1:1: error: the folder holds no *.yaml file"),
        ("large.yaml", "large.yaml:1:1: error: the file is larger than 256 KiB"),
    ],
)
def test_what_is_no_file_of_a_configuration_is_told_and_not_waited_for(bare_shell: Shell, path: str, said: str) -> None:
    for folder in ("config.d", "empty.d"):
        (bare_shell.folder / folder).mkdir()
    for pipe in ("pipe.yaml", "config.d/pipe.yaml"):
        os.mkfifo(bare_shell.folder / pipe)
    with (bare_shell.folder / "large.yaml").open("wb") as large:
        large.truncate(1 << 40)  # takes no room
    lint = bare_shell.process if path == "/dev/stdin" else bare_shell
    ran = lint("config", "lint", path)
    assert ran.code == 2
    assert ran.out.startswith(said)
    assert "Traceback" not in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_told(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", CONFIGURATION).chmod(0)
    ran = bare_shell("config", "lint", "jurat.yaml")
    assert (ran.code, ran.out) == (2, "jurat.yaml:1:1: error: cannot be read: Permission denied\n")


@pytest.mark.slow
def test_of_thousands_of_mistakes_the_first_are_told_and_the_others_counted(configured: Shell) -> None:
    wrong = "".join(f"  c{number}: 1\n" for number in range(3000))
    configured.write("jurat.yaml", f"sources:\n  unused: {{ type: manual }}\ncriteria:\n{wrong}")
    ran = configured("config", "lint", "jurat.yaml")
    told = ran.out.splitlines()
    assert (ran.code, ran.err) == (2, "3,000 errors, 0 warnings\n")
    assert len(told) == 101
    assert told[0].startswith("jurat.yaml:4:7: error: criteria.c0: ")
    assert told[-1] == "… and 2,900 more: fix these first, and run it again"
    assert len(configured("config", "lint", "jurat.yaml", "--json").json["problems"]) == 3000
    for words in (("config", "apply"), ("config", "diff"), ("sources", "test", "--all", "--config")):
        ran = configured(*words, "jurat.yaml")
        assert ran.code == 2
        assert len(ran.err.splitlines()) == 102


def test_lint_says_what_a_source_implies(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", starter_text("json", "board"))
    ran = bare_shell("config", "lint", "jurat.yaml")
    said = "implied in board: hosts registry.example; inputs family_name, given_name; rules[0] equals; rules[1] name"
    assert (ran.code, ran.out) == (0, "")
    assert said in ran.err.splitlines()
    implied = bare_shell("config", "lint", "jurat.yaml", "--json").json["implied"]["board"]
    assert (implied["hosts"], implied["inputs"]) == (["registry.example"], ["family_name", "given_name"])
    assert [rule["check"] for rule in implied["rules"]] == ["equals", "name"]
