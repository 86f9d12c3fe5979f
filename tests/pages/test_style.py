"""What the stylesheet promises to those who look at pages in a few widths only."""

from __future__ import annotations

import re
from pathlib import Path

import pages

STYLE = (Path(pages.__file__).parent / "static" / "style.css").read_text(encoding="utf-8")


def test_no_width_hides_a_part_of_a_page() -> None:
    """Most of axe-core's rules look at a page in one width (tests/examples/platform/browser/examining.py)."""
    by_width = re.findall(r"@media [^{]*width[^{]*\{((?:[^{}]*\{[^{}]*\})*)", STYLE)
    assert len(by_width) >= 3
    assert not any(word in rules for rules in by_width for word in ("none", "hidden", "contents"))
