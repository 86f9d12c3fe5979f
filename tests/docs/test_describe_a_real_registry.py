"""How to describe a real registry: the page works as it is, is as short as it says, and keeps to the contract."""

from __future__ import annotations

import re
from pathlib import Path

import jmespath
import pytest
from ruamel.yaml import YAML

from config.lint import lint
from config.registry import RegistrySource
from tests.docs.pages import ROOT, block
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "administrators" / "describe-a-real-registry.md"
DESCRIPTION = block(PAGE, "yaml")
MOST_LINES = 40
CONTRACT = Path("data") / "registries" / "nordic" / "brreg-enhetsregisteret-openapi.yml"


def described(folder: Path) -> RegistrySource:
    (folder / "enheter.yaml").write_text(DESCRIPTION, "utf-8")
    found = lint([folder / "enheter.yaml"])
    assert str(found) == ""
    assert found.configuration is not None
    source = found.configuration.sources["enheter"]
    assert isinstance(source, RegistrySource)
    return source


def test_the_source_is_as_short_as_the_page_says() -> None:
    """Lines from the name of the source to its end, its tests among them, without comments and blank ones."""
    source = DESCRIPTION.partition("sources:\n")[2].partition("criteria:\n")[0]
    lines = [line for line in map(str.strip, source.splitlines()) if line and not line.startswith("#")]
    promised = re.search(r"^([0-9]+) lines of YAML", PAGE.read_text("utf-8"), re.MULTILINE)
    assert promised is not None
    assert len(lines) == int(promised[1]) <= MOST_LINES
    assert max(map(len, source.splitlines())) <= 150


def test_it_asks_for_nothing_that_the_contract_does_not_have(tmp_path: Path, shared: Path) -> None:
    source = described(tmp_path)
    contract = YAML(typ="safe").load((shared / CONTRACT).read_text("utf-8"))
    (step,) = source.steps
    base = contract["servers"][0]["url"]
    path = step.request.url.removeprefix(base).replace("{number}", "{organisasjonsnummer}")
    operation = contract["paths"][path]["get"]
    assert {"200", "404", "410"} <= operation["responses"].keys()
    assert step.request.headers["Accept"] in operation["responses"]["200"]["content"]
    schemas = contract["components"]["schemas"]
    known = {*schemas["Enhet"]["properties"], *schemas["Organisasjonsform"]["properties"], "family"}
    for expression in source.record.fields.values():
        assert fields_of(str(expression)) <= known


def fields_of(expression: str) -> set[str]:
    found, waiting = set[str](), [jmespath.compile(expression).parsed]
    while waiting:
        node = waiting.pop()
        if node["type"] == "field":
            found.add(node["value"])
        waiting += [child for child in node["children"] if isinstance(child, dict)]
    return found


@pytest.mark.slow
def test_the_page_is_followed(terminal: Terminal) -> None:
    described(terminal.folder)
    terminal.follow(PAGE)
    assert lint([terminal.folder / "begun.yaml"]).problems == ()
