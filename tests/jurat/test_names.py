from __future__ import annotations

import pytest

from jurat.names import same_person


@pytest.mark.parametrize("name", ["ada", " Ada", "A\u200bda", "Ada\ufe0f", "Ada\u2800", "Ａｄａ", "Ada\U000e0100"])
def test_a_name_is_one_persons_however_it_is_written(name: str) -> None:
    assert same_person(name, None, "Ada")


@pytest.mark.parametrize("name", ["Eda", "Ada 2", "Ad\u00e4", "A da"])
def test_other_names_are_other_persons(name: str) -> None:
    assert not same_person(name, None, "Ada")
