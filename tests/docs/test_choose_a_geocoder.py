"""How to ask for an address, and choose a geocoder: every configuration is taken, and every geocoder has one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML

from config.addresses import AddressSource
from config.lint import lint
from config.sources import SourceModel
from tests.docs.pages import ROOT, Block, blocks

PAGE = ROOT / "docs" / "administrators" / "choose-a-geocoder.md"
SNIPPETS = blocks(PAGE, "yaml")
ON_ADDRESSES = blocks(PAGE.with_name("addresses.md"), "yaml")

REST = """\
criteria: { lives-in: { source: NAME, open: [zone] } }
consultations: { budget: { questions: { residence: { criterion: lives-in, with: { zone: old-town } } } } }
"""
"""What the page shows once, and not with each source."""


@pytest.mark.parametrize("snippet", [*SNIPPETS, *ON_ADDRESSES], ids=str)
def test_a_configuration_is_taken(snippet: Block, tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    names = re.findall(r"^  ([a-z]+):", snippet.text, re.MULTILINE)
    rest = "" if "criteria:" in snippet.text else REST.replace("NAME", f"[{', '.join(names)}]")
    file.write_text(snippet.text + rest, "utf-8")
    assert lint([file], zones=["old-town"]).problems == ()


def test_every_type_of_address_source_has_one() -> None:
    models = get_args(get_args(SourceModel)[0])
    types = {get_args(model.model_fields["type"].annotation)[0] for model in models if issubclass(model, AddressSource)}
    shown = {
        source["type"] for snippet in SNIPPETS for source in YAML(typ="safe").load(snippet.text)["sources"].values()
    }
    assert shown == types
