"""Every text of the console, of the example platform, and of what they share exists in French too."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import block
from tests.examples.stacks.runtimes import EXAMPLES, ROOT

WEB = EXAMPLES / "platform" / "web"
FOLDERS = {"console": ROOT / "console", "pages": ROOT / "pages", "platform": WEB}
BELOW = {"console": [ROOT / "store", ROOT / "worker"]}
"""Where else there are sentences that the pages of a folder say."""
PLACEHOLDER = re.compile(r"%\(\w+\)s")
TAG = re.compile(r"<code.*?</code>|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<!--.*?-->|<[^>]*>", re.DOTALL)
ATTRIBUTE = re.compile(r'\b[\w-]+="[\w -]*"')
MARKED = re.compile(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", re.DOTALL)
NAMES = {"Valmont", "UTC", "jurat"}
"""Words of a template that are the same in every language."""


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest) -> Path:
    """Each folder that has texts of its own."""
    return FOLDERS[request.param]


@pytest.fixture
def marked(folder: Path) -> dict[Any, str]:
    """Every text that is marked in code and templates, with its file; but for what is shared and used again."""
    shared = extracted(FOLDERS["pages"]) if folder != FOLDERS["pages"] else {}
    return {text: file for text, file in extracted(folder).items() if text not in shared}


@cache
def extracted(folder: Path) -> dict[Any, str]:
    """All texts of a folder, each with its file."""
    from babel.messages.extract import extract_from_dir
    from babel.messages.frontend import parse_mapping_cfg

    with (folder / "translations" / "babel.cfg").open(encoding="utf-8") as mapping:
        methods, options = parse_mapping_cfg(mapping)
    folders = [folder, *BELOW.get(folder.name, [])]
    found = [message for each in folders for message in extract_from_dir(each, methods, options)]
    return {message: file for file, _line, message, _comments, _context in found}


@pytest.fixture
def french(folder: Path) -> Any:
    """What the translators wrote."""
    from babel.messages.pofile import read_po

    with (folder / "translations" / "fr.po").open("rb") as stream:
        return read_po(stream, abort_invalid=True)


def test_texts_are_found_in_code_and_in_templates(marked: dict[Any, str]) -> None:
    assert {Path(file).suffix for file in marked.values()} == {".py", ".html"}
    assert len(marked) > 40


def test_each_has_a_translation_and_none_is_left_over(marked: dict[Any, str], french: Any) -> None:
    written = {message.id: message.string for message in french if message.id}
    assert sorted(map(str, marked.keys() - written.keys())) == []
    assert sorted(map(str, written.keys() - marked.keys())) == []
    untranslated = [key for key, text in written.items() if not all([text] if isinstance(text, str) else text)]
    assert untranslated == []
    assert french.obsolete == {}


def test_none_is_a_guess(french: Any) -> None:
    assert not french.fuzzy
    assert [message.id for message in french if message.id and message.fuzzy] == []


def test_placeholders_are_those_of_the_english_text(french: Any) -> None:
    for message in french:
        english = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        if message.id:
            allowed = {frozenset(PLACEHOLDER.findall(text)) for text in english}
            assert {frozenset(PLACEHOLDER.findall(text)) for text in texts} <= allowed, message.id
            assert "%" not in PLACEHOLDER.sub("", "".join(texts)).replace("%%", ""), message.id


def test_there_are_two_forms_of_a_number(french: Any) -> None:
    assert french.num_plurals == 2
    assert all(len(message.string) == 2 for message in french if isinstance(message.id, tuple))


def test_french_is_set_as_french(french: Any) -> None:
    texts = [
        text
        for message in french
        if message.id
        for text in ([message.string] if isinstance(message.string, str) else message.string)
    ]
    assert [text for text in texts if "'" in text or '"' in text] == []
    # A narrow space that does not break before these, and none that breaks.
    assert [text for text in texts if re.search(r"[^\u202f\d][;:!?»]", re.sub(r"https?://\S*|\d:\d", "", text))] == []
    assert [text for text in texts if re.search(r"«[^\u202f]", text)] == []
    assert [text for text in texts if text != text.strip()] == []


def test_no_text_of_a_template_is_unmarked(folder: Path) -> None:
    for file in (folder / "templates").rglob("*.html"):
        shown = TAG.sub(" ", MARKED.sub(" ", file.read_text("utf-8")))
        shown = ATTRIBUTE.sub(" ", re.sub(r"&\w+;", " ", shown))  # macros write whole attributes
        words = set(re.findall(r"[^\W\d_]{2,}", shown)) - NAMES
        assert words == set(), file.name


def test_the_commands_for_translators_find_nothing_to_do(tmp_path: Path) -> None:
    """Those of the README, on a copy."""
    copy = tmp_path / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = _entries(copy / "translations" / "fr.po")
    pybabel = str(Path(sys.executable).with_name("pybabel"))
    commands = [
        line for line in block(EXAMPLES / "platform" / "README.md", "sh", "pybabel").splitlines() if "pybabel" in line
    ]
    assert len(commands) == 2
    for command in commands:
        words = [pybabel if word.endswith("pybabel") else word for word in shlex.split(command)]
        subprocess.run(words, cwd=copy, check=True, capture_output=True, timeout=60)
    assert _entries(copy / "translations" / "fr.po") == before


def _entries(file: Path) -> str:
    return file.read_text("utf-8").partition("\n\n")[2]
