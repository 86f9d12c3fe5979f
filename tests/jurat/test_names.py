from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from jurat import names
from jurat.names import same_person

MIGRATION = Path(__file__).resolve().parents[2] / "migrations" / "versions" / "0021_asked.py"


@pytest.mark.parametrize("name", ["ada", " Ada", "A\u200bda", "Ada\ufe0f", "Ada\u2800", "Ａｄａ", "Ada\U000e0100"])
def test_a_name_is_one_persons_however_it_is_written(name: str) -> None:
    assert same_person(name, None, "Ada")


@pytest.mark.parametrize("name", ["Eda", "Ada 2", "Ad\u00e4", "A da"])
def test_other_names_are_other_persons(name: str) -> None:
    assert not same_person(name, None, "Ada")


def test_the_database_leaves_out_the_same_signs() -> None:
    assert runpy.run_path(str(MIGRATION))["UNSEEN"] == names.UNSEEN
