"""The page of the presets: every configuration on it could be published, and every preset is on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.registry_tests.examination import examine, examine_roster
from config.lint import lint
from config.presets import FOLDER, names_by_type
from config.registry import RegistrySource, RosterSource
from config.registry.trial_files import TrialFiles
from tests.docs.pages import ROOT, Block, blocks

PAGE = ROOT / "docs" / "administrators" / "registries.md"
SNIPPETS = blocks(PAGE, "yaml")

REST = """\
criteria: { listed: { source: NAME } }
consultations: { budget: { questions: { listed: { criterion: listed } } } }
"""


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_a_configuration_could_be_published(snippet: Block, tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    name = re.findall(r"^  ([a-z]+):", snippet.text, re.MULTILINE)[0]
    file.write_text(snippet.text if "criteria:" in snippet.text else snippet.text + REST.replace("NAME", name), "utf-8")
    found = lint([file])
    assert str(found) == ""
    assert found.configuration is not None
    for name, source in found.configuration.sources.items():
        assert isinstance(source, RegistrySource | RosterSource)
        files = TrialFiles(name, [trial.name for trial in source.tests], {}, tmp_path)
        examined = (
            examine(source, files.read) if isinstance(source, RegistrySource) else examine_roster(source, files.read)
        )
        assert [fault.problem for fault in examined.faults] == []


def test_every_preset_stands_in_the_table_with_its_limits() -> None:
    text = PAGE.read_text("utf-8")
    for file in FOLDER.glob("*.yaml"):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{file.stem}`")]
        preset = file.read_text("utf-8")
        if file.stem in names_by_type()["roster"]:
            assert "no limit" in row
            continue
        for option in ("rate", "timeout"):
            value = re.search(rf"^{option}: (\S+)", preset, re.MULTILINE)
            assert value is not None
            assert value[1].replace("s", " s" if option == "timeout" else "s") in row


def test_what_is_used_is_shown_in_a_line_or_with_what_only_the_reader_knows() -> None:
    first = SNIPPETS[0].text.partition("criteria:")[0]
    assert len(first.splitlines()) - 1 <= 4 * first.count("preset:")
