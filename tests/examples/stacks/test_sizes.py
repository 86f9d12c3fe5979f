"""The example platforms are there to be read."""

from __future__ import annotations

import pytest

from tests.examples.stacks.runtimes import EXAMPLES, PLATFORMS


@pytest.mark.parametrize("stack", PLATFORMS)
def test_a_platform_is_small_enough_to_be_read(stack: str) -> None:
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in (EXAMPLES / stack).glob("*.*")}
    programs = {name: length for name, length in lengths.items() if name.startswith("app.")}
    assert len(programs) == 1
    assert max(programs.values()) <= 150
    assert lengths.get("page.html", 0) <= 30
    assert lengths["README.md"] <= 30
