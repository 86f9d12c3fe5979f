"""A configuration that is typed into a page: the same problems as in a file, and nothing of this machine."""

from __future__ import annotations

import time
from pathlib import Path
from threading import BoundedSemaphore

import pytest

from adapters.registry_tests import apart
from adapters.registry_tests.apart import NotChecked, check_apart
from adapters.registry_tests.configurations import all_problems
from adapters.registry_tests.typed_text import check
from config.lint import lint
from config.problems import Problem
from config.starters import starter_text

GOOD = starter_text("json", "board")
SECRET = '{"person": {"number": "confidential-7", "last_name": "Confidential", "status": "Confidential"}}'


def checked(text: str, applied: str | None = None) -> list[str]:
    """The problems of a text; none of level error if it can be applied."""
    found = check(text, ["old-town"], ["spring"], applied)
    problems = [str(Problem(**each)) for each in found["problems"]]
    assert (found["document"] is None) is any(": error: " in each for each in problems)
    return problems


def with_file(name: object) -> str:
    """The text with the answer of its first test in a file."""
    before, _, after = GOOD.partition("            json: &person")
    _, _, after = after.split("\n", 2)
    return f"{before}            file: {name}\n" + after.replace("*person", "{}")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("is: active", "is: acitve"),
        GOOD.replace("expect: accepted", "expect: refused/status_inactive"),
        "sources:\n  a: { type: codes, list: sprung }\n",
        "sources: {a: &x [*x]}",
        "environment: [",
        "",
    ],
)
def test_the_problems_are_those_of_a_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "configuration"
    file.write_text(text)
    report = lint([file], zones=["old-town"])
    expected = [str(each).removeprefix(f"{tmp_path}/") for each in all_problems(report, ["spring"])]
    assert checked(text) == expected


def test_a_process_of_its_own_finds_the_same(tmp_path: Path) -> None:
    found = check_apart(GOOD.replace("is: active", "is: acitve"), [], [], None)
    assert found.configuration is None
    assert [each.line for each in found.problems if each.severity == "error"] == [35]
    report = lint([_written(tmp_path, GOOD)])
    good = check_apart(GOOD, [], [], None)
    assert good.configuration is not None
    assert report.configuration is not None
    assert good.configuration.digest == report.configuration.digest


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("{}", "no file can be named here"),
        ("preset:{}", "this is no file of a preset"),
        ("preset:board/../../../../../../../..{}", "this is no file of a preset"),
    ],
)
def test_no_file_of_this_machine_can_be_read(
    way: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "answer.json").write_text(SECRET)
    monkeypatch.chdir(tmp_path)
    for name in ("answer.json", tmp_path / "answer.json"):
        text = with_file(way.format(name))
        found = "\n".join(checked(text))
        assert f"tests[0].responses.lookup.file: {said}" in found
        assert "onfidential" not in found


def test_what_secrets_there_are_cannot_be_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("confidential")
    monkeypatch.setenv("JURAT_SOURCE_SECRETS", str(tmp_path))
    monkeypatch.setenv("JURAT_SOURCE_HERE", "confidential")
    texts = [
        GOOD.replace("    rate:", f"    secrets: {{ api_key: {{ {where} }} }}\n    rate:", 1).replace(
            "        request:\n", '        request:\n          headers: { X-Key: "{secrets.api_key}" }\n', 1
        )
        for where in ("env: JURAT_SOURCE_HERE", "env: JURAT_SOURCE_GONE", "file: key", "file: gone")
    ]
    texts += [f"sources:\n  a: {{ type: address-file, path: {path} }}\n" for path in (tmp_path / "key", "/nowhere")]
    here, gone, file, no_file, path, no_path = (checked(text) for text in texts)
    for one, other in ((here, gone), (file, no_file), (path, no_path)):
        assert one == other
    assert not any(": error: " in each for each in here)


def test_a_source_with_answers_in_files_stays_only_as_it_was_applied(tmp_path: Path) -> None:
    person = '{"number": "10000001", "last_name": "Ashgrove", "first_name": "Linnet", "status": "registered", '
    person += '"professions": [{"code": "10"}]}'
    (tmp_path / "answer.json").write_text(f'{{"person": {person}}}')
    text = with_file("answer.json")
    applied = lint([_written(tmp_path, text)]).configuration
    assert applied is not None
    (kept,) = checked(text, applied.to_json())
    assert "warning: sources.board.tests: its tests were not run" in kept
    changed = checked(text.replace("rate: 2/s", "rate: 1/s"), applied.to_json())
    assert any("no file can be named here" in each for each in changed)


@pytest.mark.slow
def test_the_work_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MOST_SECONDS", 1)
    text = GOOD + "\nmore:\n" + "  - again\n" * 200_000  # seconds of work, on any machine
    began = time.monotonic()
    with pytest.raises(NotChecked, match="more than 1 s"):
        check_apart(text, [], [], None)
    assert time.monotonic() - began < 30


def test_who_waits_for_a_turn_is_soon_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "PATIENCE", 0.01)
    monkeypatch.setattr(apart, "_turns", BoundedSemaphore(1))
    with apart._turns, pytest.raises(NotChecked, match="others are being checked"):
        check_apart(GOOD, [], [], None)


@pytest.mark.slow
def test_the_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MOST_MEMORY", 50 << 20)
    with pytest.raises(NotChecked):
        check_apart(GOOD + "# much\n" * 4_000_000, [], [], None)


def _written(folder: Path, text: str) -> Path:
    file = folder / "jurat.yaml"
    file.write_text(text)
    return file
