"""How to limit a source: its configuration is taken, its commands work as shown, its figures are those of the code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from adapters.base import Finding, Found, Query, SourceError
from adapters.registry.batches import RegistryOfMany
from config.document import Document
from config.limits import LimitedSource
from config.lint import lint
from config.registry import RegistrySource
from jurat.vocabulary import Reason
from tests.adapters.registry.described import Canned
from tests.docs.pages import ROOT, block, blocks
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "administrators" / "limit-a-source.md"
QUICKSTART = ROOT / "docs" / "platforms" / "quickstart.md"


def test_the_configuration_has_every_limit_and_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(block(PAGE, "yaml", "consultations:"), "utf-8")
    assert lint([file]).problems == ()
    source = YAML(typ="safe").load(file.read_text("utf-8"))["sources"]["spring"]
    assert set(LimitedSource.model_fields) <= set(source)
    limits = Document.model_validate(YAML(typ="safe").load(file.read_text("utf-8"))).sources["spring"]
    assert limits.burst == limits.usual_burst == 5


def test_the_batch_is_taken_and_asked_for_as_shown() -> None:
    shown = YAML(typ="safe").load(block(PAGE, "yaml", "batch:"))
    model = RegistrySource.model_validate(
        {
            "type": "registry",
            "hosts": ["registry.example"],
            "inputs": {"number": {"clean": ["digits"]}},
            "record": {"from": "body.entry[].resource", "fields": {"number": "identifier"}},
            "rules": [{"check": "equals", "field": "number", "input": "number"}],
            **shown,
        }
    )
    whole = {"total": 1, "entry": [{"resource": {"identifier": "7"}}]}
    canned = Canned([whole, {**whole, "total": 2}])
    source = RegistryOfMany(model, secret=str, transport=canned)
    queries = [Query({"number": number}) for number in ("7", "8")]
    assert reasons(source.look_up_many(queries)) == [Reason.RECORD_MATCHES, Reason.RECORD_NOT_FOUND]
    assert dict(canned.sent[0]["params"])["identifier"] == "https://ids.example|7,https://ids.example|8"
    assert reasons(source.look_up_many(queries)) == [Reason.SOURCE_UNREADABLE] * 2
    assert model.rate is not None
    assert model.together * model.rate.count / model.rate.period_s == 100


def reasons(found: Sequence[Found | SourceError]) -> list[Reason]:
    return [each.reason for each in found if isinstance(each, Finding | SourceError)]


@pytest.mark.slow
def test_a_source_is_paused_and_resumed_as_shown(terminal: Terminal) -> None:
    terminal.run_block(blocks(QUICKSTART, "sh")[1], {})
    terminal.follow(PAGE)
